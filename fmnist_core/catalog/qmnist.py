"""QMNIST: MNIST's digits rebuilt from NIST's, with 50,000 more test images and who wrote each.

Digests: the repository's files and torchvision (MD5), SHA-256 computed from the label files.
"""

from types import MappingProxyType

from fmnist_core.records import Checksums, DatasetInfo, FileInfo, SplitInfo


def _images(name: str, count: int, packed: Checksums, suffix: str = ".gz") -> FileInfo:
    name = f"{name}-images-idx3-ubyte"
    return FileInfo(name, Checksums(16 + count * 28 * 28), packed, name + suffix)


def _labels(
    name: str, count: int, packed: Checksums, sha256: str | None = None, suffix: str = ".gz"
) -> FileInfo:
    name = f"{name}-labels-idx2-int"
    return FileInfo(name, Checksums(12 + count * 8 * 4, sha256), packed, name + suffix)


QMNIST = DatasetInfo(
    name="qmnist",
    title="QMNIST",
    released="",
    classes=tuple("0123456789"),
    splits=MappingProxyType(
        {
            "train": SplitInfo(
                60_000,
                _images(
                    "qmnist-train",
                    60_000,
                    Checksums(9_704_059, md5="ed72d4157d28c017586c42bc6afe6370"),
                ),
                _labels(
                    "qmnist-train",
                    60_000,
                    Checksums(
                        463_024,
                        "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
                        "0058f8dd561b90ffdd0f734c6a30e5e4",
                    ),
                    "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5",
                ),
            ),
            "test": SplitInfo(
                60_000,
                _images(
                    "qmnist-test",
                    60_000,
                    Checksums(9_742_279, md5="1394631089c404de565df7b7aeaf9412"),
                ),
                _labels(
                    "qmnist-test",
                    60_000,
                    Checksums(
                        526_800,
                        "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
                        "5b5b05890a5e13444e108efe57b788aa",
                    ),
                    "92d0ccb8c25f9c6534270fb4be7e1d24a1c6d315edfc8a638bfbd31c70f362dd",
                ),
            ),
            "nist": SplitInfo(
                402_953,
                _images(
                    "xnist",
                    402_953,
                    Checksums(51_325_860, md5="7f124b3b8ab81486c9d8c2749c17f834"),
                    ".xz",
                ),
                _labels(
                    "xnist",
                    402_953,
                    Checksums(
                        958_144,
                        "db042968723ec2b7aed5f1beac25d2b6e983b9286d4f4bf725f1086e5ae55c4f",
                        "5ed0e788978e45d4a8bd4b7caec3d79d",
                    ),
                    "4aea10456d9cf8fcc7bcd377f8ccbc5b0c02ffe0354a7137204794d6b620aa38",
                    ".xz",
                ),
            ),
        }
    ),
    mirrors=("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",),
    licence="BSD-style, (c) Facebook, Inc.; derived from NIST Special Database 19",
    citation="""\
@inproceedings{yadav2019cold,
  author       = {Chhavi Yadav and L{\\'e}on Bottou},
  title        = {Cold Case: The Lost {MNIST} Digits},
  booktitle    = {Advances in Neural Information Processing Systems 32},
  year         = {2019},
  eprinttype   = {arXiv},
  eprint       = {1905.10498},
}""",
    homepage="https://github.com/facebookresearch/qmnist",
    extended=(
        "class",
        "NIST HSF series",
        "NIST writer",
        "index within the writer",
        "NIST class code",
        "NIST global index",
        "duplicate of",
        "unused",
    ),
)
