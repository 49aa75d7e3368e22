"""Downloads that were interrupted: no byte is fetched twice, and none is trusted unchecked."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist_core import FetchError
from fmnist_core.storage import download
from fmnist_core.storage.download import Fetched, fetch
from tests.helpers.mirrors import (
    BODY,
    OTHER,
    assert_fetched,
    check,
    note,
    part,
)
from tests.helpers.server import FaultServer, Page

pytestmark = pytest.mark.usefixtures("own_network")


@pytest.mark.parametrize("fault", ["short", "stall"])
@pytest.mark.parametrize("cut", [1, 4096, 10_000, len(BODY) - 1])
def test_no_byte_is_fetched_twice(
    server: FaultServer, path: str, target: Path, cut: int, fault: str
) -> None:
    url = server.url(path, Page(BODY, fault, cut=cut), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert part(target).read_bytes() == BODY[:cut]
    assert fetch([url], target, check) == Fetched(url, ())
    assert_fetched(target)
    assert server.sent[path] == len(BODY)
    again = server.asked(path)[1]
    assert (again["Range"], again["If-Range"]) == (f"bytes={cut}-", '"1"')


def test_bytes_received_before_a_reset_are_kept(
    server: FaultServer, path: str, target: Path
) -> None:
    url = server.url(path, Page(BODY, "reset"), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    part_bytes = part(target).read_bytes() if part(target).exists() else b""
    assert BODY.startswith(part_bytes)
    fetch([url], target, check)
    assert_fetched(target)
    # A reset may throw away what had come and was not read yet.
    assert not part_bytes or server.asked(path)[1]["Range"] == f"bytes={len(part_bytes)}-"


def test_many_cuts_and_mirrors_make_one_file(server: FaultServer, path: str, target: Path) -> None:
    cuts = [3000, 7000, 7001, 15_000]
    urls = [
        server.url(f"{path}/{cut}", Page(BODY, "short", cut=cut, etag=f'"{cut}"')) for cut in cuts
    ]
    last = server.url(path, Page(BODY, etag='"last"'))
    assert len(fetch([*urls, last], target, check).faults) == len(cuts)
    assert_fetched(target)
    assert sum(server.sent[f"{path}/{cut}"] for cut in cuts) + server.sent[path] == len(BODY)
    # An ETag means nothing to another server.
    assert "If-Range" not in server.asked(path)[0]


def test_a_range_survives_a_redirect(server: FaultServer, path: str, target: Path) -> None:
    server.url(path, Page(BODY, "short", cut=5000), Page(BODY))
    url = server.url(f"{path}/old", Page(fault="redirect", headers={"Location": path}))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    fetch([url], target, check)
    assert_fetched(target)
    assert server.sent[path] == len(BODY)


@pytest.mark.parametrize(
    ("marks", "validator"),
    [
        ({"etag": '"1"', "modified": "Thu, 31 Aug 2017 10:00:00 GMT"}, '"1"'),
        ({"etag": 'W/"1"', "modified": "Thu, 31 Aug 2017 10:00:00 GMT"}, "Thu, 31 Aug 2017"),
        ({"etag": "", "modified": "Thu, 31 Aug 2017 10:00:00 GMT"}, "Thu, 31 Aug 2017"),
        ({"etag": 'W/"1"'}, ""),
        ({"etag": ""}, ""),
    ],
)
def test_the_strongest_validator_is_sent(
    server: FaultServer, path: str, target: Path, marks: dict[str, str], validator: str
) -> None:
    url = server.url(path, Page(BODY, "short", **marks), Page(BODY, **marks))  # type: ignore[arg-type]
    with pytest.raises(FetchError):
        fetch([url], target, check)
    fetch([url], target, check)
    assert_fetched(target)
    assert server.sent[path] == len(BODY)
    assert server.asked(path)[1].get("If-Range", "").startswith(validator)
    assert ("If-Range" in server.asked(path)[1]) == bool(validator)


@pytest.mark.parametrize(
    "now",
    [
        Page(BODY, etag='"2"'),
        Page(BODY, etag='"1"', ranges=False),
        Page(BODY, "range"),
        Page(BODY, etag='"2"', heedless=True),
        Page(BODY, modified="Fri, 01 Sep 2017 10:00:00 GMT", heedless=True),
        Page(BODY, "chunked"),
    ],
    ids=["etag", "no-ranges", "wrong-range", "heedless-etag", "heedless-date", "chunked"],
)
def test_a_file_that_cannot_be_resumed_starts_over(
    server: FaultServer, path: str, target: Path, now: Page
) -> None:
    old = Page(bytes(len(BODY)), "short", modified="Thu, 31 Aug 2017 10:00:00 GMT")
    url = server.url(path, old, now)
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert fetch([url], target, check, nbytes=len(BODY)) == Fetched(url, ())
    assert_fetched(target)


def test_a_revision_of_another_length_starts_over(
    server: FaultServer, path: str, target: Path
) -> None:
    url = server.url(path, Page(OTHER, "short"), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert fetch([url], target, check) == Fetched(url, ())
    assert_fetched(target)


@pytest.mark.parametrize("harm", ["flip", "longer", "whole", "empty", "note-torn", "note-gone"])
def test_a_damaged_part_is_fetched_anew(
    server: FaultServer, path: str, target: Path, harm: str
) -> None:
    url = server.url(path, Page(BODY, "short"), Page(BODY))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    part_bytes = part(target).read_bytes()
    parts = {
        "flip": bytes([part_bytes[0] ^ 1]) + part_bytes[1:],
        "longer": part_bytes + OTHER,
        "whole": bytes(len(BODY)),
        "empty": b"",
    }
    part(target).write_bytes(parts.get(harm, part_bytes))
    if harm == "note-torn":
        note(target).write_text(note(target).read_text()[:-5])
    elif harm == "note-gone":
        note(target).unlink()
    faults = fetch([url], target, check).faults
    assert_fetched(target)
    assert len(faults) == (harm in ("flip", "longer", "whole"))
    assert ("Range" in server.asked(path)[1]) == (harm == "flip")
    if harm == "flip":
        assert "resumed after 10001 bytes: expected the wanted bytes" in faults[0]


def test_a_mirror_that_stays_wrong_is_asked_from_zero_only_once(
    server: FaultServer, path: str, target: Path
) -> None:
    url = server.url(path, Page(BODY, "short"), Page(bytes(len(BODY))))
    with pytest.raises(FetchError):
        fetch([url], target, check)
    with pytest.raises(FetchError, match="resumed after") as caught:
        fetch([url], target, check)
    assert str(caught.value).count(url) == 2
    assert len(server.asked(path)) == 3
    assert list(target.parent.iterdir()) == []


def test_a_whole_part_needs_no_network(
    server: FaultServer, path: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(BaseException):
        pass

    def stop(_: Path) -> None:
        raise Stopped

    url = server.url(path, Page(BODY))
    with pytest.raises(Stopped):
        fetch([url], target, stop)
    assert part(target).read_bytes() == BODY
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    assert fetch(["http://elsewhere.invalid/"], target, check) == Fetched(url, ())
    assert_fetched(target)


def test_ctrl_c_leaves_a_part_to_resume(
    server: FaultServer, path: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "REPORT_EVERY", 0.0)

    def interrupt(done: int, _: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    url = server.url(path, Page(BODY, pace=0.03), Page(BODY))
    with pytest.raises(KeyboardInterrupt):
        fetch([url], target, check, report=interrupt)
    part_size = part(target).stat().st_size
    assert 0 < part_size < len(BODY)
    fetch([url], target, check)
    assert_fetched(target)
    assert server.asked(path)[1]["Range"] == f"bytes={part_size}-"


# Forks, so that each child is at once in the middle of it; has one thread, so that it may.
NURSERY = """
import os, signal, sys, time
from pathlib import Path
import requests
from fmnist_core.storage.download import fetch

for line in sys.stdin:
    url, target, lifetime = line.split()
    child = os.fork()
    if not child:
        fetch([url], Path(target), lambda path: None)
        os._exit(0)
    time.sleep(float(lifetime))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_sigkill_at_any_moment_costs_only_what_was_not_written(
    server: FaultServer, path: str, tmp_path: Path
) -> None:
    url = server.url(path, Page(BODY, pace=0.01))
    clock, halfway = random.Random(25), 0
    nursery = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with nursery:
        assert nursery.stdin
        assert nursery.stdout
        for moment in range(400):
            if moment >= 25 and halfway >= 10:
                break
            target = tmp_path / str(moment) / "x.gz"
            target.parent.mkdir()
            nursery.stdin.write(f"{url} {target} {clock.uniform(0, 0.1)}\n")
            assert nursery.stdout.readline() == "killed\n"
            if target.exists():
                assert target.read_bytes() == BODY
                continue
            part_bytes = part(target).read_bytes() if part(target).exists() else b""
            assert BODY.startswith(part_bytes)
            assert fetch([url], target, check).faults == ()
            assert_fetched(target)
            if 0 < len(part_bytes) < len(BODY):
                assert server.asked(path)[-1]["Range"] == f"bytes={len(part_bytes)}-"
                halfway += 1
        nursery.stdin.close()
    assert halfway >= 10


def test_the_note_of_a_part_holds_no_secret(server: FaultServer, path: str, target: Path) -> None:
    plain = server.url(f"{path}?token=hunter2", Page(BODY, "short"), Page(BODY))
    url = plain.replace("://", "://me:hunter2@")
    with pytest.raises(FetchError):
        fetch([url], target, check)
    assert json.loads(note(target).read_text())["url"].endswith("x.gz?...")
    assert "hunter2" not in note(target).read_text()
    fetched = fetch([url], target, check)
    assert "hunter2" not in fetched.url
    assert server.sent[f"{path}?token=hunter2"] == len(BODY)
