"""The JAX adapter: batches as tuples of arrays on the default device."""

from typing import Any, Literal, Unpack

import jax
import numpy as np
from numpy.typing import NDArray

from fmnist_core import hookimpl
from fmnist_core.batch import Arrays, Assembler, Batches
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding, Layout
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import LoaderOptions
from fmnist_core.plan import BatchPlan

JaxBatch = tuple[jax.Array, ...]


class JaxAdapter:
    """Batches as tuples of `jax.Array`, made in this process: JAX and forked workers do not mix."""

    name = "jax"
    layout: Layout = "NHWC"
    label_dtype: Literal["int32", "int64"] = "int32"
    writable = False

    def loader(
        self,
        dataset: Dataset,
        plan: BatchPlan,
        encoding: Encoding,
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> Batches[JaxBatch]:
        """Return a re-iterable of tuples of arrays, one for each field.

        Without ``jax_enable_x64`` JAX holds ``index`` as int32.

        Raises
        ------
        OptionError
            If an element type needs ``jax_enable_x64`` and it is off.
        """
        assemble = Assembler(dataset, plan.fields, encoding, self)
        _check_width(assemble)
        return Batches(plan, assemble, _to_device, epoch=epoch, start=start)

    def to_numpy(self, batch: JaxBatch) -> tuple[NDArray[Any], ...]:
        """Return the batch as read-only arrays."""
        return tuple(np.asarray(array) for array in batch)


ADAPTER = JaxAdapter()


@hookimpl
def fmnist_adapter() -> JaxAdapter:
    """Return the JAX adapter."""
    return ADAPTER


def batches(
    dataset: Dataset, *, batch_size: int, **options: Unpack[LoaderOptions]
) -> Batches[JaxBatch]:
    """Return a dataset as a re-iterable of tuples of `jax.Array`; options as `Dataset.to`."""
    loader: Batches[JaxBatch] = dataset.to(ADAPTER, batch_size=batch_size, **options)
    return loader


def _to_device(arrays: Arrays) -> JaxBatch:
    # The arrays are fresh and nobody else holds them, so JAX may keep their memory as its own.
    batch: JaxBatch = tuple(jax.device_put(arrays))
    return batch


def _check_width(assemble: Assembler) -> None:
    """Refuse what JAX would narrow in silence."""
    if jax.dtypes.canonicalize_dtype(np.int64) == np.int64:
        return
    indices = assemble.dataset.indices
    if "index" in assemble.fields and len(indices) and indices.max() > np.iinfo(np.int32).max:
        needs = 'the field "index" beyond 2**31'
    elif assemble.encoding.dtype == "float64":
        needs = 'dtype="float64"'
    else:
        return
    raise OptionError(f'{needs} needs 64 bits. Try: jax.config.update("jax_enable_x64", True)')
