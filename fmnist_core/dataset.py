"""Dataset: images with their labels, cheap selections of them, and the way to a framework."""

import operator
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fmnist_core import choosing, rows
from fmnist_core.encoding import Constant, Encoding, LabelKind, Layout, Scale
from fmnist_core.errors import (
    OptionError,
    RowOutsideError,
    UnknownDatasetError,
    brief,
    check_epoch,
)
from fmnist_core.hookspecs import Adapter, EncodingOptions
from fmnist_core.plan import Field, Remainder
from fmnist_core.planning import planned
from fmnist_core.records import DatasetInfo, Description
from fmnist_core.registry import check_adapter, find_dataset, get_adapter
from fmnist_core.rows import Packed, Rows
from fmnist_core.selection import selection_digest
from fmnist_core.source import Source

if TYPE_CHECKING:
    from fmnist_core.picture import Picture


class Dataset:
    """An immutable sequence of images with their labels; selections of it share its arrays.

    Parameters
    ----------
    images : array (n, ...)
        Usually uint8 (n, height, width), or (n, height, width, channels).
    labels : integer array (n,)
    classes : sequence of str or int, optional
        Name of each label, or their number; by default the labels themselves, up to the largest.
    mean, std : float, or one for each channel, optional
        Of x / 255 over the train split, for ``scale="standard"``.
    extended : int32 array (n, columns), optional
        More labels of each example, as QMNIST has them; the field "extended".

    Raises
    ------
    DataMismatchError
        If the counts differ, a label has no class, two classes have one name, or labels are not
        whole numbers along one axis.
    """

    source: Source
    description: Description
    rows: Rows

    def __init__(
        self,
        images: NDArray[Any],
        labels: NDArray[Any],
        *,
        classes: Sequence[str] | int | None = None,
        mean: Constant | None = None,
        std: Constant | None = None,
        extended: NDArray[Any] | None = None,
    ) -> None:
        self.source = Source(images, labels, extended)
        self.description = self.source.described(classes, mean, std)
        self.rows = range(len(self.source.labels))

    @classmethod
    def from_source(
        cls, source: Source, description: Description, packed_rows: Packed | None = None
    ) -> "Dataset":
        """Return the examples of a source, all or those of some packed rows.

        Raises DataMismatchError if the data do not match the description.
        """
        source.check_match(len(description.classes))
        dataset = cls.__new__(cls)
        dataset.source, dataset.description = source, description
        whole = len(source.labels)
        dataset.rows = rows.unpacked(packed_rows, whole) if packed_rows else range(whole)
        return dataset

    def __reduce__(self) -> tuple[Any, ...]:
        packed_rows = rows.packed(self.rows, len(self.source.labels))
        return type(self).from_source, (self.source, self.description, packed_rows)

    @property
    def name(self) -> str:
        """Name in the catalog, or "" for your own data."""
        return self.description.name

    @property
    def split_name(self) -> str:
        """Split that the examples belong to: "train", "test" or ""."""
        return self.description.split_name

    @property
    def classes(self) -> tuple[str, ...]:
        """Name of each label."""
        return self.description.classes

    @property
    def counts(self) -> dict[str, int]:
        """Number of examples of each class, by its name."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, numbers.tolist(), strict=True))

    @property
    def mean(self) -> Constant | None:
        """Mean of x / 255 over the train split, if it is known."""
        return self.description.mean

    @property
    def std(self) -> Constant | None:
        """Standard deviation of x / 255 over the train split, if it is known."""
        return self.description.std

    @property
    def info(self) -> DatasetInfo:
        """What the catalog knows (licence, citation, digests), or UnknownDatasetError."""
        if not self.name:
            raise UnknownDatasetError(
                "the catalog has no record of your own data. Try: dataset.classes, "
                "dataset.mean, dataset.digest"
            )
        return find_dataset(self.name)

    @property
    def images(self) -> NDArray[Any]:
        """Images, read-only (n, ...): a view of the whole where the rows are contiguous.

        Those of a mapped raw file whose elements are wider than a byte are big-endian, as IDX is.
        """
        return rows.take(self.source.images, self.rows)

    @property
    def labels(self) -> NDArray[Any]:
        """Labels, read-only (n,): a view of the whole where the rows are contiguous."""
        return rows.take(self.source.labels, self.rows)

    @property
    def extended(self) -> NDArray[Any] | None:
        """QMNIST's extended labels, read-only int32 (n, 8), or None; `info.extended` names them."""
        extended = self.source.extended
        return None if extended is None else rows.take(extended, self.rows)

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
        indices = rows.as_array(self.rows).view()
        indices.setflags(write=False)
        return indices

    @property
    def released(self) -> str:
        """Date of the revision in the catalog, or "" where there is none."""
        return self.info.released if self.name else ""

    @cached_property
    def digest(self) -> str:
        """Name of this selection, to cite and to compare: a SHA-256, 64 hexadecimal digits.

        Two selections have the same digest exactly if they hold the same examples of the same data
        in the same order. `orientation` and `zero_based` do not change it.

        It covers four lines of UTF-8, each ended by a line feed, and the indices:
        ``fmnist-selection-1``; the dataset's name; the date of its revision; the split's name; then
        `indices`, as little-endian int64. For your own data, name and split are empty, and
        `Source.content_digest` replaces the revision. For relabelled examples there follow a line
        with the JSON list of "relabelled" and the class names, and the labels as int64.
        """
        revision = self.released if self.name else self.source.content_digest
        relabelled = (self.classes, self.labels) if self.description.is_relabelled else None
        return selection_digest(self.name, revision, self.split_name, self.indices, relabelled)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.rows)

    @overload
    def __getitem__(self, row: int) -> tuple[NDArray[Any], int]: ...
    @overload
    def __getitem__(self, row: "slice | ArrayLike") -> "Dataset": ...
    def __getitem__(self, row: Any) -> "tuple[NDArray[Any], int] | Dataset":
        """Return one example as (read-only image, label), or a Dataset of a slice, rows or mask."""
        if isinstance(row, slice):
            return self.select(range(len(self))[row])
        if isinstance(row, list) or (isinstance(row, np.ndarray) and row.ndim):
            return self.select(row)
        try:
            place = self.rows[operator.index(row)]
        except TypeError as error:
            # np.where returns such a tuple.
            advice = "np.flatnonzero(mask)" if isinstance(row, tuple) and len(row) == 1 else ""
            raise OptionError(
                "a dataset is indexed by a whole number, a slice, row numbers or a mask, "
                f"not {brief(row)}",
                advice=advice,
            ) from error
        except IndexError as error:
            row = brief(operator.index(row))
            raise RowOutsideError(f"row {row} is not among the {len(self)} examples") from error
        image: NDArray[Any] = self.source.images[place]
        image.setflags(write=False)  # `concat` reads a copy
        return image, int(self.source.labels[place])

    def __iter__(self) -> Iterator[tuple[NDArray[Any], int]]:
        """Yield each example as `dataset[i]` gives it."""
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise OptionError("a dataset is not an array. Try: images, labels = dataset.arrays()")

    select = choosing.select
    take = choosing.take
    filter = choosing.filter
    split = choosing.split
    named_split = choosing.named_split
    folds = choosing.folds
    per_class = choosing.per_class
    resample = choosing.resample
    partition = choosing.partition
    tasks = choosing.tasks
    of_classes = choosing.of_classes
    relabel = choosing.relabel
    minus = choosing.minus
    without = choosing.without

    def in_memory(self) -> Self:
        """Return the same examples, whose pickle holds their data instead of paths of files."""
        return self.described(self.source.in_memory(), self.description, self.rows)

    def derived(self, positions: "range | NDArray[np.int64]") -> Self:
        """Return the examples at some positions of this dataset, which must exist."""
        chosen = rows.chosen(self.rows, positions)
        return self.described(self.source, self.description, chosen)

    def described(self, source: Source, description: Description, chosen: Rows) -> Self:
        """Return a dataset of the same class with some rows of a source."""
        dataset = type(self).__new__(type(self))
        dataset.source, dataset.description, dataset.rows = source, description, chosen
        return dataset

    def original_rows(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places in the original file of some rows of this dataset: fresh int64.

        Raises
        ------
        RowOutsideError
            If a row is not in [0, n); it could belong to another selection of the same file.
        """
        return rows.at(self.rows, positions)

    def arrays(self, **options: Unpack[EncodingOptions]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return images (n, ...) and labels (n,) as two fresh arrays, for scikit-learn or plots.

        Options as for `Encoding`: the default layout is "NHW", and "flat" gives a row per image.
        Labels are int64 or, for ``labels="one_hot"``, float32 (n, classes).

        Raises
        ------
        OptionError
            If there is no such option, or these images cannot be encoded this way.
        DataMismatchError
            If a mapped file has been written to since it was opened.
        """
        self.source.check_mapped()
        known = EncodingOptions.__annotations__
        if unknown := sorted(options.keys() - known.keys()):
            raise OptionError(
                f"arrays has no option {', '.join(unknown)}; it has {', '.join(known)}"
            )
        encoding = Encoding(**options).resolved(
            self.image_dtype, self.image_shape, "NHW", "int64", self.mean, self.std
        )
        if encoding.transform:
            raise OptionError("transforms draw for an epoch. Try: dataset.to(...) and its batches")
        places = rows.as_array(self.rows)
        images = encoding.encode_images(self.source.images_at(places))
        return images, encoding.encode_labels(self.source.labels_at(places), len(self.classes))

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
        transform: Any = (),
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
            Which examples form a batch, and what it holds: see `BatchPlan`. ``shard="auto"`` asks
            the framework, or the launcher of this process, for its shard (docs/distributed.md).
        dtype, scale, mean, std, channels, layout, labels
            How pixels and labels are converted: see `Encoding`.
        transform : Transform or sequence of Transform
            Transforms of the uint8 pixels before they are encoded (`fmnist_core.transforms`).
        epoch, start : int
            Where to begin: the number of the first epoch, and how many of its examples all shards
            together have already consumed.
        **framework_options
            The adapter's own options, such as `num_workers` for torch.

        Returns
        -------
        iterable of batches
            The n-th iteration reads epoch `epoch` + n.

        Raises
        ------
        OptionError
            If an option's value is not allowed, or the adapter has no such option.
        AdapterNotFoundError, FrameworkMissingError
            If there is no such adapter, or its framework is not installed.
        DataMismatchError
            If a mapped file has been written to since it was opened.
        """
        self.source.check_mapped()
        chosen = get_adapter(adapter) if isinstance(adapter, str) else check_adapter(adapter)
        plan, encoding = planned(
            len(self),
            chosen,
            batch_size,
            {
                "shuffle": shuffle,
                "seed": seed,
                "remainder": remainder,
                "shard": shard,
                "fields": fields,
                "dtype": dtype,
                "scale": scale,
                "mean": mean,
                "std": std,
                "channels": channels,
                "layout": layout,
                "labels": labels,
                "transform": transform,
            },
            framework_options,
        )
        epoch, start = check_epoch(epoch), plan.check_start(start)
        return chosen.loader(self, plan, encoding, epoch=epoch, start=start, **framework_options)

    def __repr__(self) -> str:
        whole = len(self.source.labels)
        title = "/".join(part for part in (self.name, self.split_name) if part)
        count = f"{len(self)}" if len(self) == whole else f"{len(self)} of {whole}"
        return (
            f"<{' '.join(filter(None, ('Dataset', title)))}: {count} examples, "
            f"{self.image_dtype} images {self.image_shape}, {len(self.classes)} classes>"
        )

    def show(self) -> "Picture":
        """Return a picture of the first 40 examples, each over the name of its class.

        A notebook displays it; elsewhere ``dataset.show().save("examples.png")`` writes it.

        Raises
        ------
        OptionError
            If there are no examples, or they are not uint8 pictures.
        FrameworkMissingError
            If Pillow is not installed.
        """
        from fmnist_core import picture

        first = self[: picture.SHOWN]
        return picture.contact_sheet(first.images, [self.classes[label] for label in first.labels])

    def _repr_html_(self) -> str:
        """Return a small picture for notebooks: the first examples of each class."""
        from fmnist_core import picture

        images_at = lambda positions: self.source.images_at(self.original_rows(positions))  # noqa: E731
        return picture.class_table(repr(self), self.classes, self.labels, images_at)
