"""What can be known of a dataset: the records that the catalog, or a plugin's, is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from fmnist_core.errors import UnknownDatasetError

PIXEL_MAX = 255


@dataclass(frozen=True)
class Bytes:
    """Length and digests (hexadecimal) of a run of bytes, as far as they are known."""

    nbytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    sha1: str | None = None


@dataclass(frozen=True)
class FileInfo:
    """One file of a dataset: its canonical name, its payload, and the .gz that is published."""

    name: str
    payload: Bytes
    packed: Bytes = Bytes()


@dataclass(frozen=True)
class PixelSums:
    """Exact sums over all pixels of a split, from which mean and standard deviation follow."""

    count: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        """Mean of x / 255, correctly rounded."""
        return float(Fraction(self.total, self.count * PIXEL_MAX))

    @property
    def std(self) -> float:
        """Population standard deviation of x / 255."""
        variance = Fraction(self.squares, self.count) - Fraction(self.total, self.count) ** 2
        return sqrt(variance) / PIXEL_MAX


@dataclass(frozen=True)
class SplitInfo:
    """One split: how many examples it has, its two files and its pixel sums if known."""

    num_examples: int
    images: FileInfo
    labels: FileInfo
    sums: PixelSums | None = None


@dataclass(frozen=True)
class OldRevision:
    """Files of an earlier release, kept so that they can be named when met."""

    released: str
    note: str
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class DatasetInfo:
    """All that is known of one dataset.

    Attributes
    ----------
    name, title : str
        The name to load it by, and the one to print.
    released : str
        Date of the current revision, or "".
    classes : tuple of str
        Name of each label.
    splits : mapping of "train" and "test" to SplitInfo
    mirrors : tuple of str
        Addresses that a file's canonical name is appended to, best first.
    licence, citation, homepage : str
        Who says what may be done with it; BibTeX; where it is described.
    old_revisions : tuple of OldRevision
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

    def split(self, name: str) -> SplitInfo:
        """Return a split by name.

        Raises
        ------
        UnknownDatasetError
            If there is no such split.
        """
        if not isinstance(name, str) or name not in self.splits:
            raise UnknownDatasetError(
                f"{self.name} has the splits {', '.join(self.splits)}; found {name!r}"
            )
        return self.splits[name]
