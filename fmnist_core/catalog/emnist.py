"""EMNIST: six datasets of handwritten characters, published in one zip file.

Digest of the zip file: torchvision, TFDS url_checksums. Counts: the paper's final table. Class
names: the first character code of each label in the official mapping files.
"""

from string import ascii_lowercase, ascii_uppercase, digits
from types import MappingProxyType

from fmnist_core.records import Checksums, DatasetInfo, FileInfo, SplitInfo

_ZIP = Checksums(
    561_753_746,
    "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    "58c8d27c78d21e728a6bc7b3cc06412e",
)

_MERGED = digits + ascii_uppercase + "abdefghnqrt"
"""The lower-case letters with a class of their own; the others share that of their capital."""

_DATASETS = {
    "byclass": (697_932, 116_323, digits + ascii_uppercase + ascii_lowercase),
    "bymerge": (697_932, 116_323, _MERGED),
    "balanced": (112_800, 18_800, _MERGED),
    "letters": (124_800, 20_800, ascii_uppercase),
    "digits": (240_000, 40_000, digits),
    "mnist": (60_000, 10_000, digits),
}


def _file(name: str, nbytes: int) -> FileInfo:
    return FileInfo(name, Checksums(nbytes), _ZIP, "gzip.zip", f"gzip/{name}.gz")


def _split(name: str, split: str, count: int) -> SplitInfo:
    return SplitInfo(
        count,
        _file(f"emnist-{name}-{split}-images-idx3-ubyte", 16 + count * 28 * 28),
        _file(f"emnist-{name}-{split}-labels-idx1-ubyte", 8 + count),
    )


def _dataset(name: str, train: int, test: int, classes: str) -> DatasetInfo:
    splits = {"train": _split(name, "train", train), "test": _split(name, "test", test)}
    return DatasetInfo(
        name=f"emnist-{name}",
        title=f"EMNIST {name}",
        released="2017",
        classes=tuple(classes),
        splits=MappingProxyType(splits),
        mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/",),
        licence="none stated; derived from NIST Special Database 19",
        citation="""\
@inproceedings{cohen2017emnist,
  author       = {Gregory Cohen and Saeed Afshar and Jonathan Tapson and Andr{\\'e} van Schaik},
  title        = {{EMNIST}: Extending {MNIST} to handwritten letters},
  booktitle    = {International Joint Conference on Neural Networks (IJCNN)},
  year         = {2017},
  doi          = {10.1109/ijcnn.2017.7966217},
}""",
        homepage="https://www.nist.gov/itl/products-and-services/emnist-dataset",
        family="EMNIST",
        transposed=True,
        first_label=1 if name == "letters" else 0,
    )


EMNIST = tuple(_dataset(name, *facts) for name, facts in _DATASETS.items())
"""The six datasets."""
