"""The Ray adapter: a `ray.data.Dataset` whose read tasks make the plan's batches where they run.

`ray_dataset` is the typed function; `open_urls` opens raw IDX files at any address that fsspec
supports, and every task reads its own rows from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import ray
import ray.data
import ray.train
from numpy.typing import DTypeLike, NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Assembler, values_of
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError, check_range
from fmnist_core.order import MAX_EXAMPLES
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.provenance import Provenance
from fmnist_core.transforms import Chain, Mix, Transform
from fmnist_ray.read import BLOCK_BYTES, FmnistDatasource, row_nbytes
from fmnist_ray.urls import open_urls

__all__ = ["ADAPTER", "RayAdapter", "fmnist_adapter", "open_urls", "ray_dataset"]

RayBatch = Mapping[str, NDArray[Any]]

MOST_BLOCKS = 1024
"""Approximate maximum of blocks in an epoch, because the driver makes a task for each; beyond it,
blocks become larger."""


class RayAdapter:
    """Batches as dictionaries of numpy arrays out of a `ray.data.Dataset`."""

    name = "ray"
    layout: Layout = "NHW"
    label_dtype: LabelDType = "int32"
    writable = False

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
        num_workers: int | None = None,
    ) -> ray.data.Dataset:
        """Return a `ray.data.Dataset` with a column for each field and rows in the plan's order.

        ``iter_batches(batch_size=plan.batch_size)`` yields the plan's batches. The n-th execution
        by Ray reads epoch `epoch` + n; ``take()`` executes it, ``schema()`` and ``count()`` do not.
        If `start` makes the first epoch shorter, ``count()`` is the number of rows of that epoch.

        Images that are mapped from raw files, or read from an address, stay where they are: each
        task maps or reads its own rows. Others are put into Ray's object store once.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        num_workers : int, optional
            How many consumers Ray will split it among, by Ray Train or ``streaming_split``. Worker
            r then gets the batches of the plan with ``shard=(r, num_workers)``.

        Raises
        ------
        OptionError
            If a column cannot hold the images' element type, or the split cannot be exact. With
            `num_workers`, on execution, if Ray may change the order of blocks.
        """
        plan.check_use(len(dataset), epoch, start)
        _check_dtype(encoding)
        assemble = Assembler(dataset, plan, encoding, self)
        if num_workers is not None:
            plan = _for_workers(plan, num_workers, start)
            _check_block(plan, assemble)
        source = FmnistDatasource(
            assemble, plan, epoch, start, num_workers or 0, _block_bytes(assemble)
        )
        # Given the number of blocks, Ray does not split them; it would not split between batches.
        rows: Any = ray.data.read_datasource(source, override_num_blocks=source.fewest_blocks())
        rows.context.execution_options.preserve_order = True
        if num_workers is None:
            # An attribute of this object only; datasets derived from it do not have it.
            rows.provenance = Provenance(self, dataset, plan, assemble.encoding, source.upcoming)
        return rows  # type: ignore[no-any-return]

    def batches(self, loader: Any, plan: BatchPlan) -> Iterable[Any]:
        """Return an iterable of the plan's batches of a `ray.data.Dataset`, in numpy's format.

        Anything else is returned unchanged.
        """
        if not isinstance(loader, ray.data.Dataset):
            return loader  # type: ignore[no-any-return]
        return loader.iter_batches(batch_size=plan.batch_size, batch_format="numpy")

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return the rank of this Ray Train worker and the number of workers; outside, (0, 1)."""
        try:
            context = ray.train.get_context()
        except RuntimeError:
            return 0, 1
        return context.get_world_rank(), context.get_world_size()

    def to_numpy(self, batch: RayBatch) -> tuple[NDArray[Any], ...]:
        """Return the columns of a batch in numpy's format, without a copy."""
        return values_of(batch)


ADAPTER = RayAdapter()


@hookimpl
def fmnist_adapter() -> RayAdapter:
    """Return the Ray adapter."""
    return ADAPTER


def ray_dataset(
    dataset: Dataset,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    remainder: Remainder = "keep",
    shard: tuple[int, int] | Literal["auto"] = (0, 1),
    fields: tuple[Field, ...] | Mapping[str, Field] | Field = ("image", "label"),
    dtype: DTypeLike = "float32",
    scale: Scale = "unit",
    mean: Constant | None = None,
    std: Constant | None = None,
    channels: int | None = None,
    layout: Layout | None = None,
    labels: LabelKind = "index",
    transform: Transform | Mix | Chain | Sequence[Transform | Mix] = (),
    epoch: int = 0,
    start: int = 0,
    num_workers: int | None = None,
) -> ray.data.Dataset:
    """Return a dataset as a `ray.data.Dataset` with a column for each field.

    Parameters
    ----------
    dataset : Dataset
        From `fmnist_core.load`, `fmnist_core.open_idx` or `open_urls`, or a selection of one.
    batch_size, shuffle, seed, remainder, shard, fields
        The examples and the content of a batch: see `BatchPlan`.
    dtype, scale, mean, std, channels, layout, labels, transform
        How pixels and labels are converted: see `Encoding`.
    epoch, start : int
        The first epoch, and how many of its examples to skip.
    num_workers : int, optional
        How many Ray Train workers it will be split among; see `RayAdapter.loader`.

    Raises
    ------
    OptionError
        As `RayAdapter.loader`.
    """
    options = {name: value for name, value in locals().items() if name != "dataset"}
    rows: ray.data.Dataset = dataset.to(ADAPTER, **options)
    return rows


def _block_bytes(assemble: Assembler) -> int:
    """Return the size of blocks at which there are not too many and Ray splits none."""
    nbytes = max(BLOCK_BYTES, len(assemble.dataset) * row_nbytes(assemble) // MOST_BLOCKS)
    most = _most_block_bytes()
    return nbytes if most is None else min(nbytes, most)


def _check_dtype(encoding: Encoding) -> None:
    if encoding.dtype == "bfloat16":
        raise OptionError(
            "Ray's tensor columns hold numpy's element types; bfloat16 is not one. "
            'Try: dtype="float32", and convert on the device'
        )


def _most_block_bytes() -> int | None:
    """Return the size above which Ray splits a block, or None if it does not."""
    most: int | None = ray.data.DataContext.get_current().target_max_block_size
    return most


def _for_workers(plan: BatchPlan, num_workers: int, start: int) -> BatchPlan:
    """Return the plan of the first worker, or raise OptionError if Ray would drop examples."""
    check_range("num_workers", num_workers, 1, MAX_EXAMPLES)
    if plan.shard != (0, 1):
        raise OptionError(
            f"num_workers={num_workers} makes Ray split all batches among workers; found also "
            f"shard={plan.shard}. Try: one of them"
        )
    first = replace(plan, shard=(0, num_workers))
    for begin in (0, first.check_start(start)):
        left = (plan.num_examples - begin) % first.global_batch_size
        if plan.remainder == "keep" and left % num_workers:
            raise OptionError(
                f"the last batch has {left} examples for {num_workers} workers, and Ray drops the "
                'excess of an unequal split. Try: remainder="drop" or remainder="pad"'
            )
    return first


def _check_block(plan: BatchPlan, assemble: Assembler) -> None:
    """Raise OptionError if Ray would split a batch among workers."""
    most = _most_block_bytes()
    batch_bytes = plan.batch_size * row_nbytes(assemble)
    if most is not None and batch_bytes > most:
        raise OptionError(
            f"a batch of {batch_bytes} bytes is more than one block, {most}, so Ray would split it "
            "among workers. Try: a smaller batch_size, or a larger "
            "ray.data.DataContext.get_current().target_max_block_size"
        )
