"""The examples as torch's map-style datasets; used by fmnist_torch."""

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import default_collate
from torch.utils.data._utils.collate import default_collate_fn_map

from fmnist_core.batch import Arrays, Assembler, epoch_batches
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Field
from fmnist_torch.device import DeviceBatches, TorchBatch, to_tensor

Rows = NDArray[np.int64]


class MapDataset(TorchDataset[tuple[Any, ...]]):
    """A map-style dataset of single examples, for a DataLoader of one's own.

    Parameters
    ----------
    dataset : Dataset
    encoding : Encoding
        By default float32 images of shape (1, height, width) from 0 to 1.
    fields : tuple of {"image", "label", "weight", "index", "extended"}
        What an example holds, in this order.
    """

    def __init__(
        self,
        dataset: Dataset,
        encoding: Encoding = Encoding(),  # noqa: B008, it is immutable
        fields: tuple[Field, ...] = ("image", "label"),
        *,
        adapter: Adapter | None = None,
    ) -> None:
        from fmnist_torch.adapter import ADAPTER

        self._assemble = Assembler(dataset, fields, encoding, adapter or ADAPTER)

    @property
    def source(self) -> Dataset:
        """The examples that it gives."""
        return self._assemble.dataset

    @property
    def encoding(self) -> Encoding:
        """What pixels and labels become."""
        return self._assemble.encoding

    @property
    def assemble(self) -> Assembler:
        """What makes the arrays of a batch."""
        return self._assemble

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.source.classes

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._assemble.dataset)

    def __getitem__(self, row: int) -> tuple[Any, ...]:
        """Return one example: the image as a tensor; label, weight and index as numbers.

        Raises
        ------
        RowOutsideError
            If there is no such row.
        """
        row = operator.index(row)
        return tuple(MapDataset.__getitems__(self, [row + (row < 0) * len(self)])[0])

    def __getitems__(self, rows: Sequence[int]) -> Any:
        """Return several examples at once, for DataLoader to collate; errors as above.

        A row below 0 is a filler, counted from the end, as `PlanSampler` asks for it.
        """
        return _Examples(self._batch(*self._weighed(rows)))

    def _weighed(self, rows: Sequence[int]) -> tuple[Rows, NDArray[np.float32]]:
        asked = np.asarray(rows, dtype=np.int64)
        fillers = asked < 0
        return asked + fillers * len(self), (~fillers).astype(np.float32)

    def _batch(self, rows: Rows, weights: NDArray[np.float32]) -> TorchBatch:
        return _to_tensors(self._assemble(rows, weights))


class BatchDataset(MapDataset):
    """Hands DataLoader whole batches."""

    def __init__(
        self,
        dataset: Dataset,
        encoding: Encoding,
        fields: tuple[Field, ...],
        device: torch.device | None,
        adapter: Adapter,
    ) -> None:
        super().__init__(dataset, encoding, fields, adapter=adapter)
        self.device = device
        self._resident = None if device is None else DeviceBatches(self._assemble, device)

    def __getitems__(self, rows: Sequence[int]) -> TorchBatch:
        weighed = self._weighed(rows)
        if self._resident is None:
            return self._batch(*weighed)
        return self._resident.batch(*(to_tensor(one).to(self.device) for one in weighed))

    def epoch(self, plan: BatchPlan, epoch: int, start: int) -> Iterator[TorchBatch]:
        """Yield the batches of one epoch, made in this process."""
        if self._resident is not None:
            return self._resident.epoch(plan, epoch, start)
        return map(_to_tensors, epoch_batches(plan, self._assemble, epoch, start))


class _Example(tuple[Any, ...]):
    """One example of a batch that is ready; DataLoader's own collation knows it by this type."""

    __slots__ = ()


class _Examples(Sequence[_Example]):
    """A batch as its examples, which are only made if somebody looks at them."""

    def __init__(self, batch: TorchBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch[0])

    def __getitem__(self, place: Any) -> Any:
        """Return one example, scalars as Python numbers, or a slice as a list of them."""
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        values = (tensor[place] for tensor in self.batch)
        return _Example(value.item() if value.ndim == 0 else value for value in values)


def _collate(examples: Any, *, collate_fn_map: object = None) -> Any:
    """Return a batch of examples: the one that they came from, or else as torch stacks them."""
    if isinstance(examples, _Examples):
        return list(examples.batch)
    return default_collate([tuple(example) for example in examples])


default_collate_fn_map[_Example] = _collate


def _to_tensors(arrays: Arrays) -> TorchBatch:
    return tuple(map(to_tensor, arrays))
