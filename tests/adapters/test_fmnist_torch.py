"""What torch's users expect beyond the conformance checks."""

import gc
import hashlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_core import (
    BatchPlan,
    Encoding,
    OptionError,
    RowOutsideError,
    open_idx,
    write_idx,
)
from fmnist_core.order import whole_order
from fmnist_core.testing import CHECKS, made_dataset
from fmnist_core.transforms import Chain, ColorJitter, GaussianNoise, RandomAffine, RandomErasing
from tests.helpers.programs import environment, helper

torch = pytest.importorskip("torch")
fmnist_torch = pytest.importorskip("fmnist_torch")
DataLoader = torch.utils.data.DataLoader
TorchOps = pytest.importorskip("fmnist_torch.ops").TorchOps


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    made, folder = made_dataset(150), tmp_path_factory.mktemp("torch")
    write_idx(folder / "images", made.images)
    write_idx(folder / "labels", made.labels)
    return folder / "images", folder / "labels"


def test_one_process_reads_only_what_it_needs(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of your own data reads all of them; only ranks that compare need it."""
    dataset = open_idx(*files)
    monkeypatch.setattr(type(dataset), "digest", property(lambda dataset: pytest.fail("hashed")))
    next(iter(dataset.to("torch", batch_size=4)))


def test_is_a_real_data_loader() -> None:
    loader = fmnist_torch.data_loader(made_dataset(), batch_size=5, shuffle=True)
    assert isinstance(loader, DataLoader)
    assert isinstance(loader.dataset, fmnist_torch.MapDataset)
    assert len(loader.dataset) == 23
    assert loader.batch_sampler.batch_size == 5
    image, label = next(iter(loader))
    assert (image.dtype, image.shape) == (torch.float32, (5, 1, 5, 4))
    assert (label.dtype, label.shape) == (torch.int64, (5,))


def test_batches_belong_to_the_user() -> None:
    loader = fmnist_torch.data_loader(made_dataset(), batch_size=5)
    before = [[array.clone() for array in batch] for batch in loader]
    for image, label in loader:
        image.mul_(2).sub_(1)
        label.sub_(1)
    for batch, kept in zip(loader, before, strict=True):
        assert all(map(torch.equal, batch, kept))


@pytest.mark.parametrize("workers", [0, 2])
def test_worker_processes_change_nothing(files: tuple[Path, Path], workers: int) -> None:
    expected = hashlib.sha256()
    train, _ = open_idx(*files).split(0.9, seed=1)
    fields = ("image", "label", "weight", "index")
    options = {"shuffle": True, "seed": 3, "remainder": "pad", "fields": fields}
    loader = train.to("numpy", batch_size=16, layout="NCHW", **options)
    for _ in range(2):
        for image, label, weight, index in loader:
            for array in (image, label.astype(np.int64), weight, index):
                expected.update(array.tobytes())
    cases = [("fork", ""), ("spawn", "persistent"), ("forkserver", "")] if workers else [("", "")]
    for method, persistent in cases:
        actual = run_in_workers(files, method, workers, persistent)
        assert actual == expected.hexdigest(), f"{workers} workers by {method}"


def run_in_workers(files: tuple[Path, Path], method: str, workers: int, persistent: str) -> str:
    command = [sys.executable, *helper("torch_workers"), *files, method, str(workers), persistent]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_options_of_workers_change_no_batch() -> None:
    options = {"batch_size": 4, "shuffle": True, "seed": 3}
    workers = {"num_workers": 2, "prefetch_factor": 4, "timeout": 60, "pin_memory_device": ""}
    ours = made_dataset().to("torch", **options, **workers)
    assert (ours.prefetch_factor, ours.timeout) == (4, 60)
    for batch, expected in zip(ours, made_dataset().to("torch", **options), strict=True):
        assert all(torch.equal(one, other) for one, other in zip(batch, expected, strict=True))


class Garbage:
    """An object that only the process that made it may end, such as an iterator of tf.data."""

    def __init__(self) -> None:
        self.itself = self
        self.process = os.getpid()

    def __del__(self) -> None:
        if os.getpid() != self.process:
            os._exit(3)


def test_workers_do_not_collect_the_garbage_of_the_process() -> None:
    loader = fmnist_torch.data_loader(
        made_dataset(),
        batch_size=23,
        num_workers=1,
        multiprocessing_context="fork",
        worker_init_fn=lambda _: gc.collect(),
    )
    gc.disable()
    try:
        Garbage()
        assert len(list(loader)) == 1
    finally:
        gc.enable()
        gc.collect()


# torch itself warns, on machines without an accelerator, that there is nothing to pin for.
@pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")
def test_pin_memory_is_accepted() -> None:
    loader = fmnist_torch.data_loader(made_dataset(), batch_size=23, pin_memory=True)
    (batch,) = loader
    assert batch[1].tolist() == made_dataset().labels.tolist()


def test_a_plain_data_loader() -> None:
    dataset = made_dataset()
    loader = DataLoader(fmnist_torch.MapDataset(dataset), batch_size=8, shuffle=True)
    images, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert images.shape == (23, 1, 5, 4)
    assert labels.dtype == torch.int64
    assert sorted(labels.tolist()) == sorted(dataset.labels.tolist())


def test_a_plain_data_loader_in_order_equals_ours() -> None:
    dataset, fields = made_dataset(), ("image", "label", "index", "weight")
    encoding = {"dtype": "float16", "scale": "standard", "layout": "flat", "labels": "one_hot"}
    plain = DataLoader(fmnist_torch.MapDataset(dataset, fields, **encoding), batch_size=8)
    ours = dataset.to("torch", batch_size=8, fields=fields, **encoding)
    for theirs, expected in zip(plain, ours, strict=True):
        for got, want in zip(theirs, expected, strict=True):
            assert got.dtype == want.dtype
            assert torch.equal(got, want)


def test_map_dataset_gives_single_examples() -> None:
    dataset = made_dataset()
    examples = fmnist_torch.MapDataset(dataset)
    image, label = examples[3]
    assert torch.equal(image, torch.tensor(dataset.images[3] / np.float32(255))[None])
    assert label == dataset.labels[3]
    assert type(label) is int
    assert examples[-1][1] == dataset.labels[22]
    assert examples.classes == dataset.classes
    with pytest.raises(IndexError):
        examples[23]


def test_map_dataset_works_with_torchs_own_subsets() -> None:
    parts = torch.utils.data.random_split(fmnist_torch.MapDataset(made_dataset()), [20, 3])
    assert [len(label) for _, label in DataLoader(parts[0], batch_size=8)] == [8, 8, 4]


def test_set_epoch_of_the_sampler_sets_the_epoch() -> None:
    dataset = made_dataset()
    loader = fmnist_torch.data_loader(dataset, batch_size=23, shuffle=True, fields=("index",))
    first, second = (batch[0].tolist() for epoch in range(2) for batch in loader)
    sampler = loader.batch_sampler
    sampler.set_epoch(1)
    assert [dataset.indices[rows].tolist() for rows in sampler] == [second]
    sampler.set_epoch(0)
    assert [dataset.indices[rows].tolist() for rows in sampler] == [first]


def test_bfloat16_goes_both_ways() -> None:
    loader = fmnist_torch.data_loader(made_dataset(), batch_size=23, dtype="bfloat16")
    (batch,) = loader
    assert batch[0].dtype == torch.bfloat16
    expected = torch.tensor(made_dataset().images / np.float32(255)).to(torch.bfloat16)
    assert torch.equal(batch[0][:, 0], expected)
    assert fmnist_torch.ADAPTER.to_numpy(batch)[0].dtype.name == "bfloat16"


def test_rows_of_another_selection_are_refused() -> None:
    part = fmnist_torch.MapDataset(made_dataset().take(5))
    with pytest.raises(RowOutsideError, match="row 5 is not among the 5 examples"):
        part.__getitems__([4, 5])
    with pytest.raises(RowOutsideError):
        list(DataLoader(part, sampler=[1, 7]))
    assert part.__getitems__([-1])[0][1] == part[4][1]


def test_set_epoch_decides_the_next_iteration() -> None:
    loader = fmnist_torch.data_loader(
        numbered := made_dataset(), batch_size=23, shuffle=True, fields=("index",)
    )
    loader.batch_sampler.set_epoch(5)
    first_rows = [batch[0].tolist() for _ in range(2) for batch in loader]
    assert first_rows == [numbered.indices[whole_order(23, 0, epoch)].tolist() for epoch in (5, 6)]


def test_each_thread_gets_its_own_epoch() -> None:
    loader = fmnist_torch.data_loader(made_dataset(), batch_size=23, fields=("index",))
    threads = [threading.Thread(target=lambda: [list(loader) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loader.batch_sampler.epoch == 200


def test_a_device_gets_each_table_of_transforms_once() -> None:
    steps = RandomErasing(), RandomAffine(10), GaussianNoise(0.1), ColorJitter(0.5)
    ops = TorchOps("meta")  # it has shapes alone
    for epoch in range(3):
        images = torch.empty((9, 28, 28), dtype=torch.uint8, device="meta")
        positions = torch.empty(9, dtype=torch.int64, device="meta")
        Chain(steps).images(ops, images, positions, seed=0, epoch=epoch)
        tables = [table for table in vars(ops).values() if isinstance(table, dict)]
        assert sum(map(len, tables)) == 8, f"epoch {epoch}"


def test_a_loader_is_copied_while_persistent_workers_run() -> None:
    dataset = made_dataset()
    loader = fmnist_torch.data_loader(
        dataset,
        batch_size=4,
        fields="index",
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )
    iterator = iter(loader)
    received = next(iterator).tolist()
    again = pickle.loads(pickle.dumps(loader))
    assert again.epoch == 1
    assert again.state_dict() == loader.state_dict()
    received += next(iterator).tolist()
    assert received == dataset.indices[:8].tolist()


def test_persistent_workers_serve_one_iteration() -> None:
    loader = fmnist_torch.data_loader(
        made_dataset(),
        batch_size=5,
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context="spawn",
    )
    first = iter(loader)
    next(first)
    second = iter(loader)
    next(second)
    with pytest.raises(OptionError, match="persistent_workers"):
        next(first)
    assert len(list(second)) == 4


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"timeout": -1},
        {"in_order": False},
        # torch itself notices these when an iteration begins.
        {"num_workers": 2.0},
        {"num_workers": 1, "prefetch_factor": 0},
        {"num_workers": 1, "worker_init_fn": 3},
        {"generator": 0},
    ],
)
def test_options_that_torch_rejects_raise_our_errors(options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        made_dataset().to("torch", batch_size=4, **options)


@pytest.mark.parametrize("option", ["sampler", "batch_sampler", "collate_fn"])
def test_options_that_the_plan_decides_raise(option: str) -> None:
    with pytest.raises(OptionError, match=f"{option} is decided by the plan"):
        made_dataset().to("torch", batch_size=4, **{option: None})


def test_misspelt_options_are_refused() -> None:
    with pytest.raises(OptionError, match=r"no option 'num_wokers'; it has .*'num_workers'"):
        made_dataset().to("torch", batch_size=4, num_wokers=2)


def test_read_only_files_give_no_warning(files: tuple[Path, Path]) -> None:
    mapped = open_idx(*files)
    assert not mapped.images.flags.writeable
    image, _ = fmnist_torch.MapDataset(mapped)[0]
    image.zero_()
    assert mapped.images[0].any()


# -- on a device -------------------------------------------------------------------------------


class OnDevice(fmnist_torch.TorchAdapter):  # type: ignore[misc,name-defined]
    """The adapter with its data on the device."""

    def loader(self, *data: Any, epoch: int = 0, start: int = 0) -> Any:
        return super().loader(*data, epoch=epoch, start=start, device="cpu")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance_on_a_device(check: Callable[[Any], None]) -> None:
    check(OnDevice())


def test_a_device_with_other_bits_uses_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    import fmnist_torch.device as module

    def multiplied(self: Any, pixels: Any) -> Any:
        return pixels.to(torch.float32) * np.float32(1 / 255)

    monkeypatch.setattr(module.DeviceBatches, "_calculated", multiplied)
    (image,) = next(
        iter(made_dataset().to("torch", batch_size=23, fields=("image",), device="cpu"))
    )
    expected = Encoding().table[made_dataset().images]
    assert image.numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "nowhere"}, "torch has no device 'nowhere'"),
        ({"device": "meta"}, "torch has no device 'meta'"),
        ({"device": 3.5}, "torch has no device 3.5"),
        ({"device": "cpu", "num_workers": 2}, "without num_workers or pin_memory"),
        ({"device": "cpu", "pin_memory": True}, "without num_workers or pin_memory"),
    ],
)
def test_invalid_devices_raise(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        made_dataset().to("torch", batch_size=4, **options)


# -- the user's own DataLoader -------------------------------------------------------------------


@pytest.mark.parametrize("device", [None, "cpu"])
def test_learned_values_can_be_written_into_a_batch(device: str | None) -> None:
    loader = fmnist_torch.data_loader(made_dataset(), batch_size=4, device=device)
    brightness = torch.ones((), requires_grad=True)
    for image, _ in loader:
        image.mul_(brightness).sum().backward()
        assert image.requires_grad
    assert brightness.grad.item() == pytest.approx(Encoding().table[made_dataset().images].sum())


def test_a_custom_collate_fn_gets_examples() -> None:
    seen: list[Any] = []

    def collate(examples: Any) -> Any:
        seen.extend((len(examples), *example) for example in examples)
        return torch.utils.data.default_collate(examples[1:])

    map_dataset = fmnist_torch.MapDataset(made_dataset())
    batches = list(DataLoader(map_dataset, batch_size=5, collate_fn=collate))
    assert [len(image) for image, _ in batches] == [4, 4, 4, 4, 2]
    assert [label for _, _, label in seen] == made_dataset().labels.tolist()
    assert seen[7][1].shape == (1, 5, 4)


def test_ready_batches_equal_what_torch_would_stack(files: tuple[Path, Path]) -> None:
    whole = open_idx(*files)
    map_dataset = fmnist_torch.MapDataset(whole, fields=("image", "label", "index"))
    one_by_one = [map_dataset[row] for row in range(len(whole))]
    for actual, expected in zip(
        DataLoader(map_dataset, batch_size=7), DataLoader(one_by_one, batch_size=7), strict=True
    ):
        assert type(actual) is type(expected)
        for one, other in zip(actual, expected, strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)


# -- what other libraries look at ----------------------------------------------------------------


@pytest.mark.parametrize("remainder", ["keep", "drop", "pad"])
def test_the_sampler_of_a_shared_loader_is_its_shard(remainder: str) -> None:
    fields = ("index", "weight")
    options = {"batch_size": 4, "shuffle": True, "remainder": remainder, "fields": fields}
    loader = fmnist_torch.data_loader(made_dataset(), shard=(1, 2), start=3, **options)
    sampler = loader.sampler
    assert isinstance(sampler, torch.utils.data.DistributedSampler)
    rows = [made_dataset().indices[row] for row in sampler]
    assert len(sampler) == len(rows)
    assert rows == [row for index, _ in loader for row in index.tolist()]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("shards", [1, 2])
def test_the_samplers_type_tells_trainers_what_it_does(shuffle: bool, shards: int) -> None:
    loader = fmnist_torch.data_loader(
        made_dataset(), batch_size=4, shuffle=shuffle, shard=(0, shards)
    )
    assert isinstance(loader.sampler, torch.utils.data.SequentialSampler) == (not shuffle)
    assert isinstance(loader.sampler, torch.utils.data.DistributedSampler) == (shards > 1)
    assert loader.batch_sampler.sampler is loader.sampler


class OneByOne(fmnist_torch.MapDataset):
    """Examples that torch asks for one by one."""

    def __getitem__(self, row: int) -> Any:
        return super().__getitem__(row)


@pytest.mark.parametrize("examples", [fmnist_torch.MapDataset, OneByOne])
def test_fillers_have_weight_0_in_a_plain_data_loader(examples: Any) -> None:
    plan = BatchPlan(23, 10, remainder="pad", fields=("weight", "label"))
    plain = DataLoader(
        examples(made_dataset(), fields=("weight", "label")),
        batch_sampler=fmnist_torch.PlanSampler(plan),
    )
    expected = made_dataset().to("torch", batch_size=10, remainder="pad", fields=plan.fields)
    for batch, (weight, label) in zip(plain, expected, strict=True):
        assert torch.equal(batch[0], weight)
        assert torch.equal(batch[1], label)
