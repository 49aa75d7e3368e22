"""Addresses of mirrors: joined to a file's name, and shown without their secrets."""

import pytest

from fmnist_core.storage.addresses import shown, under


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("https://host/data", "https://host/data/x.gz"),
        ("https://host/data/", "https://host/data/x.gz"),
        ("https://host", "https://host/x.gz"),
        ("https://host/data?token=a/b", "https://host/data/x.gz?token=a/b"),
        ("https://host/?sig=1", "https://host/x.gz?sig=1"),
        ("file:///data/my%20files", "file:///data/my%20files/x.gz"),
    ],
)
def test_a_file_of_a_mirror(mirror: str, expected: str) -> None:
    assert under(mirror, "x.gz") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/x.gz", "https://host/x.gz"),
        ("https://me:hunter2@host/x.gz", "https://host/x.gz"),
        ("https://host/x.gz?sig=hunter2#hunter2", "https://host/x.gz?..."),
        ("https://cdn.host/npm/data@1.0/x.gz", "https://cdn.host/npm/data@1.0/x.gz"),
        ("file:///home/me@work/x.gz", "file:///home/me@work/x.gz"),
        ("https:/me:hunter2@host/x.gz", "https://.../host/x.gz"),
        ("https://me:hunt/er2@host/x.gz", "https://.../host/x.gz"),
        ("https://me:123/hunter2@host/x.gz", "https://.../host/x.gz"),
        ("https://me:hunter2@[::1/x.gz", "(not an address)"),
        ("https://host/\x1b[2J\n", r"https://host/\x1b[2J"),
    ],
)
def test_what_is_shown_of_an_address(url: str, expected: str) -> None:
    assert shown(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "me:hunter2@host/x",
        "https:me:hunter2@host",
        "https://me:hunter2@host:99999999/x",
        "https://me:h@unter2@host/",
        "//me:hunter2@host/x",
        "https:\\\\me:hunter2@host\\x",
        "https://me:8080/hunter2@host/x",
        "https://me:hunter2@ho st/x",
        " https://me:hunter2@host/x",
    ],
)
def test_no_malformed_address_shows_its_password(url: str) -> None:
    assert "hunter2" not in shown(url)
    assert "unter2" not in shown(url)
