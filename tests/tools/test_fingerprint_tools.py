"""`fmnist fingerprint`, `merge` and `compare`, as a user types them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fmnist_core as fm
from fmnist_core import Dataset, Fingerprint
from fmnist_core.tools.cli import main
from fmnist_core.tools.compare import gaps

FIELDS = ("image", "label", "index")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def differ(*arguments: object) -> str:
    result = run("compare", *arguments)
    assert (result.exit_code, result.stderr) == (1, ""), result.output
    return result.stdout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def read(fashion_root: Path) -> Callable[..., str]:
    """Fingerprint the test split of real Fashion-MNIST, shuffled."""

    def command(*arguments: object) -> str:
        options = ("--split", "test", "--root", fashion_root, "--shuffle")
        return succeed("fingerprint", "fashion-mnist", *options, *arguments)

    return command


def test_shards_in_one_framework_are_the_whole_in_another(
    read: Callable[..., str], fashion_root: Path, adapter: fm.Adapter
) -> None:
    test = fm.load("fashion-mnist", "test", root=fashion_root)
    loader = test.to("numpy", batch_size=999, shuffle=True, seed=3, fields=FIELDS, epoch=1)
    (digest,) = fm.fingerprint(loader).digests.values()
    for shard in range(3):
        output = read(
            *("--adapter", adapter.name, "--seed", 3, "--epoch", 1, "--batch-size", 100),
            *("--shard", f"{shard}/3", "--remainder", "pad", "-o", f"{shard}.json"),
        )
        assert "incomplete: " in output
    output = succeed("merge", "2.json", "0.json", "1.json", "-o", "whole.json")
    assert output.startswith(
        f"fashion-mnist/test, seed 3, float32 unit\nepoch 1: 10,000 examples  {digest}\nWrote whole"
    )
    assert read("--seed", 3, "--epoch", 1, "--output", "one.json").splitlines()[1] == (
        f"epoch 1: 10,000 examples  {digest}"
    )
    assert succeed("compare", "one.json", "whole.json") == (
        f"The same: epoch 1, 10,000 examples, in order, bit for bit.\n  epoch 1  {digest}\n"
    )


def test_another_seed_and_fewer_epochs(read: Callable[..., str]) -> None:
    read("--epochs", 4, "-o", "a.json")
    read("--seed", 1, "-o", "b.json")
    first = fm.index_shuffle([0], 10_000, 0, 0)[0], fm.index_shuffle([0], 10_000, 1, 0)[0]
    output = differ("a.json", "b.json").splitlines()
    assert output[:3] == [
        "Different.",
        "  seed: 0 in a.json, 1 in b.json",
        f"  epoch 0: first at position 0, index {first[0]} in a.json, {first[1]} in b.json",
    ]
    assert output[3].endswith("of 10,000 positions differ: the same examples in another order")
    assert output[4:] == [
        "    both follow the written order of their settings",
        "  epochs 1 to 3: missing from b.json",
    ]
    report = json.loads(differ("a.json", "b.json", "--json"))
    assert (report["same"], report["settings"], report["missing"]) == (
        False,
        {"seed": [0, 1]},
        [[], [1, 2, 3]],
    )
    assert (report["epochs"][0]["first"], report["epochs"][0]["index"]) == (
        0,
        list(map(int, first)),
    )


def test_other_encodings_and_data(read: Callable[..., str]) -> None:
    read("-o", "a.json")
    read("--dtype", "uint8", "--scale", "raw", "-o", "b.json")
    assert differ("a.json", "b.json").splitlines() == [
        "Different.",
        "  dtype: float32 in a.json, uint8 in b.json",
        "  scale: unit in a.json, raw in b.json",
        "  So pixels and labels have other bytes; only the order can be compared.",
        "  epoch 0: the same examples in the same order",
    ]
    succeed("fingerprint", "synthetic", "--split", "test", "--shuffle", "-o", "c.json")
    output = differ("a.json", "c.json").splitlines()
    assert output[1] == "  data: fashion-mnist/test in a.json, synthetic/test in c.json"
    assert output[2].startswith("  digest: ")
    assert output[3].startswith("  epoch 0: first at position 0, the pixels or the label of index ")
    assert output[4:] == ["    10,000 of 10,000 positions differ"]


def saved(dataset: Dataset, path: str, swapped: tuple[int, int] | None = None) -> None:
    """Fingerprint a run that received two swapped examples."""
    loader = dataset.to("numpy", batch_size=20, fields=FIELDS)
    batch = [
        array.copy() for array in next(iter(dataset.to("numpy", batch_size=20, fields=FIELDS)))
    ]
    if swapped is not None:
        for array in batch:
            array[list(swapped)] = array[list(reversed(swapped))]
    seen = Fingerprint(loader)
    list(seen.watch([tuple(batch)]))
    seen.save(path)


def test_a_swap_and_which_run_has_it(tiny: Dataset) -> None:
    saved(tiny, "good.json")
    saved(tiny, "bad.json", (5, 12))
    assert differ("bad.json", "good.json").splitlines() == [
        "Different.",
        "  epoch 0: first at position 5, index 12 in bad.json, 5 in good.json",
        "    2 of 20 positions differ: the same examples in another order",
        "    good.json follows the written order of its settings, bad.json does not",
    ]


def test_positions_missing_from_both_are_reported(tiny: Dataset) -> None:
    loader = tiny.to("numpy", batch_size=8, fields=FIELDS, remainder="drop")
    run = fm.fingerprint(loader)
    run.save("a.json")
    assert gaps(run.epochs[0]) == "4 positions are missing, the first 16"
    assert "    incomplete in both: 4 positions are missing, the first 16" in succeed(
        "compare", "a.json", "a.json"
    )


def test_where_only_the_sums_differ(tiny: Dataset) -> None:
    saved(tiny, "a.json")
    other = Fingerprint.load("a.json")
    other.epochs[0].ordered += 1
    other.save("b.json")
    assert (
        "epoch 0: pixels or labels differ; the fingerprints do not tell of which examples"
        in differ("a.json", "b.json")
    )


def test_missing_in_one_and_agreeing_epochs(tiny: Dataset) -> None:
    fm.fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS), epochs=3).save("a.json")
    part = Fingerprint.load("a.json")
    part.epochs[1].index[np.array([3, 4])] = -1
    part.epochs[1].unordered -= 1
    part.save("b.json")
    assert differ("a.json", "b.json").splitlines() == [
        "Different.",
        "  epochs 0, 2: the same",
        "  epoch 1: first at position 3, missing from b.json",
        "    2 of 20 positions differ",
    ]


def test_an_existing_file_stays(read: Callable[..., str], folder: Path) -> None:
    (folder / "a.json").write_text("mine")
    result = run("fingerprint", "synthetic", "-o", "a.json")
    assert result.exit_code == 1
    assert "found a.json. Try: --force, or write elsewhere" in result.stderr
    assert (folder / "a.json").read_text() == "mine"
    read("-o", "a.json", "--force")
    assert "Try: --force" in run("merge", "a.json", "-o", "a.json").stderr
    succeed("merge", "a.json", "-o", "new/b.json")
    assert (folder / "new/b.json").read_bytes() == (folder / "a.json").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("fingerprint", "synthetic", "--shard", "3"),
            "--shard INDEX/COUNT, such as 0/4; found '3'",
        ),
        (("fingerprint", "synthetic", "--shard", "4/4"), "--shard: index must be from 0 to 3"),
        (("fingerprint", "synthetic", "--adapter", "none"), "found 'none'"),
        (("fingerprint", "synthetic", "--dtype", "int"), "dtype must be one of"),
        (
            ("merge", "a.json", "a.json"),
            "merged with the files before it: epoch 0: 20 positions",
        ),
        (("merge", "a.json", "none.json"), "none.json: cannot be read"),
        (
            ("compare", "a.json", "cut.json"),
            "cut.json: expected a fingerprint, found no complete JSON",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_errors_are_one_line(
    tiny: Dataset, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    saved(tiny, "a.json")
    (folder / "cut.json").write_bytes((folder / "a.json").read_bytes()[:300])
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_two_that_received_nothing_are_not_the_same(tiny: Dataset, folder: Path) -> None:
    for seed in (0, 1):
        loader = tiny.to("numpy", batch_size=8, shuffle=True, seed=seed, fields=FIELDS)
        fm.Fingerprint(loader).save(folder / f"{seed}.json")
    result = run("compare", str(folder / "0.json"), str(folder / "1.json"))
    assert result.exit_code == 1
    assert "neither received a batch" in result.stdout
