"""What Ray's users expect: the plan's batches from a local cluster with two CPUs."""

import contextlib
import functools
import gc
import gzip
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import fmnist_core as fm
from fmnist_core import BatchPlan, Dataset, Encoding, FmnistError, OptionError
from fmnist_core.batch import Assembler
from fmnist_core.errors import DataMismatchError, FileAccessError, IdxError
from fmnist_core.order import whole_order
from fmnist_core.testing import (
    CHECKS,
    assert_batches,
    check_pixels,
    made_dataset,
    wanted_batches,
)
from fmnist_core.tools.cli import main
from tests.helpers.programs import environment, helper
from tests.helpers.signatures import check_options

ray = pytest.importorskip("ray")
fmnist_ray = pytest.importorskip("fmnist_ray")
fmnist_ray.read = pytest.importorskip("fmnist_ray.read")
fmnist_ray.urls = pytest.importorskip("fmnist_ray.urls")

EVERYTHING = ("image", "label", "weight", "index", "extended")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Connect to a cluster of two CPUs on this machine, which is shut down afterwards."""
    command = [sys.executable, *helper("ray_cluster")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of a change to come
        patch.setenv("RAY_AUTH_MODE", "disabled")  # the cluster listens on this machine alone
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=environment(), stdin=pipe, stdout=pipe, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            try:
                output = iter(process.stdout.readline, "")
                address = next(line.split()[1] for line in output if line.startswith("address:"))
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
                patch.setattr(logging.getLogger("ray.data"), "level", logging.CRITICAL)
                # Workers do not find this module: what they need of it is sent.
                ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
                context = ray.data.DataContext.get_current()
                patch.setattr(context, "enable_progress_bars", False)
                yield
            finally:
                ray.shutdown()
                process.stdin.close()


def columns(ds: Any, batch_size: int) -> Iterator[Any]:
    """Iterate in numpy's format, as Ray's users do."""
    return iter(ds.iter_batches(batch_size=batch_size, batch_format="numpy"))


# -- the law -------------------------------------------------------------------------------------


class Consumed(fmnist_ray.RayAdapter):  # type: ignore[misc, name-defined]
    """The adapter, with its dataset iterated by batches of the plan's size.

    A `ray.data.Dataset` is no iterable of batches and has no `len`; its users say
    ``iter_batches`` and ``count``.
    """

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> Any:
        ds = super().loader(dataset, plan, encoding, epoch=epoch, start=start)
        return Iterated(ds, plan.batch_size, start > 0)


class Iterated:
    """A `ray.data.Dataset` as a re-iterable of batches."""

    def __init__(self, ds: Any, batch_size: int, begins_later: bool) -> None:
        self.found, self.batch_size, self.begins_later = ds, batch_size, begins_later

    def __iter__(self) -> Iterator[Any]:
        return columns(self.found, self.batch_size)

    def __len__(self) -> int:
        if self.begins_later:
            raise TypeError("Ray keeps the count of the first epoch")
        return int(-(-self.found.count() // self.batch_size))


NO_BFLOAT16 = "Ray's tensor columns hold numpy's own types, so bfloat16 is refused (docs/ray.md)"


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(
            check,
            marks=[pytest.mark.xfail(reason=NO_BFLOAT16, raises=OptionError, strict=True)]
            if check is check_pixels
            else [],
        )
        for check in CHECKS
    ],
    ids=lambda check: check.__name__,
)
def test_conformance(check: Callable[[Any], None]) -> None:
    check(Consumed())


def test_typed_function_spells_out_every_option() -> None:
    check_options(fmnist_ray.ray_dataset)


def test_every_type_and_scale_but_bfloat16_has_the_bits_of_the_table() -> None:
    dataset, plan = made_dataset(), BatchPlan(23, 23)
    for dtype, scale in [
        ("float32", "unit"),
        ("float16", "unit"),
        ("float32", "standard"),
        ("float16", "standard"),
        ("float32", "raw"),
        ("uint8", "raw"),
    ]:
        encoding = Encoding(dtype, scale)
        ds = Consumed().loader(dataset, plan, encoding)
        expected = wanted_batches(fmnist_ray.ADAPTER, dataset, plan, encoding)
        assert_batches(fmnist_ray.ADAPTER, ds, expected, plan.fields, f"{dtype}, {scale}")


def test_it_is_a_ray_dataset_with_columns_of_tensors() -> None:
    ds = made_dataset().to("ray", batch_size=5, labels="one_hot", fields=EVERYTHING)
    assert isinstance(ds, ray.data.Dataset)
    assert ds.columns() == [*EVERYTHING]
    assert [list(batch) for batch in columns(ds, 23)] == [[*EVERYTHING]]
    types = dict(zip(ds.schema().names, map(str, ds.schema().types), strict=True))
    assert types["image"] == "ArrowTensorTypeV2(shape=(5, 4), dtype=float)"
    assert (types["weight"], types["index"]) == ("float", "int64")


def test_a_fingerprint_is_that_of_any_framework(tmp_path: Path) -> None:
    options: Any = {"shuffle": True, "seed": 4, "fields": ("image", "label", "index")}
    options |= {"epoch": 2, "start": 5}
    through_ray = made_dataset().to("ray", batch_size=4, **options)
    received = fm.fingerprint(through_ray, epochs=2)
    reference = fm.fingerprint(made_dataset().to("numpy", batch_size=7, **options), epochs=2)
    assert received.digests == reference.digests
    assert sorted(received.digests) == [2, 3]
    assert received.parts[0]["adapter"] == "ray"
    assert fm.peek(through_ray)["index"].tolist() == next(columns(through_ray, 4))["index"].tolist()


def test_the_command_reads_through_ray(tmp_path: Path) -> None:
    runner = CliRunner()
    for adapter in ("ray", "numpy"):
        arguments = ["fingerprint", "synthetic", "--split", "test", "--adapter", adapter]
        output = str(tmp_path / f"{adapter}.json")
        done = runner.invoke(main, [*arguments, "--batch-size", "500", "--output", output])
        assert done.exit_code == 0, done.output
    run = [fm.Fingerprint.load(tmp_path / f"{name}.json") for name in ("ray", "numpy")]
    assert run[0].digests == run[1].digests


def test_count_and_schema_begin_no_epoch_but_take_does() -> None:
    ds = fmnist_ray.ray_dataset(made_dataset(), batch_size=23, shuffle=True, fields=("index",))
    places = made_dataset().indices
    assert (ds.count(), ds.schema().names) == (23, ["index"])
    for epoch in (0, 1):
        (batch,) = columns(ds, 23)
        assert batch["index"].tolist() == places[whole_order(23, 0, epoch)].tolist()
    assert [row["index"] for row in ds.take(3)] == places[whole_order(23, 0, 2)][:3].tolist()
    (batch,) = columns(ds, 23)
    assert batch["index"].tolist() == places[whole_order(23, 0, 3)].tolist()


def test_map_batches_keeps_the_order_over_many_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fmnist_ray.adapter.BLOCK_BYTES", 100)
    dataset = made_dataset(200)
    ds = fmnist_ray.ray_dataset(dataset, batch_size=6, shuffle=True, fields=("image", "index"))
    assert len(tasks_of(ds)) == 34
    expected = [dataset.indices[rows] * 2 for rows in BatchPlan(200, 6, True).epoch(0)]
    head = expected[0][0]

    def double(batch: Any) -> Any:
        made = {**batch, "double": batch["index"] * 2}
        time.sleep(1 if made["double"][0] == head else 0)  # so that others are done before it
        return made

    for batch, want in zip(columns(ds.map_batches(double), 6), expected, strict=True):
        assert batch["double"].tolist() == want.tolist()


def test_large_data_have_larger_blocks_not_more_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmnist_ray.adapter.BLOCK_BYTES", 1)
    monkeypatch.setattr("fmnist_ray.adapter.MOST_BLOCKS", 10)
    ds = fmnist_ray.ray_dataset(made_dataset(100), batch_size=2, fields=("index",))
    assert len(tasks_of(ds)) == 10
    assert [len(batch["index"]) for batch in columns(ds, 2)] == [2] * 50


def test_ten_thousand_tasks_cost_the_driver_little(
    tmp_path: Path, peak_memory: Callable[[Callable[[], object]], int]
) -> None:
    """By count: what a task takes does not grow with their number, and is numbers alone."""

    def source(blocks: int) -> Any:
        data = raw_files(made_dataset(2 * blocks), tmp_path)
        dataset, plan = fm.open_idx(*data), BatchPlan(2 * blocks, 2, True)
        assemble = Assembler(dataset, plan, Encoding(), fmnist_ray.ADAPTER)
        return fmnist_ray.read.FmnistDatasource(assemble, plan, 0, 0, 0, 1)

    def calls(blocks: int) -> int:
        made, total = source(blocks), 0

        def profile(frame: Any, event: str, argument: Any) -> None:
            nonlocal total
            total += event in ("call", "c_call")

        gc.collect()
        gc.disable()
        sys.setprofile(profile)
        try:
            assert len(made.get_read_tasks(1)) == blocks
        finally:
            sys.setprofile(None)
            gc.enable()
        return total

    assert calls(1000) < 11 * calls(100)
    many = source(10_000)
    assert peak_memory(lambda: many.get_read_tasks(1)) < 10_000 * 1000
    first, last = (len(ray.cloudpickle.dumps(many.get_read_tasks(1)[n])) for n in (0, -1))
    assert max(first, last) < 10_000


# -- where the data go ---------------------------------------------------------------------------


def tasks_of(ds: Any) -> list[Any]:
    """Return the read tasks of the next epoch."""
    tasks: list[Any] = ds._logical_plan.dag.datasource.get_read_tasks(1)
    return tasks


def raw_files(dataset: Dataset, folder: Path) -> tuple[Path, Path]:
    """Write a dataset as raw IDX files."""
    paths = folder / "images-idx3-ubyte", folder / "labels-idx1-ubyte"
    fm.write_idx(paths[0], dataset.images)
    fm.write_idx(paths[1], dataset.labels)
    return paths


@pytest.fixture(scope="module")
def grey() -> Dataset:
    """Three thousand images of 20 x 20, over a MiB, all different."""
    values = np.random.default_rng(0).integers(0, 256, (3000, 20, 20), np.uint8)
    return Dataset(values, (np.arange(3000) % 7).astype(np.uint8))


def test_mapped_files_do_not_pass_through_the_driver(
    grey: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = fm.open_idx(*raw_files(grey, tmp_path))
    part = dataset.split(0.9, seed=1, stratify=True)[0]
    ds = fmnist_ray.ray_dataset(part, batch_size=100, shuffle=True, fields=("image", "index"))
    for task in tasks_of(ds):
        assert len(ray.cloudpickle.dumps(task)) < 8192
        assert not isinstance(task.read_fn.sent, ray.ObjectRef)
    monkeypatch.setattr("fmnist_core.batch.Assembler.__call__", lambda *_: pytest.fail("read here"))
    for batch, rows in zip(columns(ds, 100), BatchPlan(2700, 100, True).epoch(0), strict=True):
        assert batch["index"].tolist() == part.indices[rows].tolist()
        assert (batch["image"] == np.float32(part.images[rows]) / np.float32(255)).all()


def test_a_long_list_of_rows_is_sent_once(grey: Dataset, tmp_path: Path) -> None:
    dataset = fm.open_idx(*raw_files(grey, tmp_path)).select(np.tile(np.arange(2999, 0, -1), 4))
    ds = fmnist_ray.ray_dataset(dataset, batch_size=1000, fields=("index",))
    assert len(ray.cloudpickle.dumps(tasks_of(ds)[0])) < 8192
    assert [row["index"] for row in ds.take(2)] == [2999, 2998]


def test_data_in_memory_pass_through_the_object_store_once_with_a_warning(
    grey: Dataset,
) -> None:
    with pytest.warns(UserWarning, match="not mapped from raw files"):
        ds = grey.to("ray", batch_size=1000, dtype="uint8", scale="raw")
    assert len(ray.cloudpickle.dumps(tasks_of(ds)[0])) < 8192
    images = np.concatenate([batch["image"] for batch in columns(ds, 1000)])
    assert images.tobytes() == grey.images.tobytes()


def test_the_warning_counts_what_is_sent_not_what_is_selected(
    grey: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist_ray.read.NOTED_BYTES", grey.images.nbytes - 1)
    with pytest.warns(UserWarning, match="not mapped from raw files"):
        grey.take(5).to("ray", batch_size=5)


def test_packed_files_are_unpacked_once_before_they_are_sent(tmp_path: Path) -> None:
    made = made_dataset()
    paths = tmp_path / "images.gz", tmp_path / "labels.gz"
    fm.write_idx(paths[0], made.images)
    fm.write_idx(paths[1], made.labels)
    dataset = fm.open_idx(*paths)
    ds = fmnist_ray.ray_dataset(dataset, batch_size=4, dtype="uint8", scale="raw")
    for path in paths:
        path.unlink()
    images = np.concatenate([batch["image"] for batch in columns(ds, 4)])
    assert images.tobytes() == made.images.tobytes()


def test_tasks_notice_a_changed_file(tmp_path: Path) -> None:
    images, labels = raw_files(made_dataset(), tmp_path)
    ds = fmnist_ray.ray_dataset(fm.open_idx(images, labels), batch_size=4)
    fm.write_idx(images, made_dataset().images[::-1])
    os.utime(images, (1, 1))
    with pytest.raises(DataMismatchError, match="changed since this dataset was opened"):
        list(columns(ds, 4))


def test_real_fashion_mnist_equals_the_reference(fashion_root: Path, tmp_path: Path) -> None:
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        fm.write_idx(tmp_path / name, fm.read_idx(fashion_root / f"{name}.gz"))
    dataset = fm.load("fashion-mnist", "test", root=tmp_path)
    options: Any = {
        "batch_size": 128,
        "shuffle": True,
        "seed": 5,
        "scale": "standard",
        "fields": ("image", "label", "index"),
        "epoch": 1,
    }
    ds = columns(dataset.to("ray", **options), 128)
    for batch, expected in zip(ds, dataset.to("numpy", **options), strict=True):
        for got, want in zip(batch.values(), expected, strict=True):
            assert (got.dtype, got.tobytes()) == (want.dtype, want.tobytes())


# -- several workers -----------------------------------------------------------------------------


def split(ds: Any, count: int, batch_size: int, epochs: int = 1) -> list[list[list[Any]]]:
    """Return the batches of each epoch of each part of a streaming split, read at once."""
    parts = ds.streaming_split(count, equal=True)
    got: list[Any] = [[] for _ in parts]
    failed: list[Exception] = []

    def read(number: int) -> None:
        try:
            for _ in range(epochs):
                got[number].append(list(columns(parts[number], batch_size)))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return got


@pytest.mark.parametrize(
    ("remainder", "count", "start"), [("drop", 2, 0), ("pad", 3, 0), ("keep", 2, 20), ("pad", 2, 7)]
)
def test_each_worker_gets_the_batches_of_its_shard(
    remainder: Any, count: int, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmnist_ray.adapter.BLOCK_BYTES", 1000)  # two batches of four
    dataset = made_dataset(90 if remainder == "keep" else 91)
    options: Any = {"shuffle": True, "seed": 2, "remainder": remainder, "start": start, "epoch": 4}
    options["fields"] = EVERYTHING
    ds = fmnist_ray.ray_dataset(dataset, batch_size=4, num_workers=count, **options)
    got = split(ds, count, 4, epochs=2)
    for index in range(count):
        plan = BatchPlan(len(dataset), 4, True, 2, remainder, (index, count), EVERYTHING)
        for n, begin in enumerate((start, 0)):
            expected = wanted_batches(fmnist_ray.ADAPTER, dataset, plan, epoch=4 + n, start=begin)
            assert_batches(
                fmnist_ray.ADAPTER,
                got[index][n],
                expected,
                EVERYTHING,
                f"worker {index}, epoch {n}",
            )


def test_a_plain_split_has_each_row_once_except_those_that_ray_drops() -> None:
    for n, lost in ((24, 0), (23, 1)):
        ds = fmnist_ray.ray_dataset(made_dataset(n), batch_size=3, fields=("index",))
        got = [batch["index"] for part in split(ds, 2, 3) for batch in part[0]]
        rows = np.concatenate(got)
        assert len(rows) == len(np.unique(rows)) == n - lost
        assert set(rows) <= set(made_dataset(n).indices)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": 5}, "the last batch has 4 of 24 examples for 5 shards"),
        ({"num_workers": 7}, 'has 24 examples for 7 workers.*remainder="drop"'),
        ({"num_workers": 2, "start": 17}, "the last batch has 7 examples for 2 workers"),
        ({"num_workers": 2, "shard": (0, 2)}, "Try: one of them"),
        ({"num_workers": 0}, "num_workers"),
        ({"dtype": "bfloat16"}, 'Try: dtype="float32"'),
    ],
    ids=str,
)
def test_splits_that_cannot_be_exact_raise(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        made_dataset(24).to("ray", **{"batch_size": 4, **options})


def test_a_batch_that_ray_would_cut_is_refused_for_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ray.data.DataContext.get_current()
    monkeypatch.setattr(context, "target_max_block_size", 1000)
    with pytest.raises(OptionError, match="a batch of 1680 bytes is more than one block, 1000"):
        fmnist_ray.ray_dataset(made_dataset(), batch_size=20, num_workers=1)


def test_workers_raise_if_ray_may_reorder_blocks() -> None:
    ds = fmnist_ray.ray_dataset(made_dataset(24), batch_size=3, num_workers=2)
    ds.context.execution_options.preserve_order = False
    with pytest.raises(OptionError, match=r"ExecutionOptions\(preserve_order=True\)"):
        split(ds, 2, 3)


def test_ray_train_workers_get_their_shards(grey: Dataset, tmp_path: Path) -> None:
    from ray.train.torch import TorchTrainer

    dataset = fm.open_idx(*raw_files(grey, tmp_path))
    options: Any = {"batch_size": 50, "shuffle": True, "seed": 3, "fields": ("image", "index")}

    def work(config: dict[str, Any]) -> None:
        rank, auto = ray.train.get_context().get_world_rank(), fmnist_ray.ADAPTER.shard({})
        part = ray.train.get_dataset_shard("train")
        epochs = [list(part.iter_batches(batch_size=50)) for _ in range(2)]
        Path(config["folder"], f"{rank}.pickle").write_bytes(pickle.dumps((auto, epochs)))

    TorchTrainer(
        work,
        train_loop_config={"folder": str(tmp_path)},
        # Half a CPU each, so that one of the two is left to read the data.
        scaling_config=ray.train.ScalingConfig(num_workers=2, resources_per_worker={"CPU": 0.5}),
        run_config=ray.train.RunConfig(storage_path=str(tmp_path / "runs")),
        datasets={"train": fmnist_ray.ray_dataset(dataset, num_workers=2, **options)},
        dataset_config=ray.train.DataConfig(
            execution_options=ray.data.ExecutionOptions(preserve_order=True)
        ),
    ).fit()
    got = [pickle.loads((tmp_path / f"{rank}.pickle").read_bytes()) for rank in range(2)]
    for rank, (auto, epochs) in enumerate(got):
        assert auto == (rank, 2)
        for epoch, actual in enumerate(epochs):
            plan = BatchPlan(3000, 50, True, 3, shard=(rank, 2), fields=("image", "index"))
            expected = wanted_batches(fmnist_ray.ADAPTER, dataset, plan, epoch=epoch)
            assert_batches(fmnist_ray.ADAPTER, actual, expected, plan.fields, f"{rank}, {epoch}")
    for epoch in range(2):
        rows = [batch["index"] for _, epochs in got for batch in epochs[epoch]]
        assert np.sort(np.concatenate(rows)).tolist() == list(range(3000))


def test_outside_of_ray_train_the_shard_is_the_whole() -> None:
    assert fmnist_ray.ADAPTER.shard({}) == (0, 1)


# -- addresses -----------------------------------------------------------------------------------


class Ranges(SimpleHTTPRequestHandler):
    """A server of a folder that answers requests for a range, and records them."""

    asked: list[tuple[str, int, int]]
    honours = True

    def do_GET(self) -> None:
        expected = self.headers.get("Range", "")
        if not (self.honours and expected.startswith("bytes=")):
            return super().do_GET()
        payload = Path(self.translate_path(self.path)).read_bytes()
        begin, end = expected.removeprefix("bytes=").split("-")
        part = payload[int(begin) : int(end or len(payload)) + 1]
        self.asked.append((self.path, int(begin), len(part)))
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header(
            "Content-Range", f"bytes {begin}-{int(begin) + len(part) - 1}/{len(payload)}"
        )
        self.end_headers()
        self.wfile.write(part)
        return None

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path, *, honours: bool = True) -> Iterator[tuple[str, list[Any]]]:
    """Serve a folder over http; give its address, and the requests."""
    handler = type("Handler", (Ranges,), {"asked": [], "honours": honours})
    make: Any = functools.partial(handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), make) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler.asked  # type: ignore[attr-defined]
        finally:
            server.shutdown()


def assert_same_epoch(actual: Dataset, expected: Dataset) -> None:
    """Raise AssertionError unless a shuffled epoch through Ray is the other's by numpy."""
    fields: Any = ("image", "label", "index")
    options: Any = {"batch_size": 150, "shuffle": True, "seed": 1, "fields": fields}
    through_ray = columns(actual.to("ray", **options), 150)
    for batch, want in zip(through_ray, expected.to("numpy", **options), strict=True):
        for got, array in zip(batch.values(), want, strict=True):
            assert (got.dtype, got.tobytes()) == (array.dtype, array.tobytes())


def test_files_at_an_address_are_read_by_range_in_the_workers(
    grey: Dataset, tmp_path: Path
) -> None:
    images, labels = raw_files(grey, tmp_path)
    with served(tmp_path) as (address, asked):
        dataset = fmnist_ray.open_urls(f"{address}/{images.name}", f"{address}/{labels.name}")
        assert (len(dataset), dataset.image_shape, len(dataset.classes)) == (3000, (20, 20), 7)
        assert sum(size for path, _, size in asked if path == f"/{images.name}") <= 1025
        ds = dataset.take(300).to("ray", batch_size=100, dtype="uint8", scale="raw")
        assert len(ray.cloudpickle.dumps(tasks_of(ds)[0])) < 8192
        got = np.concatenate([batch["image"] for batch in columns(ds, 100)])
        assert got.tobytes() == grey.images[:300].tobytes()
        read = sum(size for path, _, size in asked if path == f"/{images.name}")
        assert read <= 1025 + 300 * 400, "more was read than the rows that were asked for"
        assert_same_epoch(dataset, grey)


def test_files_by_file_address_and_in_a_zip_file(grey: Dataset, tmp_path: Path) -> None:
    images, labels = raw_files(grey, tmp_path)
    assert_same_epoch(fmnist_ray.open_urls(images.as_uri(), labels.as_uri()), grey)
    with zipfile.ZipFile(tmp_path / "both.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (images, labels):
            archive.write(path, path.name)
    inside = f"::{(tmp_path / 'both.zip').as_uri()}"
    urls = [f"zip://{path.name}{inside}" for path in (images, labels)]
    assert_same_epoch(fmnist_ray.open_urls(*urls).select(range(2000)), grey.take(2000))


def test_a_dataset_of_addresses_behaves_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fmnist_ray.urls, "GAP_BYTES", 60)
    monkeypatch.setattr(fmnist_ray.urls, "REQUEST_BYTES", 100)
    values = np.arange(-300, 300, dtype=">i2").reshape(50, 3, 4)
    paths = tmp_path / "images", tmp_path / "labels"
    fm.write_idx(paths[0], values)
    fm.write_idx(paths[1], (np.arange(50) % 3).astype(np.int32))
    expected = fm.open_idx(*paths, classes=("a", "b", "c"))
    ds = fmnist_ray.open_urls(*(path.as_uri() for path in paths), classes=("a", "b", "c"))
    assert ds.source.is_lazy
    for _ in range(2):
        assert np.array_equal(np.asarray(ds.images), expected.images)
        assert np.array_equal(ds.labels, expected.labels)
        assert (ds.digest, ds.classes) == (expected.digest, expected.classes)
        rows = np.array([49, 0, 7, 7, 48, 3, 20])
        assert np.array_equal(ds.source.images_at(rows), expected.source.images_at(rows))
        assert np.array_equal(ds.per_class(3).images, expected.per_class(3).images)
        assert np.array_equal(ds[11][0], expected[11][0])
        assert ds[-1][1] == expected[-1][1]
        assert np.array_equal(
            ds.split(0.5, stratify=True)[1].labels, expected.split(0.5, stratify=True)[1].labels
        )
        assert len(ds.take(0).images) == 0
        ds = pickle.loads(pickle.dumps(ds))  # the labels too are unread now


def test_new_labels_of_addresses_reach_the_workers(grey: Dataset, tmp_path: Path) -> None:
    urls = [path.as_uri() for path in raw_files(grey, tmp_path)]
    opened, new = fmnist_ray.open_urls(*urls), (grey.labels + 1) % 7
    pair = opened.of_classes(3, 1).take(300)
    both = fm.concat(opened.take(100), opened.take(100).relabel(new[:100]))
    assert len(pickle.dumps(opened)) < 1000, "labels of the file are not sent"
    for dataset in (opened.relabel(new), pair, both):
        sent = pickle.loads(pickle.dumps(dataset))
        assert np.array_equal(sent.labels, dataset.labels)
        assert sent.digest == dataset.digest
    assert_same_epoch(pair, grey.of_classes(3, 1).take(300))


def test_files_that_cannot_be_read_by_range_raise_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = raw_files(made_dataset(5), tmp_path)
    (tmp_path / "packed").write_bytes(gzip.compress(images.read_bytes()))
    (tmp_path / "short").write_bytes(images.read_bytes()[:-1])
    (tmp_path / "lies").write_bytes(b"\0\0\x08\x03" + b"\xff" * 12)
    (tmp_path / "page").write_bytes(b"<html>")
    (tmp_path / "lone").write_bytes(b"")
    refused: list[tuple[str, type[Exception], str]] = [
        ("packed", IdxError, "found gzip, which cannot be read by range. Try: unpack it"),
        ("short", IdxError, "calls for 116 bytes in all, found 115"),
        ("lies", IdxError, "found 16"),
        ("page", IdxError, "HTML"),
        ("lone", IdxError, "empty file"),
        ("missing", FileAccessError, "cannot be opened"),
        (labels.name, DataMismatchError, "one image for each of 5 labels"),
    ]
    for name, kind, message in refused:
        with pytest.raises(kind, match=message):
            fmnist_ray.open_urls((tmp_path / name).as_uri(), labels.as_uri())
    with pytest.raises(DataMismatchError, match="along one axis"):
        fmnist_ray.open_urls(images.as_uri(), images.as_uri())
    with pytest.raises(DataMismatchError, match="expected labels from 0 to 0"):
        fmnist_ray.open_urls(images.as_uri(), labels.as_uri(), classes=("one",))
    with pytest.raises(OptionError, match=r"fmnist_core\.open_idx for files of this machine"):
        fmnist_ray.open_urls(str(images), str(labels))
    monkeypatch.setenv("FMNIST_OFFLINE", "1")
    with pytest.raises(FmnistError, match="FMNIST_OFFLINE"):
        fmnist_ray.open_urls("http://127.0.0.1:9/images", labels.as_uri())


def test_a_server_without_ranges_raises(grey: Dataset, tmp_path: Path) -> None:
    images, labels = raw_files(grey, tmp_path)
    with served(tmp_path, honours=False) as (address, _):
        with pytest.raises(FileAccessError, match="Try: a server that answers requests"):
            fmnist_ray.open_urls(f"{address}/{images.name}", labels.as_uri())
