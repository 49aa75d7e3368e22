"""The JAX adapter, and its typed functions.

`batches` yields batches one after the other, as every adapter does; `resident` keeps the data on a
device and returns any batch from inside a compiled function.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import numpy as np
from numpy.typing import DTypeLike, NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Assembler, resolve, values_of
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.transforms import Chain, Mix, Transform
from fmnist_jax.device import JaxBatch, Resident, put
from fmnist_jax.loaders import DeviceBatches, JaxBatches
from fmnist_jax.places import DeviceLike, ShardingLike, check_layout, checked_device, named_sharding


class JaxAdapter:
    """Batches as tuples of `jax.Array`, made in this process: JAX and forked workers do not mix."""

    name = "jax"
    layout: Layout = "NHWC"
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
        device: DeviceLike | None = None,
        sharding: ShardingLike | None = None,
    ) -> JaxBatches:
        """Return a re-iterable of tuples of arrays, one for each field.

        Without ``jax_enable_x64`` JAX holds ``index`` as int32.

        Parameters
        ----------
        dataset, plan, encoding, epoch, start
            As `fmnist_core.hookspecs.Adapter.loader`.
        device : jax.Device or str, optional
            Keep all data on this device, and make the batches there. A str is a platform, such as
            "gpu", and means its first device. By default numpy makes the batches, which are then
            put on JAX's default device.
        sharding : Sharding, PartitionSpec or Mesh, optional
            Return global arrays with this layout, of which each process makes its part: `shard` is
            then the process's index and the number of processes. Each field takes as many entries
            of a spec as it has axes. A PartitionSpec is over the mesh of ``jax.set_mesh``; a Mesh
            of one axis divides the first axis of each field.

        Raises
        ------
        OptionError
            If an element type needs ``jax_enable_x64`` and it is off; if there is no such device;
            if batches cannot have this layout; or if there are too many examples for int32 row
            numbers on a device.
        """
        assemble = Assembler(dataset, plan, encoding, self)
        check_width(dataset, plan, assemble.encoding)
        if device is not None and sharding is not None:
            raise OptionError("device and sharding both set the place of batches. Try: one of them")
        if device is not None:
            return DeviceBatches(plan, assemble, checked_device(device), epoch=epoch, start=start)
        layout = None if sharding is None else named_sharding(sharding)
        if layout is not None:
            check_layout(plan, assemble, layout, start)
        return JaxBatches(plan, assemble, layout, epoch=epoch, start=start)

    def shard(self, options: Mapping[str, Any]) -> tuple[int, int]:
        """Return this process's index, and the number of processes."""
        return jax.process_index(), jax.process_count()

    def to_numpy(self, batch: JaxBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as read-only arrays."""
        return tuple(np.asarray(array) for array in values_of(batch))


ADAPTER = JaxAdapter()


@hookimpl
def fmnist_adapter() -> JaxAdapter:
    """Return the JAX adapter."""
    return ADAPTER


def batches(
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
    device: DeviceLike | None = None,
    sharding: ShardingLike | None = None,
) -> JaxBatches:
    """Return a dataset as a re-iterable of tuples of `jax.Array`.

    Parameters
    ----------
    dataset : Dataset
    batch_size, shuffle, seed, remainder, shard, fields
        The examples and the content of a batch: see `BatchPlan`.
    dtype, scale, mean, std, channels, layout, labels, transform
        How pixels and labels are converted: see `Encoding`.
    epoch, start : int
        The first epoch, and how many of its examples to skip.
    device : jax.Device or str, optional
    sharding : Sharding, PartitionSpec or Mesh, optional
        Where batches are made, or how global arrays are laid out: see `JaxAdapter.loader`.

    Raises
    ------
    OptionError
        As `JaxAdapter.loader`.
    """
    options = {name: value for name, value in locals().items() if name != "dataset"}
    loader: JaxBatches = dataset.to(ADAPTER, **options)
    return loader


def resident(
    dataset: Dataset,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
    remainder: Remainder = "keep",
    shard: tuple[int, int] | Literal["auto"] = (0, 1),
    fields: tuple[Field, ...] | Mapping[str, Field] | Field = ("image", "label"),
    dtype: Any = "float32",
    scale: Scale = "unit",
    mean: Constant | None = None,
    std: Constant | None = None,
    channels: int | None = None,
    layout: Layout | None = None,
    labels: LabelKind = "index",
    transform: Any = (),
    device: DeviceLike | jax.sharding.Sharding | None = None,
) -> Resident:
    """Put a dataset on a device, for batches inside jit and lax.scan.

    Parameters
    ----------
    dataset : Dataset
        Of uint8 images.
    batch_size, shuffle, seed, remainder, shard, fields
        Which examples form a batch: see `BatchPlan`.
    dtype, scale, mean, std, channels, layout, labels, transform
        How pixels and labels are converted: see `Encoding`.
    device : jax.Device, str or Sharding, optional
        Where to put the data; by default where JAX puts arrays.

    Returns
    -------
    Resident
        Its `batch(epoch, step)` returns any batch.

    Raises
    ------
    OptionError
        If batches would differ in shape, which a compiled function does not allow; if images are
        not uint8; or if there are no examples, or 2**31 or more.
    DataMismatchError
        If a mapped file has been written to since it was opened.
    """
    dataset.source.check_mapped()
    process_shard = ADAPTER.shard({}) if shard == "auto" else shard
    plan = BatchPlan(len(dataset), batch_size, shuffle, seed, remainder, process_shard, fields)  # type: ignore[arg-type]
    unresolved = Encoding(
        dtype, scale, layout, labels, mean, std, channels=channels, transform=transform
    )
    encoding = resolve(unresolved, dataset, plan.fields, ADAPTER)
    check_width(dataset, plan, encoding)
    if plan.remainder == "keep" and plan.num_examples % plan.global_batch_size:
        raise OptionError(
            f"{plan.num_examples} examples in batches of {plan.global_batch_size} leave a smaller "
            'one. Try: remainder="drop" or remainder="pad"'
        )
    if dataset.image_dtype != np.uint8:
        raise OptionError(f"expected uint8 images, found {dataset.image_dtype}. Try: batches()")
    if not 0 < len(dataset) < 2**31 - plan.global_batch_size:
        raise OptionError(f"{len(dataset)} examples cannot be counted on the device in int32")
    place = device
    if not isinstance(device, jax.sharding.Sharding | None):
        place = checked_device(device)
    return put(dataset, plan, encoding, place)


def check_width(dataset: Dataset, plan: BatchPlan, encoding: Encoding) -> None:
    """Raise OptionError for types that JAX would silently narrow."""
    if jax.dtypes.canonicalize_dtype(np.int64) == np.int64:
        return
    most = dataset.indices.max(initial=0) if "index" in plan.fields else 0
    if most > np.iinfo(np.int32).max:
        needs = 'the field "index" beyond 2**31'
    elif encoding.dtype == "float64":
        needs = 'dtype="float64"'
    elif "label" in plan.fields and encoding.label_dtype == "int64":
        needs = 'label_dtype="int64"'
    else:
        return
    raise OptionError(f'{needs} needs 64 bits. Try: jax.config.update("jax_enable_x64", True)')
