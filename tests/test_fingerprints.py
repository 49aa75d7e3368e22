"""Fingerprints: equal for the same batches, additive, and different for any other bit."""

import base64
import hashlib
import json
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import fmnist_core as fm
from fmnist_core import Adapter, DataMismatchError, Dataset, Fingerprint, OptionError, fingerprint
from fmnist_core.tools.compare import Comparison, compare
from fmnist_core.transforms import RandomHorizontalFlip

FIELDS = ("image", "label", "index")


def by_the_docs(
    images: NDArray[Any], labels: NDArray[Any], index: Iterable[int], places: Iterable[int]
) -> tuple[str, str]:
    """Return both digests of an epoch, computed in plain integers from docs/fingerprint.md."""
    ordered = unordered = 0
    for image, label, number, place in zip(images, labels, index, places, strict=True):
        label_bytes = (
            label.tobytes() if label.ndim else int(label).to_bytes(8, "little", signed=True)
        )
        content = hashlib.sha256(int(number).to_bytes(8, "little") + label_bytes + image.tobytes())
        term = hashlib.sha256(int(place).to_bytes(8, "little") + content.digest())
        ordered += int.from_bytes(term.digest(), "little")
        unordered += int.from_bytes(content.digest(), "little")
    return f"{ordered % 2**256:064x}", f"{unordered % 2**256:064x}"


def expected(
    dataset: Dataset, epoch: int, *, seed: int | None = None, **encoding: Any
) -> tuple[str, str]:
    """Return the expected digests of an epoch, from the dataset's arrays and the order."""
    n = len(dataset)
    rows = np.arange(n) if seed is None else fm.index_shuffle(np.arange(n), n, seed, epoch)
    table = fm.Encoding(**encoding, mean=dataset.mean, std=dataset.std).table
    images = table[dataset.images[rows]]
    return by_the_docs(images, dataset.labels[rows], dataset.indices[rows], range(n))


def planted(dataset: Dataset, batches: list[tuple[Any, ...]], **options: Any) -> Fingerprint:
    """Return the fingerprint of a run that received these batches instead of the planned ones."""
    seen = Fingerprint(dataset.to("numpy", fields=FIELDS, **options))
    for _ in seen.watch(batches):
        pass
    return seen


def copied(dataset: Dataset, **options: Any) -> list[tuple[NDArray[Any], ...]]:
    loader = dataset.to("numpy", fields=FIELDS, **options)
    return [tuple(array.copy() for array in batch) for batch in loader]


def only_difference(one: Fingerprint, other: Fingerprint) -> tuple[Comparison, Any]:
    comparison = compare(one, other)
    assert not comparison.same
    (difference,) = comparison.epochs
    return comparison, difference


@pytest.fixture(scope="module")
def fashion(fashion_root: Path) -> Dataset:
    return fm.load("fashion-mnist", "train", root=fashion_root)


def test_every_framework_on_real_data(adapter: Adapter, fashion: Dataset) -> None:
    options: dict[str, Any] = {"batch_size": 128, "shuffle": True, "seed": 5}
    loader = fashion.to(adapter, **options, fields=("index", "label", "image"), epoch=3)
    run = fingerprint(loader)
    one = run.epochs[3]
    assert (one.digest, one.unordered_digest) == expected(fashion, 3, seed=5)
    assert (run.digests, one.examples) == ({3: one.digest}, 60_000)
    assert run.settings["data"] == "fashion-mnist/train"


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_framework_and_encoding(adapter: Adapter, tiny: Dataset, shuffle: bool) -> None:
    seed = 4 if shuffle else None
    order: dict[str, Any] = {"batch_size": 7, "shuffle": shuffle, "seed": 4, "fields": FIELDS}
    for encoding in (
        {"dtype": "float32", "scale": "unit"},
        {"dtype": "float16", "scale": "unit"},
        {"dtype": "bfloat16", "scale": "raw"},
        {"dtype": "uint8", "scale": "raw"},
    ):
        run = fingerprint(tiny.to(adapter, **order, **encoding), epochs=2)
        for epoch in (0, 1):
            one = run.epochs[epoch]
            digests = expected(tiny, epoch, seed=seed, **encoding)
            assert (one.digest, one.unordered_digest) == digests


def test_the_layout_does_not_change_the_digest(adapter: Adapter, tiny: Dataset) -> None:
    digests = {
        fingerprint(tiny.to(adapter, batch_size=6, fields=FIELDS, layout=layout)).digests[0]
        for layout in ("NHW", "NHWC", "NCHW", "flat")
    }
    assert digests == {expected(tiny, 0)[0]}


def test_channels_have_one_digest_in_every_layout(adapter: Adapter, tiny: Dataset) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (6, 4, 3, 3), np.uint8)
    colour = Dataset(pixels, np.arange(6, dtype=np.uint8), classes=tuple("abcdef"))
    grey = np.repeat(fm.Encoding().table[tiny.images][..., np.newaxis], 3, axis=-1)
    for layout in ("NHWC", "NCHW", "flat"):
        options: dict[str, Any] = {"batch_size": 4, "fields": FIELDS, "layout": layout}
        run = fingerprint(tiny.to(adapter, channels=3, **options))
        assert run.digests[0] == by_the_docs(grey, tiny.labels, range(20), range(20))[0]
        assert fingerprint(colour.to(adapter, **options)).digests[0] == expected(colour, 0)[0]


def test_one_hot_labels(adapter: Adapter, tiny: Dataset) -> None:
    run = fingerprint(tiny.to(adapter, batch_size=6, fields=FIELDS, labels="one_hot"))
    images = fm.Encoding().table[tiny.images]
    one_hot = np.eye(4, dtype=np.float32)[tiny.labels]
    assert run.digests[0] == by_the_docs(images, one_hot, range(20), range(20))[0]
    assert run.settings["labels"] == "one_hot"


def test_a_selection_has_its_own_indices(adapter: Adapter, tiny: Dataset) -> None:
    part = tiny.select([17, 3, 9, 11, 2])
    run = fingerprint(part.to(adapter, batch_size=2, fields=FIELDS))
    assert run.digests[0] == expected(part, 0)[0]
    assert run.epochs[0].index.tolist() == [17, 3, 9, 11, 2]


def test_fillers_do_not_count(adapter: Adapter, tiny: Dataset) -> None:
    options: dict[str, Any] = {"batch_size": 9, "shuffle": True, "remainder": "pad"}
    parts = [
        fingerprint(tiny.to(adapter, **options, shard=(i, 3), fields=(*FIELDS, "weight")))
        for i in range(3)
    ]
    merged = parts[2].merge(parts[0], parts[1])
    assert merged.digests == {0: expected(tiny, 0, seed=0)[0]}


def test_each_iteration_is_its_own_epoch(adapter: Adapter, tiny: Dataset) -> None:
    loader = tiny.to(adapter, batch_size=4, shuffle=True, fields=FIELDS, epoch=2, start=8)
    run = fingerprint(loader, epochs=2)
    assert sorted(run.epochs) == [2, 3]
    assert [run.epochs[epoch].examples for epoch in (2, 3)] == [12, 20]
    assert fingerprint(loader).digests[4] == expected(tiny, 4, seed=0)[0]


@settings(max_examples=60)
@given(data=st.data(), n=st.integers(1, 40))
def test_shards_and_pieces_add_up(data: st.DataObject, n: int) -> None:
    """An epoch cut anywhere, each piece with other batch sizes and shards, merged in any order."""
    images = np.random.default_rng(n).integers(0, 256, (n, 2, 3)).astype(np.uint8)
    dataset = Dataset(images, (images[:, 0, 0] % 5).astype(np.uint8))
    start, pieces = 0, []
    while start < n:
        size, shards = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 4))
        steps = data.draw(st.integers(1, 5))
        fields = (*FIELDS, "weight")
        for shard in range(shards):
            loader = dataset.to(
                "numpy",
                batch_size=size,
                shuffle=True,
                seed=n,
                shard=(shard, shards),
                remainder="pad",
                start=start,
                fields=fields,
            )
            piece = Fingerprint(loader)
            for _ in zip(range(steps), piece.watch(loader), strict=False):
                pass  # zip asks for a step first, so that no batch more is received
            pieces.append(piece)
        start = min(start + steps * size * shards, n)
    first, *others = data.draw(st.permutations(pieces))
    merged = first.merge(*others)
    assert merged.epochs[0].examples == n
    assert (merged.epochs[0].digest, merged.epochs[0].unordered_digest) == expected(
        dataset, 0, seed=n
    )


def test_merging_leaves_its_parts_alone(tiny: Dataset) -> None:
    one, other = (
        fingerprint(tiny.to("numpy", batch_size=5, shard=(i, 2), fields=FIELDS)) for i in (0, 1)
    )
    before = one.digests, other.digests
    one.merge(other)
    assert (one.digests, other.digests) == before
    assert len(one.parts) == 1


def test_a_planted_swap_is_located(tiny: Dataset) -> None:
    options: dict[str, Any] = {"batch_size": 6, "shuffle": True, "seed": 1}
    whole, batches = planted(tiny, copied(tiny, **options), **options), copied(tiny, **options)
    for here, there in zip(batches[0], batches[2], strict=True):  # positions 4 and 13
        here[4], there[1] = there[1].copy(), here[4].copy()
    swapped = planted(tiny, batches, **options)
    _, difference = only_difference(whole, swapped)
    order = fm.index_shuffle(np.arange(20), 20, 1, 0)
    assert (difference.epoch, difference.first, difference.positions) == (0, 4, 2)
    assert difference.index == (order[4], order[13])
    assert difference.same_examples
    assert difference.as_written == (True, False)


def test_a_swap_within_real_data_is_located(fashion: Dataset) -> None:
    options: dict[str, Any] = {"batch_size": 1000, "shuffle": True}
    batches = copied(fashion, **options)
    whole = planted(fashion, batches, **options)
    for array in batches[41]:  # neighbours, positions 41,500 and 41,501
        array[[500, 501]] = array[[501, 500]]
    _, difference = only_difference(whole, planted(fashion, batches, **options))
    assert (difference.first, difference.positions) == (41_500, 2)
    assert difference.same_examples


@pytest.mark.parametrize("place", [0, 7, 19])
def test_one_bit_of_a_pixel_is_located(tiny: Dataset, place: int) -> None:
    options: dict[str, Any] = {"batch_size": 20, "dtype": "uint8", "scale": "raw"}
    batches = copied(tiny, **options)
    whole = planted(tiny, batches, **options)
    batches[0][0][place, 4, 3] ^= 1
    _, difference = only_difference(whole, planted(tiny, batches, **options))
    assert (difference.first, difference.positions) == (place, 1)
    assert difference.index == (place, place)
    assert not difference.same_examples


def test_one_label_is_located(tiny: Dataset) -> None:
    batches = copied(tiny, batch_size=20)
    whole = planted(tiny, batches, batch_size=20)
    batches[0][1][11] += 1
    _, difference = only_difference(whole, planted(tiny, batches, batch_size=20))
    assert (difference.first, difference.positions, difference.index) == (11, 1, (11, 11))


def test_sums_differ_where_marks_agree_by_chance(tiny: Dataset) -> None:
    batches = copied(tiny, batch_size=20)
    whole = planted(tiny, batches, batch_size=20)
    batches[0][1][11] += 1
    other = planted(tiny, batches, batch_size=20)
    other.epochs[0].marks[:] = whole.epochs[0].marks
    _, difference = only_difference(whole, other)
    assert (difference.first, difference.positions) == (None, 0)


def test_another_seed_is_another_order_of_the_same(tiny: Dataset) -> None:
    one, other = (
        fingerprint(tiny.to("numpy", batch_size=8, shuffle=True, seed=seed, fields=FIELDS))
        for seed in (0, 1)
    )
    comparison, difference = only_difference(one, other)
    assert comparison.settings == {"seed": (0, 1)}
    assert difference.same_examples
    assert difference.as_written == (True, True)


def test_with_another_encoding_only_the_order_is_compared(tiny: Dataset) -> None:
    def of(dtype: str, seed: int) -> Fingerprint:
        loader = tiny.to("numpy", batch_size=8, shuffle=True, seed=seed, dtype=dtype, fields=FIELDS)
        return fingerprint(loader)

    comparison = compare(of("float32", 0), of("float16", 0))
    assert (comparison.same, comparison.agreeing, comparison.epochs) == (False, (0,), ())
    assert comparison.settings == {"dtype": ("float32", "float16")}
    _, difference = only_difference(of("float32", 0), of("float16", 1))
    assert difference.same_examples


def test_settings_without_effect_are_not_a_difference(tiny: Dataset) -> None:
    """A user's files, opened without a name, and the seed of an order that is not shuffled."""
    one = fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS, seed=1))
    again = Dataset(tiny.images, tiny.labels, classes=tuple("abcde"))
    other = fingerprint(again.to("numpy", batch_size=3, fields=FIELDS, seed=2))
    assert compare(one, other).same
    assert one.settings["seed"] is None


def test_the_seed_of_transforms_is_a_setting(tiny: Dataset) -> None:
    """Also of a run that is not shuffled."""
    options: dict[str, Any] = {"batch_size": 8, "fields": FIELDS, "shard": (0, 2)}
    halves = [
        fingerprint(tiny.to("numpy", **options, seed=seed, transform=RandomHorizontalFlip()))
        for seed in (1, 2)
    ]
    assert halves[0].different_settings(halves[1]) == {"seed": (1, 2)}
    with pytest.raises(DataMismatchError, match="the same seed; found 1 and 2"):
        halves[0].merge(halves[1])


def test_a_shorter_epoch_differs_where_it_ends(tiny: Dataset) -> None:
    one = fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS))
    part = fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS, remainder="drop"))
    _, difference = only_difference(one, part)
    assert (difference.first, difference.positions, difference.index) == (16, 4, (16, None))
    _, difference = only_difference(
        one, fingerprint(tiny.take(15).to("numpy", batch_size=8, fields=FIELDS))
    )
    assert (difference.first, difference.positions, difference.index) == (15, 5, (15, None))


def test_an_epoch_that_one_run_lacks(tiny: Dataset) -> None:
    one, more = (
        fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS), epochs=epochs)
        for epochs in (1, 3)
    )
    comparison = compare(one, more)
    assert (comparison.same, comparison.missing, comparison.agreeing) == (False, ((1, 2), ()), (0,))
    assert not compare(more, one).same


def test_watch_passes_the_batches_on(adapter: Adapter, tiny: Dataset) -> None:
    loader = tiny.to(adapter, batch_size=6, shuffle=True, fields=FIELDS)
    seen = Fingerprint(loader)
    for epoch in range(2):
        received = [adapter.to_numpy(batch)[2] for batch in seen.watch(loader)]
        assert (
            np.concatenate(received).tolist()
            == fm.index_shuffle(np.arange(20), 20, 0, epoch).tolist()
        )
    assert seen.digests == {epoch: expected(tiny, epoch, seed=0)[0] for epoch in (0, 1)}


def test_a_pipeline_that_was_changed(adapters: list[Adapter], tiny: Dataset) -> None:
    tensorflow = next(adapter for adapter in adapters if adapter.name == "tensorflow")
    pipeline = tiny.to(tensorflow, batch_size=6, fields=FIELDS)
    changed = pipeline.map(lambda image, label, index: (1 - image, label, index))
    with pytest.raises(OptionError, match=r"without provenance.*watch\(changed\)"):
        fingerprint(changed)
    seen = Fingerprint(pipeline)
    for _ in seen.watch(changed):
        pass
    images = np.float32(1) - fm.Encoding().table[tiny.images]
    assert seen.digests[0] == by_the_docs(images, tiny.labels, range(20), range(20))[0]


def test_torch_workers(tmp_path: Path, tiny: Dataset) -> None:
    """In a separate process: a fork of this one would hold other frameworks' threads."""
    script = """if True:
        import sys
        import numpy as np
        import fmnist_core as fm
        images = (np.arange(20 * 5 * 4) % 251).astype(np.uint8).reshape(20, 5, 4)
        tiny = fm.Dataset(images, (np.arange(20) % 4).astype(np.uint8), classes=tuple("abcd"))
        options = {"shuffle": True, "fields": ("image", "label", "index"), "num_workers": 2}
        for persistent in (False, True):
            loader = tiny.to("torch", batch_size=3, persistent_workers=persistent, **options)
            print(*fm.fingerprint(loader, epochs=2).digests.values())
    """
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    digests = " ".join(expected(tiny, epoch, seed=0)[0] for epoch in (0, 1))
    assert done.stdout.splitlines() == [digests, digests]


def test_it_is_saved_and_loaded(tmp_path: Path, tiny: Dataset) -> None:
    loader = tiny.to("numpy", batch_size=6, fields=FIELDS, scale="raw", shard=(1, 2))
    run = fingerprint(loader, epochs=2)
    run.save(tmp_path / "run.json")
    again = Fingerprint.load(tmp_path / "run.json")
    assert (again.digests, again.settings, again.parts) == (
        run.digests,
        run.settings,
        run.parts,
    )
    assert compare(run, again).same
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "run.json").read_bytes()
    with pytest.raises(OptionError, match="has no loader"):
        next(again.watch(loader))


def test_no_examples(adapter: Adapter) -> None:
    empty = Dataset(np.zeros((0, 2, 2), np.uint8), np.zeros(0, np.uint8), classes=("a",))
    run = fingerprint(empty.to(adapter, batch_size=4, fields=FIELDS))
    assert "nothing received yet" in repr(run)


def test_other_types_and_ranks(tiny: Dataset) -> None:
    for images in (
        np.linspace(-1, 1, 24).reshape(4, 6),
        np.arange(24, dtype=">i2").reshape(4, 1, 2, 3),
        np.zeros((4, 0, 3), np.uint8),
    ):
        dataset = Dataset(images, np.arange(4, dtype=np.uint8))
        native = images.astype(images.dtype.newbyteorder("<"))
        loader = dataset.to(
            "numpy", batch_size=3, fields=FIELDS, scale="raw", dtype=images.dtype.name
        )
        expected = by_the_docs(native, dataset.labels, range(4), range(4))[0]
        assert fingerprint(loader).digests[0] == expected


# What is refused


def test_a_missing_field_raises(adapter: Adapter, tiny: Dataset) -> None:
    message = r"lack index. Try: fields=\('image', 'label', 'index'\)"
    with pytest.raises(OptionError, match=message):
        fingerprint(tiny.to(adapter, batch_size=4))
    with pytest.raises(OptionError, match=r"lack image and label. Try"):
        Fingerprint(tiny.to(adapter, batch_size=4, fields=("index",)))


@pytest.mark.parametrize("loader", [[], None, iter([(1, 2, 3)])], ids=["list", "None", "iterator"])
def test_an_object_that_is_not_a_loader_raises(loader: Any) -> None:
    with pytest.raises(OptionError, match="without provenance"):
        fingerprint(loader)


@pytest.mark.parametrize("epochs", [0, -1, 1.5, True])
def test_an_invalid_number_of_epochs_raises(tiny: Dataset, epochs: Any) -> None:
    with pytest.raises(OptionError, match="epochs must be"):
        fingerprint(tiny.to("numpy", batch_size=4, fields=FIELDS), epochs=epochs)


def test_an_epoch_received_twice_raises(tiny: Dataset) -> None:
    loader = tiny.to("numpy", batch_size=8, fields=FIELDS)
    seen = Fingerprint(loader)
    next(seen.watch(tiny.to("numpy", batch_size=8, fields=FIELDS)))
    with pytest.raises(OptionError, match="8 positions, the first 0, were received twice"):
        next(seen.watch(tiny.to("numpy", batch_size=8, fields=FIELDS)))
    one = fingerprint(loader)
    with pytest.raises(OptionError, match="epoch 0: 20 positions, the first 0, were received"):
        one.merge(one)


def test_merging_different_runs_raises(tiny: Dataset) -> None:
    one = fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS))
    other = fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS, shuffle=True, epoch=1))
    with pytest.raises(DataMismatchError, match="have the same shuffle; found False and True"):
        one.merge(other)


def test_batches_of_another_size(tiny: Dataset) -> None:
    loader = tiny.to("numpy", batch_size=8, fields=FIELDS)

    def watched(*batches: tuple[Any, ...]) -> Iterator[Any]:
        return Fingerprint(loader).watch(batches)

    whole = next(iter(loader))
    with pytest.raises(DataMismatchError, match=r"step 0: expected 8 .* found .*\(7, 5, 4\), \(7,"):
        next(watched(tuple(array[:7] for array in whole)))
    with pytest.raises(DataMismatchError, match="expected 8 examples of image, label, index"):
        next(watched(whole[:2]))
    with pytest.raises(DataMismatchError, match="expected 3 batches in epoch 1, found more"):
        list(watched(*tiny.to("numpy", batch_size=8, fields=FIELDS), whole))
    with pytest.raises(DataMismatchError, match="index of 0 or more, found -1"):
        next(watched((whole[0], whole[1], whole[2] - 1)))


FAULTS = {
    "not JSON": (lambda text: "images", "found no complete JSON"),
    "cut short": (lambda text: text[: len(text) // 2], "found no complete JSON"),
    "deep": (lambda text: "[" * 100_000, "found no complete JSON"),
    "other JSON": (lambda text: '{"a": 1}', "found other JSON. Try: fmnist fingerprint"),
    "a list": (lambda text: "[1]", "found other JSON"),
    "version": (lambda text: text.replace('print": 1', 'print": 2'), "found version 2. Try"),
    "no settings": (lambda text: text.replace('"settings"', '"x"'), "expected settings"),
    "settings": (lambda text: text.replace('"scale"', '"x"'), "expected the settings data, dig"),
    "a setting": (lambda text: text.replace('"unit"', "7"), "found 7 as its scale"),
    "parts": (lambda text: text.replace('"parts": [', '"parts": [1,'), "expected a list of parts"),
    "epochs": (lambda text: text.replace('"epochs"', '"x"'), "expected epochs"),
    "an epoch": (lambda text: text.replace('"0": {', '"first": {'), "epoch first: "),
    "no number": (lambda text: text.replace('"0": {', '"-1": {'), "epoch -1: "),
    "part of an epoch": (lambda text: text.replace('"marks"', '"x"'), "epoch 0: expected digest"),
    "count": (lambda text: text.replace('"examples": 20', '"examples": 21'), "found 20 in its"),
    "digits": (lambda text: text.replace('"digest": "', '"digest": "x'), "64 hexadecimal"),
    "base64": (lambda text: text.replace('"marks": "', '"marks": "?'), "as base64 of zlib"),
    "zlib": (lambda text: text.replace('"marks": "e', '"marks": "A'), "as base64 of zlib"),
    "length": (lambda text: text.replace('examples": 20,\n  "o', 'examples": 21,\n  "o'), "168 b"),
    "too many": (
        lambda text: text.replace('examples": 20,\n  "o', f'examples": {2**62},\n  "o'),
        "expected 1 epochs that this file can hold, found 4611686018427387904 examples",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_are_not_fingerprints_raise(tmp_path: Path, tiny: Dataset, fault: str) -> None:
    spoil, message = FAULTS[fault]
    path = tmp_path / "run.json"
    fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS)).save(path)
    text = path.read_text()
    spoiled = spoil(text)
    assert spoiled != text
    path.write_text(spoiled)
    with pytest.raises(DataMismatchError) as caught:
        Fingerprint.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_truncated_packed_numbers_raise(tmp_path: Path, tiny: Dataset) -> None:
    path = tmp_path / "run.json"
    fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS)).save(path)
    content = json.loads(path.read_text())
    packed = base64.b64decode(content["epochs"]["0"]["index"])
    content["epochs"]["0"]["index"] = base64.b64encode(packed[:-1]).decode()  # of its checksum
    path.write_text(json.dumps(content))
    with pytest.raises(DataMismatchError, match="expected 160 bytes"):
        Fingerprint.load(path)


def test_no_file(tmp_path: Path, tiny: Dataset) -> None:
    with pytest.raises(fm.FileAccessError, match="cannot be read"):
        Fingerprint.load(tmp_path / "none.json")
    run = fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS))
    with pytest.raises(fm.FileAccessError, match="cannot be written"):
        run.save(tmp_path / "none" / "run.json")


def test_a_packed_bomb_is_not_unpacked(tmp_path: Path, tiny: Dataset, peak_memory: Any) -> None:
    path = tmp_path / "run.json"
    fingerprint(tiny.to("numpy", batch_size=8, fields=FIELDS)).save(path)
    content = json.loads(path.read_text())
    bomb = zlib.compress(bytes(50_000_000), 9)
    content["epochs"]["0"]["index"] = base64.b64encode(bomb).decode()
    path.write_text(json.dumps(content))

    def refused() -> None:
        with pytest.raises(DataMismatchError, match="expected 160 bytes"):
            Fingerprint.load(path)

    assert peak_memory(refused) < 1_000_000
