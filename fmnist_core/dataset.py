"""Dataset: images with their labels, cheap selections of them, and the way to a framework."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NoReturn, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core import picture, quality, rows
from fmnist_core.encoding import Constant, Encoding, LabelDType, LabelKind, Layout, Scale
from fmnist_core.errors import OptionError, RowOutsideError, UnknownDatasetError, check_range
from fmnist_core.hookspecs import Adapter
from fmnist_core.plan import BatchPlan, Field, Remainder
from fmnist_core.records import DatasetInfo, Description
from fmnist_core.registry import check_adapter, check_options, find_dataset, get_adapter, own_shard
from fmnist_core.selection import (
    NAMED_SPLIT_SIZE,
    NAMED_SPLITS,
    checked_rows,
    fold_order,
    per_class_rows,
    rows_but,
    selection_digest,
    split_rows,
)
from fmnist_core.source import Source


class Dataset:
    """Images with their labels: an immutable sequence of examples.

    Selections share the arrays of the whole; no pixel is copied before it is asked for. Arrays
    given here are not copied either, so they must not be written to afterwards.

    Parameters
    ----------
    images : array (n, ...)
        Usually uint8 (n, height, width), or (n, height, width, channels).
    labels : integer array (n,)
    classes : sequence of str, optional
        Name of each label; by default the labels themselves, up to the largest.
    mean, std : float, or one for each channel, optional
        Of x / 255 over the train split, for ``scale="standard"``.
    extended : int32 array (n, columns), optional
        More labels of each example, as QMNIST has them; the field "extended".

    Raises
    ------
    DataMismatchError
        If the counts differ, a label has no class, or labels are not whole numbers along one axis.
    """

    source: Source
    _description: Description
    _rows: rows.Rows

    def __init__(
        self,
        images: NDArray[Any],
        labels: NDArray[Any],
        *,
        classes: Sequence[str] | None = None,
        mean: Constant | None = None,
        std: Constant | None = None,
        extended: NDArray[Any] | None = None,
    ) -> None:
        self.source = Source(images, labels, extended)
        self._description = self.source.described(classes, mean, std)
        self._rows = range(len(self.source.labels))

    @classmethod
    def from_source(
        cls, source: Source, description: Description, packed_rows: rows.Packed | None = None
    ) -> "Dataset":
        """Return all examples of a source, or those of some rows as `rows.packed` packs them.

        Raises
        ------
        DataMismatchError
            If the data do not match the description.
        """
        source.check_match(len(description.classes))
        dataset = cls.__new__(cls)
        dataset.source, dataset._description = source, description
        whole = len(source.labels)
        dataset._rows = rows.unpacked(packed_rows, whole) if packed_rows else range(whole)
        return dataset

    def __reduce__(self) -> tuple[Any, ...]:
        packed_rows = rows.packed(self._rows, len(self.source.labels))
        return type(self).from_source, (self.source, self._description, packed_rows)

    @property
    def name(self) -> str:
        """Name in the catalog, or "" for data of one's own."""
        return self._description.name

    @property
    def split_name(self) -> str:
        """Split that the examples belong to: "train", "test" or ""."""
        return self._description.split_name

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self._description.classes

    @property
    def counts(self) -> dict[str, int]:
        """Number of examples of each class, by its name."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, numbers.tolist(), strict=True))

    @property
    def mean(self) -> Constant | None:
        """Mean of x / 255 over the train split, if it is known."""
        return self._description.mean

    @property
    def std(self) -> Constant | None:
        """Standard deviation of x / 255 over the train split, if it is known."""
        return self._description.std

    @property
    def info(self) -> DatasetInfo:
        """What the catalog knows: licence, citation, digests.

        Raises
        ------
        UnknownDatasetError
            For data of one's own.
        """
        if not self.name:
            raise UnknownDatasetError(
                "the catalog knows nothing of data of your own. Try: dataset.classes, "
                "dataset.mean, dataset.digest"
            )
        return find_dataset(self.name)

    @property
    def images(self) -> NDArray[Any]:
        """Images, read-only (n, ...): a view of the whole where the rows are contiguous."""
        return rows.taken(self.source.images, self._rows)

    @property
    def labels(self) -> NDArray[Any]:
        """Labels, read-only (n,): a view of the whole where the rows are contiguous."""
        return rows.taken(self.source.labels, self._rows)

    @property
    def extended(self) -> NDArray[Any] | None:
        """QMNIST's extended labels, read-only int32 (n, 8), or None; `info.extended` names them."""
        extended = self.source.extended
        return None if extended is None else rows.taken(extended, self._rows)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, such as (28, 28)."""
        return self.source.images.shape[1:]

    @property
    def image_dtype(self) -> np.dtype[Any]:
        """Element type of images before they are encoded, in native byte order."""
        return self.source.images.dtype.newbyteorder("=")

    @property
    def indices(self) -> NDArray[np.int64]:
        """Place of each example in the original file, int64 (n,), read-only."""
        indices = rows.as_array(self._rows).view()
        indices.setflags(write=False)
        return indices

    @property
    def _released(self) -> str:
        return self.info.released if self.name else ""

    @cached_property
    def digest(self) -> str:
        """Name of this selection, to cite and to compare: a SHA-256, 64 hexadecimal digits.

        Two selections have one digest exactly if they hold the same examples of the same data in
        the same order, in any process and on any machine, however they were selected. The form of
        pixels and labels (`orientation`, `zero_based`) does not change it.

        It covers four lines of UTF-8, each ended by a line feed, and the indices:
        ``fmnist-selection-1``; the dataset's name; the date of its revision (`info.released`); the
        split's name; then `indices`, as little-endian int64. For data of one's own, the line of the
        name is empty, that of the revision is `Source.content_digest`, and that of the split is
        empty. The content is read once, when the digest is first asked for.
        """
        revision = self._released if self.name else self.source.content_digest
        return selection_digest(self.name, revision, self.split_name, self.indices)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> tuple[NDArray[Any], int]: ...
    @overload
    def __getitem__(self, row: "slice | ArrayLike") -> "Dataset": ...
    def __getitem__(self, row: Any) -> "tuple[NDArray[Any], int] | Dataset":
        """Return one example as (read-only image, label); of a slice, rows or a mask, a Dataset."""
        if isinstance(row, slice):
            return self.select(range(len(self))[row])
        if isinstance(row, list | np.ndarray) and np.ndim(row):
            return self.select(row)
        try:
            place = self._rows[operator.index(row)]
        except TypeError as error:
            raise OptionError(
                "a dataset is indexed by a whole number, a slice, row numbers or a mask, "
                f"not {row!r:.80}"
            ) from error
        except IndexError as error:
            raise RowOutsideError(f"row {row} is not among the {len(self)} examples") from error
        return self.source.images[place], int(self.source.labels[place])

    def __iter__(self) -> Iterator[tuple[NDArray[Any], int]]:
        """Yield each example as `dataset[i]` gives it."""
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        """Refuse: a dataset is two arrays."""
        raise OptionError("a dataset is no array. Try: images, labels = dataset.arrays()")

    def select(self, indices: ArrayLike) -> "Dataset":
        """Return some rows, in the given order; a row may come more than once.

        Parameters
        ----------
        indices : sequence of int, or of bool (n,)
            Row numbers of this dataset, in [0, n), or a mask of the rows to take. They are not
            `indices`, which count in the original file.

        Raises
        ------
        OptionError
            If they are neither.
        """
        if type(indices) is range and indices.step == 1:
            checked_rows([*indices[:1], *indices[-1:]], len(self))
            return self._derived(indices)
        return self._derived(checked_rows(indices, len(self)))

    def take(self, count: int) -> "Dataset":
        """Return the first `count` examples.

        Raises
        ------
        OptionError
            If there are fewer.
        """
        return self._derived(range(check_range("count", count, 0, len(self))))

    def split(
        self, fraction: float, *, seed: int = 0, stratify: bool = False
    ) -> tuple["Dataset", "Dataset"]:
        """Return two parts, drawn by the written order of `seed`; same on every machine.

        The first has n * fraction examples, halves rounded up; with `stratify` it has its share of
        each class, within one example. Both keep the order of the whole.

        Raises
        ------
        OptionError
            If `fraction` is not a number from 0 to 1, or `stratify` is not True or False.
        """
        first = split_rows(self.labels, fraction, seed, stratify)
        return self._derived(first), self._derived(rows_but(first, len(self)))

    def named_split(self, name: str) -> tuple["Dataset", "Dataset"]:
        """Return train and validation parts of a train split, divided as others divide it.

        "first-55000" keeps the last 5,000 examples for validation; "tf1" the first 5,000, as
        ``read_data_sets`` of TensorFlow 1 does.

        Raises
        ------
        OptionError
            If there is no such name, or this is not a whole train split of 60,000 examples.
        """
        if not isinstance(name, str) or name not in NAMED_SPLITS:
            raise OptionError(f"expected one of {', '.join(NAMED_SPLITS)}; found {name!r:.80}")
        whole = len(self.source.labels), len(self), isinstance(self._rows, range)
        if self.split_name != "train" or whole != (NAMED_SPLIT_SIZE, NAMED_SPLIT_SIZE, True):
            raise OptionError(
                f"{name!r} divides a whole train split of {NAMED_SPLIT_SIZE} examples in the order "
                f"of the file; found {self!r}"
            )
        first, second = NAMED_SPLITS[name]
        return self.select(first), self.select(second)

    def folds(
        self, count: int, *, seed: int = 0, stratify: bool = True
    ) -> list[tuple["Dataset", "Dataset"]]:
        """Return `count` (train, validation) pairs for cross-validation; same on every machine.

        The validation parts are disjoint and together they are the whole; each train part is the
        rest. Their sizes differ by one example at most and, with `stratify`, so do their counts of
        each class. All keep the order of the whole.

        Raises
        ------
        OptionError
            If `count` is not from 2 to n, or `seed` is out of range.
        """
        count = check_range("count", count, 2, len(self))
        order = fold_order(self.labels, seed, stratify)
        held_out = [np.sort(order[fold::count]) for fold in range(count)]
        return [
            (self._derived(rows_but(held, len(self))), self._derived(held)) for held in held_out
        ]

    def per_class(self, count: int, *, seed: int = 0) -> "Dataset":
        """Return `count` examples of each class, drawn by the written order; few-shot training.

        Raises
        ------
        OptionError
            If a class has fewer.
        """
        return self._derived(per_class_rows(self.labels, count, len(self.classes), seed))

    def without(self, *names: str) -> "Dataset":
        """Return the examples that are in none of the named lists of rows (`quality.LISTS`).

        The lists name places in the original file, whatever was selected before. The order stays.

        Raises
        ------
        OptionError
            If there is no such list, or it is of other data; it always is for data of one's own.

        Examples
        --------
        >>> train.without("mislabelled", "near-duplicates")  # doctest: +SKIP
        """
        if not names:
            return self
        lists = quality.find_lists(names, self.name, self._released)
        listed = quality.listed(lists, self.split_name)
        return self._derived(np.flatnonzero(np.isin(self.indices, listed, invert=True)))

    def filter(self, keep: Callable[[NDArray[Any], int], bool]) -> "Dataset":
        """Return the examples for which ``keep(image, label)`` is true.

        Examples
        --------
        >>> train.filter(lambda image, label: label in (7, 9))  # doctest: +SKIP
        """
        return self.select([row for row, (image, label) in enumerate(self) if keep(image, label)])

    def in_memory(self) -> "Dataset":
        """Return the same examples, whose pickle holds their data instead of paths of files."""
        return self._with(self.source.in_memory(), self._rows)

    def _derived(self, positions: "range | NDArray[np.int64]") -> "Dataset":
        return self._with(self.source, rows.chosen(self._rows, positions))

    def _with(self, source: Source, chosen: rows.Rows) -> "Dataset":
        dataset = type(self).__new__(type(self))
        dataset.source, dataset._description, dataset._rows = source, self._description, chosen
        return dataset

    def original_rows(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places in the original file of some rows of this dataset: fresh int64.

        Raises
        ------
        RowOutsideError
            If a row is not in [0, n); it could belong to another selection of the same file.
        """
        # As unsigned numbers, negative ones are the largest: one look at all of them is enough.
        if positions.size and positions.view(np.uint64).max() >= len(self):
            raise RowOutsideError(
                f"rows from {positions.min()} to {positions.max()} are not all among the "
                f"{len(self)} examples"
            )
        return rows.at(self._rows, positions)

    def arrays(
        self,
        *,
        dtype: Any = "float32",
        scale: Scale = "unit",
        layout: Layout | None = None,
        labels: LabelKind = "index",
        mean: Constant | None = None,
        std: Constant | None = None,
        channels: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return images (n, ...) and labels (n,) as two fresh arrays, for scikit-learn or plots.

        Options as for `Encoding`: the default layout is "NHW", and "flat" gives a row per image.
        Labels are int64 or, for ``labels="one_hot"``, float32 (n, classes).

        Raises
        ------
        OptionError
            If these images cannot be encoded so.
        """
        encoding = self.resolved(
            Encoding(dtype, scale, layout, labels, mean, std, channels), "NHW", "int64"
        )
        places = rows.as_array(self._rows)
        images = encoding.encode_images(self.source.images_at(places))
        return images, encoding.encode_labels(self.source.labels_at(places), len(self.classes))

    def resolved(self, encoding: Encoding, layout: Layout, label_dtype: LabelDType) -> Encoding:
        """Return an encoding of these images with nothing left open.

        Parameters
        ----------
        encoding : Encoding
        layout, label_dtype
            The framework's habits (`Adapter.layout`, `Adapter.label_dtype`), taken where the
            encoding has None.

        Raises
        ------
        OptionError
            If these images cannot be encoded so.
        """
        return encoding.resolved(
            self.image_dtype, self.image_shape, layout, label_dtype, self.mean, self.std
        )

    def to(
        self,
        adapter: str | Adapter,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        remainder: Remainder = "keep",
        shard: tuple[int, int] | Literal["auto"] = (0, 1),
        fields: "tuple[Field, ...] | Mapping[str, Field] | Field" = ("image", "label"),
        dtype: Any = "float32",
        scale: Scale = "unit",
        mean: Constant | None = None,
        std: Constant | None = None,
        channels: int | None = None,
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
            "torch", "tensorflow", "jax", "keras", "ray", "numpy", or what a plugin adds.
        batch_size, shuffle, seed, remainder, shard, fields
            Which examples form a batch, and what it holds: see `BatchPlan`. ``shard="auto"`` is
            that of this process, as the framework or its launcher knows it (docs/distributed.md).
        dtype, scale, mean, std, channels, layout, labels
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
        plan = BatchPlan(len(self), batch_size, shuffle, seed, remainder, own, fields)  # type: ignore[arg-type]
        encoding = Encoding(dtype, scale, layout, labels, mean, std, channels)
        return chosen.loader(self, plan, encoding, epoch=epoch, start=start, **framework_options)

    def __repr__(self) -> str:
        whole = len(self.source.labels)
        title = "/".join(part for part in (self.name, self.split_name) if part)
        count = f"{len(self)}" if len(self) == whole else f"{len(self)} of {whole}"
        return (
            f"<{' '.join(filter(None, ('Dataset', title)))}: {count} examples, "
            f"{self.image_dtype} images {self.image_shape}, {len(self.classes)} classes>"
        )

    def _repr_html_(self) -> str:
        """Return a small picture for notebooks: the first examples of each class."""
        if self.image_dtype != np.uint8 or len(self.image_shape) != 2 or 0 in self.image_shape:
            return picture.class_table(repr(self), [])
        columns = []
        for label, name in list(enumerate(self.classes))[:10]:
            members = np.flatnonzero(self.labels == label)
            if members.size:
                images = self.source.images_at(self.original_rows(members[:3]))
                columns.append((name, members.size, picture.thumbnails(images)))
        return picture.class_table(repr(self), columns)
