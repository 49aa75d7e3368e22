"""Single examples as torch's map-style dataset; used by fmnist_torch."""

import operator
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import default_collate
from torch.utils.data._utils import collate

from fmnist_core.batch import Assembler
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError, RowOutsideError, brief
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Examples, Field
from fmnist_core.transforms.chain import NO_TRANSFORMS
from fmnist_torch.device import TorchBatch, to_tensors
from fmnist_torch.sampler import BatchRows

Fields = tuple[Field, ...] | Mapping[str, Field] | Field
"""What an example or a batch holds: see `BatchPlan`."""


class MapDataset(TorchDataset[Any]):
    """A map-style dataset of single examples, for your own DataLoader.

    It goes into `DataLoader`, `Subset`, `random_split` and `ConcatDataset` as torchvision's
    datasets do. A subclass may override `__getitem__`.

    Parameters
    ----------
    dataset : Dataset
    fields : tuple, mapping or str
        What an example holds, as in `Dataset.to`, of "image", "label", "weight", "index" and
        "extended": a tuple gives tuples, a mapping of your names to fields dictionaries, one name
        the bare value.
    transform : callable, optional
        Applied to the image of each example, an encoded tensor.
    target_transform : callable, optional
        Applied to the label of each example.
    dtype, scale, mean, std, channels, layout, labels
        How pixels and labels are converted, as in `Dataset.to`. By default images are float32
        tensors of shape (1, height, width) from 0 to 1, and labels are numbers.
    label_dtype : {"int32", "int64"}, optional
        Element type of index labels in a batch; by default the adapter's, int64.
    adapter : Adapter, optional
        Its layout and label type are used where none is given; by default torch's.

    Raises
    ------
    OptionError
        If an option's value is not allowed, these images cannot be encoded this way, or a function
        is given for a field that is not among `fields`.

    Examples
    --------
    >>> import fmnist_core as fm, fmnist_torch
    >>> examples = fmnist_torch.MapDataset(fm.load("synthetic", "train"), scale="standard")
    >>> image, label = examples[0]
    >>> image.shape, label
    (torch.Size([1, 28, 28]), 9)
    """

    def __init__(
        self,
        dataset: Dataset,
        fields: Fields = ("image", "label"),
        *,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        dtype: Any = "float32",
        scale: Scale = "unit",
        mean: Constant | None = None,
        std: Constant | None = None,
        channels: int | None = None,
        layout: Layout | None = None,
        labels: LabelKind = "index",
        label_dtype: LabelDType | None = None,
        adapter: Adapter | None = None,
    ) -> None:
        from fmnist_torch.adapter import ADAPTER  # it imports this module

        encoding = Encoding(
            dtype=dtype,
            scale=scale,
            mean=mean,
            std=std,
            channels=channels,
            layout=layout,
            labels=labels,
            label_dtype=label_dtype,
        )
        dataset.source.check_mapped()
        # One example is a batch without its first axis, so a plan determines what it holds.
        plan = BatchPlan(len(dataset), 1, fields=fields)  # type: ignore[arg-type]
        self._assemble = Assembler(dataset, plan, encoding, adapter or ADAPTER)
        self._loaders: Assembler | None = None
        self.transform = transform
        self.target_transform = target_transform
        for name, function, field in self._functions():
            _check_function(name, function, field, plan)

    @classmethod
    def of_loader(cls, assemble: Assembler) -> "MapDataset":
        """Return the examples of a loader's batches.

        Requested by the loader's own batch sampler, which knows their epoch and positions, they are
        transformed; otherwise they are untransformed.
        """
        examples = cls.__new__(cls)
        encoding = replace(assemble.encoding, transform=NO_TRANSFORMS)
        examples._assemble = Assembler(assemble.dataset, assemble.plan, encoding, assemble.adapter)
        examples._loaders = assemble
        examples.transform = examples.target_transform = None
        return examples

    def _functions(self) -> tuple[tuple[str, Callable[[Any], Any] | None, Field], ...]:
        return (
            ("transform", self.transform, "image"),
            ("target_transform", self.target_transform, "label"),
        )

    @property
    def source(self) -> Dataset:
        """The `Dataset` that the examples come from."""
        return self._assemble.dataset

    @property
    def encoding(self) -> Encoding:
        """How pixels and labels are converted."""
        return self._assemble.encoding

    @property
    def adapter(self) -> Adapter:
        """The adapter whose layout and label type are used where none is given."""
        return self._assemble.adapter

    @property
    def plan(self) -> BatchPlan:
        """The plan of the loader that this belongs to, or one that says what an example holds."""
        return self._assemble.plan

    @property
    def loaders_transform(self) -> list[dict[str, Any]]:
        """`Chain.record` of the loader that this belongs to; empty without one."""
        return self._loaders.encoding.transform.record() if self._loaders else []

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.source.classes

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Label of each class name."""
        return {name: label for label, name in enumerate(self.classes)}

    @property
    def targets(self) -> torch.Tensor:
        """Label of each example before `target_transform`: int64 (n,), a copy."""
        return torch.from_numpy(self.source.labels.astype(np.int64))

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.source)

    def __getitem__(self, row: int) -> Any:
        """Return one example: the image as a tensor; label, weight and index as numbers.

        A row below 0 counts from the end and is a filler, of weight 0: `PlanSampler` yields fillers
        as such rows, and torch may ask for them one by one.

        Raises
        ------
        RowOutsideError
            If there is no such row.
        """
        (example,) = self._examples([operator.index(row)])
        return example

    @property
    def __getitems__(self) -> Callable[[Sequence[int]], Sequence[Any]]:
        """The function with which torch gets several examples at once, if it exists.

        It takes rows; a row below 0 is a filler, counted from the end, as `PlanSampler` yields it.

        Raises
        ------
        AttributeError
            If a subclass overrides `__getitem__`, or a wrapper delegates missing attributes: torch
            would bypass their `__getitem__`.
        """
        overridden = type(self).__getitem__ is not MapDataset.__getitem__
        asking = sys._getframe(1).f_code
        # torch asks the wrapper for this name, so the wrapper's code does not contain it.
        is_named = "__getitems__" in asking.co_names + asking.co_consts
        if overridden or not is_named:
            raise AttributeError("examples must be requested one by one, by __getitem__")
        return self._examples

    def _examples(self, rows: Sequence[int]) -> Sequence[Any]:
        if self._loaders is not None and isinstance(rows, BatchRows):
            return self._ready(self._loaders(rows.examples))
        try:
            asked = np.asarray(rows, dtype=np.int64)
        except OverflowError as error:
            raise RowOutsideError(
                f"expected rows of {len(self)} examples, found {brief(rows)}"
            ) from error
        fillers = ((-len(self) <= asked) & (asked < 0)) * len(self)
        # The position marks fillers; without transforms it has no other effect.
        batch = self._assemble(Examples(0, asked + 2 * fillers, asked + fillers))
        return self._ready(batch)

    def _ready(self, batch: Any) -> Sequence[Any]:
        examples = ReadyExamples(to_tensors(batch), self.plan)
        functions = {field: function for _, function, field in self._functions() if function}
        if functions:
            return examples.transformed(functions)
        # torch's collation needs a real list of anything that is not a tuple.
        return examples if self.plan.keys is None else list(examples)

    def __repr__(self) -> str:
        names = ", ".join(self.plan.keys or self.plan.fields)
        return f"<{type(self).__name__} of {self.source!r}: {names}>"


def _check_function(name: str, function: object, field: Field, plan: BatchPlan) -> None:
    if function is None:
        return
    if field not in plan.fields:
        raise OptionError(f'{name} is for the field "{field}", which is not among {plan.fields}')
    if not callable(function):
        raise OptionError(
            f"{name} must be a function of one example, not {function!r:.80}. Transforms of "
            'fmnist_core.transforms draw by epoch. Try: dataset.to("torch", transform=...)'
        )


class _Example(tuple[Any, ...]):
    """One example of a ready batch; torch's own collation recognises it by this type."""

    __slots__ = ()


class ReadyExamples(Sequence[Any]):
    """A batch as a sequence of its examples, which are made only on access.

    Parameters
    ----------
    batch : tuple of Tensor
        One for each field.
    plan : BatchPlan
        What an example holds.
    """

    def __init__(self, batch: TorchBatch, plan: BatchPlan) -> None:
        self.batch = batch
        self._plan = plan

    def __len__(self) -> int:
        return len(self.batch[0])

    def __getitem__(self, place: Any) -> Any:
        """Return one example, or a slice as a list of them."""
        if isinstance(place, slice):
            return list(self)[place]
        at = range(len(self))[place]
        return self._packed([_values(tensor[at : at + 1])[0] for tensor in self.batch])

    def __iter__(self) -> Iterator[Any]:
        return map(self._packed, zip(*map(_values, self.batch), strict=True))

    def _packed(self, values: Sequence[Any]) -> Any:
        return _Example(values) if self._plan.keys is None else self._plan.pack(values)

    def transformed(self, functions: Mapping[Field, Callable[[Any], Any]]) -> list[Any]:
        """Return the examples with functions applied to the values of some fields."""
        columns = (
            map(functions[field], _values(tensor)) if field in functions else _values(tensor)
            for field, tensor in zip(self._plan.fields, self.batch, strict=True)
        )
        return [self._plan.pack(values) for values in zip(*columns, strict=True)]


def _values(tensor: torch.Tensor) -> Sequence[Any]:
    """Return the values of a batch of one field: tensors, or numbers that keep their type."""
    if tensor.ndim > 1:
        return tensor.unbind()
    # default_collate makes int64 of int, and of numpy's numbers their own type.
    return tensor.tolist() if tensor.dtype == torch.int64 else list(tensor.numpy())


def _collate(examples: Any, *, collate_fn_map: object = None) -> Any:
    """Return the batch that examples came from, or otherwise a batch as torch stacks it."""
    if isinstance(examples, ReadyExamples):
        return list(examples.batch)
    return default_collate([tuple(example) for example in examples])


# A new map in place of torch's, with all present and later entries of torch's map. Another thread
# may be iterating over torch's map at this moment, so nothing may be added to it.
_torchs_map: Any = collate.default_collate_fn_map
collate.default_collate_fn_map = ChainMap({_Example: _collate}, _torchs_map)  # type: ignore[assignment]
