"""The records that describe a dataset, in the catalog and in plugins."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt

from fmnist_core.errors import DataMismatchError, UnknownDatasetError, brief

PIXEL_MAX = 255


@dataclass(frozen=True)
class Checksums:
    """Length and hexadecimal digests of some bytes, if known."""

    nbytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    sha1: str | None = None


@dataclass(frozen=True)
class FileInfo:
    """One file of a dataset.

    Attributes
    ----------
    name : str
        Name of its payload, here and where it is unpacked.
    payload : Checksums
        Of the unpacked IDX file.
    packed : Checksums
        Of the published file.
    published : str
        Name of the published file, if it is not `name` with ``.gz``.
    member : str
        The member of the published file that holds the payload, if that is a zip file or .npz.
    elsewhere : tuple of (str, str)
        Other files that hold the payload, each with the member.
    transposed : bool
        Whether the store keeps each image transposed.
    """

    name: str
    payload: Checksums
    packed: Checksums = Checksums()
    published: str = ""
    member: str = ""
    elsewhere: tuple[tuple[str, str], ...] = ()
    transposed: bool = False

    @property
    def packed_name(self) -> str:
        """Name of the published file."""
        return self.published or f"{self.name}.gz"

    def as_transposed(self) -> "FileInfo":
        """Return the same file with each image transposed."""
        name = self.name.replace("-images", "-images-upright")
        return replace(self, name=name, transposed=True)


@dataclass(frozen=True)
class PixelSums:
    """Exact sums over all pixels of a split, which determine mean and standard deviation."""

    count: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        """Mean of x / 255, correctly rounded."""
        return self.total / (self.count * PIXEL_MAX)

    @property
    def std(self) -> float:
        """Population standard deviation of x / 255."""
        # Whole numbers until the single division, which Python rounds correctly.
        return sqrt((self.squares * self.count - self.total**2) / self.count**2) / PIXEL_MAX


@dataclass(frozen=True)
class SplitInfo:
    """One split: its number of examples, its two files, and its pixel sums if known."""

    num_examples: int
    images: FileInfo
    labels: FileInfo
    sums: PixelSums | None = None

    @property
    def files(self) -> tuple[FileInfo, FileInfo]:
        """Images and labels."""
        return self.images, self.labels


@dataclass(frozen=True)
class OldRevision:
    """An earlier release, kept so that it can be recognised.

    Attributes
    ----------
    released, note : str
    files : tuple of FileInfo
    first_labels : tuple of (str, tuple of int)
        How the labels of a split begin, which also identifies a copy in another format.
    """

    released: str
    note: str
    files: tuple[FileInfo, ...]
    first_labels: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class DatasetInfo:
    """The catalog's record of one dataset.

    Attributes
    ----------
    name, title : str
        The name for `load`, and the name to print.
    released : str
        Date of the current revision, or "".
    classes : tuple of str
        Name of each label.
    splits : mapping of str to SplitInfo
        "train" and "test"; QMNIST has "nist" too.
    mirrors : tuple of str
        Addresses to which the published file's name is appended, best first.
    licence, citation, homepage : str
        The licence and who states it; BibTeX; a page that describes the dataset.
    old_revisions : tuple of OldRevision
    family : str
        Common name of several datasets that are published in one file.
    transposed : bool
        Whether the published images are transposed.
    first_label : int
        The published label of the first class.
    extended : tuple of str
        Columns of the published labels, if they are a table; the first is the label.
    """

    name: str
    title: str
    released: str
    classes: tuple[str, ...]
    splits: Mapping[str, SplitInfo]
    mirrors: tuple[str, ...]
    licence: str
    citation: str
    homepage: str
    old_revisions: tuple[OldRevision, ...] = ()
    family: str = ""
    transposed: bool = False
    first_label: int = 0
    extended: tuple[str, ...] = ()

    def split(self, name: str) -> SplitInfo:
        """Return a split by name.

        Raises
        ------
        UnknownDatasetError
            If there is no such split.
        """
        if isinstance(name, str) and name in self.splits:
            return self.splits[name]
        problem = f"{self.name} has the splits {', '.join(self.splits)}; found {brief(name)}"
        word = name.lower() if isinstance(name, str) else ""
        if word in ("val", "valid", "validation", "dev"):
            advice, command = f"train, val = load({self.name!r}).split(0.9)", "--split train"
            raise UnknownDatasetError(problem, advice=advice, command=command)
        word = {"t10k": "test", "testing": "test", "training": "train"}.get(word, word)
        if word in self.splits:
            raise UnknownDatasetError(problem, advice=f'"{word}"', command=f"--split {word}")
        raise UnknownDatasetError(problem)


@dataclass(frozen=True)
class Description:
    """The name, classes and pixel statistics of a Dataset.

    Attributes
    ----------
    name : str
        The catalog's name, or "" for your own data.
    split_name : str
        "train", "test" or "".
    classes : tuple of str
    mean, std : float, optional
        Mean and standard deviation of x / 255 over the train split; one for each channel of colour
        images.
    is_relabelled : bool
        Whether the labels differ from the file's.
    """

    name: str
    split_name: str
    classes: tuple[str, ...]
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    is_relabelled: bool = False

    def __post_init__(self) -> None:
        if len(set(self.classes)) < len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise DataMismatchError(
                f"expected each class name once, found {brief(twice)} more than once. "
                "Try: relabel, to join classes"
            )

    def relabelled(self, classes: tuple[str, ...]) -> "Description":
        """Return the description of the same data with other labels."""
        return replace(self, classes=classes, is_relabelled=True)
