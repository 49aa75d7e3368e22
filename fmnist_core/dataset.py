"""Dataset: images, labels and classes, and cheap selections of them."""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core import quality
from fmnist_core.encoding import Encoding, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError, RowOutsideError, check_range
from fmnist_core.examples import Description, Examples, own_description
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.registry import check_adapter, check_options, get_adapter, own_shard
from fmnist_core.selection import (
    NAMED_SPLIT_SIZE,
    NAMED_SPLITS,
    checked_rows,
    fold_order,
    per_class_rows,
    rows_but,
    split_rows,
)
from fmnist_core.source import Source

Recipe = tuple[tuple[str, dict[str, Any]], ...]
"""The methods, with their arguments, that led from the whole to a selection."""


class Dataset(Examples):
    """Images with their labels: an immutable sequence of examples.

    Selections share the arrays of the whole; no pixel is copied before it is asked for. Arrays
    given here are not copied either, so they must not be written to afterwards.

    Parameters
    ----------
    images : array (n, ...)
        Usually uint8 (n, height, width).
    labels : integer array (n,)
    classes : sequence of str, optional
        Name of each label; by default the labels themselves, up to the largest.
    mean, std : float, optional
        Of x / 255 over the train split, for ``scale="standard"``.
    extended : int32 array (n, columns), optional
        More labels of each example, as QMNIST has them; the field "extended".

    Raises
    ------
    DataMismatchError
        If the counts differ, a label has no class, or labels are not whole numbers along one axis.
    """

    def __init__(
        self,
        images: NDArray[Any],
        labels: NDArray[Any],
        *,
        classes: Sequence[str] | None = None,
        mean: float | None = None,
        std: float | None = None,
        extended: NDArray[Any] | None = None,
    ) -> None:
        source = Source(images, labels, extended)
        self._set(source, own_description(source, classes, mean, std))

    @classmethod
    def from_source(cls, source: Source, description: Description) -> "Dataset":
        """Return all examples of a source.

        Raises
        ------
        DataMismatchError
            If the data do not match the description.
        """
        source.check_match(len(description.classes))
        dataset = cls.__new__(cls)
        dataset._set(source, description)
        return dataset

    def _set(
        self,
        source: Source,
        description: Description,
        rows: "range | NDArray[np.int64] | None" = None,
        recipe: Recipe = (),
    ) -> None:
        self._source = source
        self._description = description
        self._rows = range(len(source.labels)) if rows is None else rows
        self._recipe = recipe

    def __reduce__(self) -> tuple[Any, ...]:
        # The recipe, not the rows: a stratified split of 60,000 pickles to a few hundred bytes.
        return _rebuilt, (type(self), self._source, self._description, self._recipe)

    @overload
    def __getitem__(self, row: int) -> tuple[NDArray[Any], int]: ...
    @overload
    def __getitem__(self, row: slice) -> "Dataset": ...
    def __getitem__(self, row: int | slice) -> "tuple[NDArray[Any], int] | Dataset":
        """Return one example as (read-only image, label), or a slice as a Dataset."""
        try:
            if isinstance(row, slice):
                return self.select(range(len(self))[row])
            place = self._rows[operator.index(row)]
        except TypeError as error:
            raise OptionError(
                f"a dataset is indexed by a whole number or a slice, not {row!r}. "
                "Try: dataset.select(rows)"
            ) from error
        except IndexError as error:
            raise RowOutsideError(f"row {row} is not among the {len(self)} examples") from error
        return self._source.images[place], int(self._source.labels[place])

    def __iter__(self) -> Iterator[tuple[NDArray[Any], int]]:
        """Yield each example as `dataset[i]` gives it."""
        return (self[row] for row in range(len(self)))

    def select(self, indices: ArrayLike) -> "Dataset":
        """Return the given rows, in the given order; a row may come more than once.

        Raises
        ------
        OptionError
            If they are not whole numbers in [0, n).
        """
        rows = checked_rows(indices, len(self))
        # A range stays one, so that slices pickle small.
        return self._derived(rows, "select", indices=indices if type(indices) is range else rows)

    def take(self, count: int) -> "Dataset":
        """Return the first `count` examples.

        Raises
        ------
        OptionError
            If there are not so many.
        """
        check_range("count", count, 0, len(self))
        return self._derived(range(count), "take", count=int(count))

    def split(
        self, fraction: float, *, seed: int = 0, stratify: bool = False
    ) -> tuple["Dataset", "Dataset"]:
        """Return two parts, the first with `fraction` of the examples; same on every machine.

        Parameters
        ----------
        fraction : float
            0 to 1; the first part has n * fraction examples, halves rounded up.
        seed : int
            Seed of the written order that draws the first part.
        stratify : bool
            Whether each class is divided alike, within one example.

        Returns
        -------
        pair of Dataset
            Both in the order of the whole; together they are the whole.
        """
        return (
            self._part(fraction, seed, stratify, False),
            self._part(fraction, seed, stratify, True),
        )

    def _part(self, fraction: float, seed: int, stratify: bool, second: bool) -> "Dataset":
        rows = split_rows(self.labels, fraction, seed, stratify)
        if second:
            rows = rows_but(rows, len(self))
        step = {"fraction": fraction, "seed": seed, "stratify": stratify, "second": second}
        return self._derived(rows, "_part", **step)

    def named_split(self, name: str) -> tuple["Dataset", "Dataset"]:
        """Return train and validation parts of a train split, divided as others did it.

        Parameters
        ----------
        name : {"first-55000", "tf1"}
            The last 5,000 examples are for validation; or the first 5,000, as in TensorFlow 1's
            ``read_data_sets``.

        Raises
        ------
        OptionError
            If there is no such name, or this is not a whole train split of 60,000 examples.
        """
        if not isinstance(name, str) or name not in NAMED_SPLITS:
            raise OptionError(f"expected one of {', '.join(NAMED_SPLITS)}; found {name!r}")
        of_train = self.split_name == "train" and len(self._source.labels) == NAMED_SPLIT_SIZE
        in_order = isinstance(self._rows, range) and len(self) == NAMED_SPLIT_SIZE
        if not (of_train and in_order):
            raise OptionError(
                f"{name!r} divides a whole train split of {NAMED_SPLIT_SIZE} examples in the order "
                f"of the file; found {self!r}"
            )
        first, second = NAMED_SPLITS[name]
        return self.select(first), self.select(second)

    def folds(
        self, count: int, *, seed: int = 0, stratify: bool = True
    ) -> list[tuple["Dataset", "Dataset"]]:
        """Return (train, validation) pairs for cross-validation; same on every machine.

        Parameters
        ----------
        count : int
            How many folds, 2 to n.
        seed : int
            Seed of the written order that deals the examples to the folds.
        stratify : bool
            Whether each class is divided alike.

        Returns
        -------
        list of pairs of Dataset
            All in the order of the whole. The validation parts are disjoint and together they are
            the whole; each train part is the rest. The sizes of the validation parts differ by 1
            at the most and so, stratified, do their counts of each class.

        Raises
        ------
        OptionError
            If `count` or `seed` is out of range.
        """
        count = check_range("count", count, 2, len(self))
        order = fold_order(self.labels, seed, stratify)
        return [
            (
                self._fold(count, fold, seed, stratify, False, order),
                self._fold(count, fold, seed, stratify, True, order),
            )
            for fold in range(count)
        ]

    def _fold(
        self,
        count: int,
        fold: int,
        seed: int,
        stratify: bool,
        second: bool,
        order: NDArray[np.int64] | None = None,
    ) -> "Dataset":
        if order is None:
            order = fold_order(self.labels, seed, stratify)
        rows = np.sort(order[fold::count])
        if not second:
            rows = rows_but(rows, len(self))
        step = {"count": count, "fold": fold, "seed": seed, "stratify": stratify, "second": second}
        return self._derived(rows, "_fold", **step)

    def per_class(self, count: int, *, seed: int = 0) -> "Dataset":
        """Return `count` examples of each class, drawn by the written order; few-shot training.

        Raises
        ------
        OptionError
            If a class has fewer.
        """
        rows = per_class_rows(self.labels, count, len(self.classes), seed)
        return self._derived(rows, "per_class", count=count, seed=seed)

    def without(self, *names: str) -> "Dataset":
        """Return the examples that are in none of the named lists of rows (`quality.LISTS`).

        Rows are judged by their place in the original file, whatever was selected before, and the
        order stays.

        Raises
        ------
        OptionError
            If there is no such list, or it is of other data than these; all data of one's own are.

        Examples
        --------
        >>> train.without("mislabelled", "near-duplicates")  # doctest: +SKIP
        """
        if not names:
            return self
        lists = quality.find_lists(names, self.name, self._released)
        kept = np.isin(self.indices, quality.listed(lists, self.split_name), invert=True)
        return self._derived(np.flatnonzero(kept), "_without", names=names)

    def _without(self, names: tuple[str, ...]) -> "Dataset":
        return self.without(*names)

    def in_memory(self) -> "Dataset":
        """Return the same examples, whose pickle holds their data instead of paths of files."""
        dataset = type(self).__new__(type(self))
        dataset._set(self._source.in_memory(), self._description, self._rows, self._recipe)
        return dataset

    def filter(self, keep: Callable[[NDArray[Any], int], bool]) -> "Dataset":
        """Return the examples for which ``keep(image, label)`` is true.

        Examples
        --------
        >>> train.filter(lambda image, label: label in (7, 9))  # doctest: +SKIP
        """
        return self.select([row for row, (image, label) in enumerate(self) if keep(image, label)])

    def _derived(
        self, rows: "range | NDArray[np.int64]", method: str, **arguments: Any
    ) -> "Dataset":
        if isinstance(self._rows, range) and isinstance(rows, range):
            places: range | NDArray[np.int64] = self._rows[rows.start : rows.stop]
        else:
            places = _contiguous(self.original_rows(np.asarray(rows, dtype=np.int64)))
        dataset = type(self).__new__(type(self))
        dataset._set(self._source, self._description, places, (*self._recipe, (method, arguments)))
        return dataset

    def to(
        self,
        adapter: str | Adapter,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        remainder: Remainder = "keep",
        shard: tuple[int, int] | Literal["auto"] = (0, 1),
        fields: tuple[Field, ...] = ("image", "label"),
        dtype: str = "float32",
        scale: Scale = "unit",
        layout: Layout | None = None,
        labels: LabelKind = "index",
        epoch: int = 0,
        start: int = 0,
        **framework_options: Any,
    ) -> Any:
        """Return these examples as batches, in the form that a framework's users expect.

        Parameters
        ----------
        adapter : str or Adapter
            "torch", "tensorflow", "jax", "ray", "numpy", or what a plugin adds.
        batch_size, shuffle, seed, remainder, shard, fields
            Which examples form a batch: see `BatchPlan`. ``shard="auto"`` is that of this process,
            as the framework or its launcher knows it (docs/distributed.md).
        dtype, scale, layout, labels
            What a pixel and a label become: see `Encoding`.
        epoch, start : int
            Where to begin: the number of the first epoch, and how many of its examples, over all
            shards, are consumed already.
        **framework_options
            What the adapter offers beside, such as `num_workers` for torch.

        Returns
        -------
        iterable of batches
            The n-th time it is iterated is epoch `epoch` + n.

        Raises
        ------
        OptionError
            If an option's value is not allowed, or the adapter has no such option.
        AdapterNotFoundError, FrameworkMissingError
            If there is no such adapter, or its framework is not installed.
        """
        chosen = get_adapter(adapter) if isinstance(adapter, str) else check_adapter(adapter)
        check_options(chosen, framework_options)
        own = own_shard(chosen, framework_options) if isinstance(shard, str) else shard
        if isinstance(shard, str) and shard != "auto":
            raise OptionError(f'shard must be a pair (index, count) or "auto", not {shard!r}')
        plan = BatchPlan(len(self), batch_size, shuffle, seed, remainder, own, fields)
        plan.check_use(len(self), epoch, start)
        encoding = Encoding(dtype, scale, layout, labels)
        return chosen.loader(self, plan, encoding, epoch=epoch, start=start, **framework_options)


def _contiguous(rows: NDArray[np.int64]) -> "range | NDArray[np.int64]":
    """Return rows as a range where they are one, so that arrays can be sliced, not copied."""
    if rows.size and rows[-1] - rows[0] == rows.size - 1 and (np.diff(rows) == 1).all():
        return range(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _rebuilt(
    kind: type[Dataset],
    source: Source,
    description: Description,
    recipe: Recipe,
) -> Dataset:
    dataset = kind.from_source(source, description)
    for method, arguments in recipe:
        dataset = getattr(dataset, method)(**arguments)
    return dataset
