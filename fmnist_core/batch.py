"""The reference: the numpy arrays of a batch, and epochs of them.

Every adapter that can start from numpy starts here; the others must give the same bits.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.errors import OptionError
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BLOCK_EXAMPLES, BatchPlan, Field

Arrays = tuple[NDArray[Any], ...]
_Batch = TypeVar("_Batch")

SENT_AT_ONCE = 2**20
"""Row numbers sent to a device at once: an epoch's, unless it is long."""

# Of the module, not of a loader, which could not be pickled with it.
_TAKING_AN_EPOCH = threading.Lock()


class Assembler:
    """Make the numpy arrays of a batch from the rows that form it.

    Parameters
    ----------
    dataset : Dataset
    fields : tuple of {"image", "label", "weight", "index", "extended"}
        What a batch holds, in this order.
    encoding : Encoding
        What pixels and labels become.
    adapter : Adapter
        Whose habits of layout and label type are taken where the encoding leaves them open.

    Raises
    ------
    OptionError
        If these images cannot be encoded so.
    """

    def __init__(
        self, dataset: Dataset, fields: tuple[Field, ...], encoding: Encoding, adapter: Adapter
    ) -> None:
        self.dataset = dataset
        self.fields = fields
        self.encoding = resolved(encoding, dataset, fields, adapter)
        self.label_dtype = adapter.label_dtype

    def __call__(
        self, rows: NDArray[np.int64], weights: NDArray[np.float32] | None = None
    ) -> Arrays:
        """Return fresh arrays, one for each field.

        Parameters
        ----------
        rows : int64 array (batch,)
            Row numbers in the dataset.
        weights : float32 array (batch,), optional
            1 for an example, 0 for a filler; by default all 1.
        """
        return tuple(self._field(field, rows, weights) for field in self.fields)

    def _field(
        self, field: Field, rows: NDArray[np.int64], weights: NDArray[np.float32] | None
    ) -> NDArray[Any]:
        if field == "image":
            return self.encoding.encode_images(self.dataset.gather_images(rows))
        if field == "label":
            labels = self.dataset.gather_labels(rows)
            return self.encoding.encode_labels(labels, len(self.dataset.classes), self.label_dtype)
        if field == "index":
            return self.dataset.original_rows(rows)
        if field == "extended":
            return self.dataset.gather_extended(rows)
        return np.ones(len(rows), np.float32) if weights is None else weights


def weighted_blocks(
    plan: BatchPlan, epoch: int, start: int = 0, examples: int = BLOCK_EXAMPLES
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield `BatchPlan.blocks` with the weights of their examples, of the same shape."""
    blocks = plan.blocks(epoch, start, examples)

    def weighted() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        step = 0
        for rows in blocks:
            weights = np.ones(rows.shape, np.float32)
            if plan.remainder == "pad" and len(rows) == 1:  # fillers are only where one comes alone
                weights[0] = plan.weights(step, start)
            yield rows, weights
            step += len(rows)

    return weighted()


def epoch_batches(
    plan: BatchPlan, assemble: Assembler, epoch: int, start: int = 0
) -> Iterator[Arrays]:
    """Yield the numpy arrays of each batch of an epoch.

    Batches of one block are disjoint parts of the same fresh memory.
    """
    blocks = weighted_blocks(plan, epoch, start)

    def batches() -> Iterator[Arrays]:
        for rows, weights in blocks:
            arrays = assemble(rows.reshape(-1), weights.reshape(-1))
            size = rows.shape[1]
            for first in range(0, rows.size, size):
                yield tuple(array[first : first + size] for array in arrays)

    return batches()


class Batches(Generic[_Batch]):
    """A re-iterable of batches: the n-th time it is iterated is epoch `epoch` + n.

    Parameters
    ----------
    plan : BatchPlan
    assemble : Assembler
    convert : callable
        Turns the numpy arrays of a batch into the framework's own form.
    epoch, start : int
        Where to begin; `start` examples of the first epoch are left out.
    """

    def __init__(
        self,
        plan: BatchPlan,
        assemble: Assembler,
        convert: Callable[[Arrays], _Batch],
        *,
        epoch: int = 0,
        start: int = 0,
    ) -> None:
        plan.check_use(len(assemble.dataset), epoch, start)
        self.plan = plan
        self.encoding = assemble.encoding
        self._assemble = assemble
        self._convert = convert
        self._epoch = epoch
        self._start = start

    def __len__(self) -> int:
        """Return the number of batches of the next iteration."""
        return self.plan.num_steps(self._start)

    def __iter__(self) -> Iterator[_Batch]:
        """Begin the next epoch."""
        with _TAKING_AN_EPOCH:
            epoch, start = self._epoch, self._start
            self._epoch, self._start = epoch + 1, 0
        return self._batches(epoch, start)

    def _batches(self, epoch: int, start: int) -> Iterator[_Batch]:
        return map(self._convert, epoch_batches(self.plan, self._assemble, epoch, start))

    def __repr__(self) -> str:
        return f"<{len(self)} batches from epoch {self._epoch} of {self.plan}>"


def resolved(
    encoding: Encoding, dataset: Dataset, fields: tuple[Field, ...], adapter: Adapter
) -> Encoding:
    """Return an encoding with nothing left open, for one dataset and one adapter's habits.

    Raises
    ------
    OptionError
        If these images cannot be encoded so, or the dataset has no such field.
    """
    if "extended" in fields and dataset.extended is None:
        raise OptionError(f'{dataset!r} has no extended labels, so no field "extended"')
    return encoding.resolve(
        image_dtype=dataset.image_dtype,
        image_shape=dataset.image_shape,
        layout=adapter.layout,
        mean=dataset.mean,
        std=dataset.std,
    )
