"""Kuzushiji-MNIST and Kuzushiji-49: cursive Japanese characters.

Digests: torchvision, TFDS url_checksums (KMNIST), the git-annex keys of a public mirror (K49, MD5
only). The files' payloads were not at hand, so the published file decides what is genuine.
"""

from types import MappingProxyType

from fmnist_core.catalog.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from fmnist_core.records import Checksums, DatasetInfo, FileInfo, SplitInfo

_LICENCE = (
    'CC BY-SA 4.0; name "{title} Dataset" (created by CODH), adapted from "Kuzushiji Dataset" '
    "(created by NIJL and others), doi:10.20676/00000341"
)
_CITATION = """\
@online{clanuwat2018deep,
  author       = {Tarin Clanuwat and Mikel Bober-Irizar and Asanobu Kitamoto and Alex Lamb and
                  Kazuaki Yamamoto and David Ha},
  title        = {Deep Learning for Classical Japanese Literature},
  year         = {2018},
  eprintclass  = {cs.CV},
  eprinttype   = {arXiv},
  eprint       = {1812.01718},
}"""
_HOMEPAGE = "http://codh.rois.ac.jp/kmnist/"

KMNIST = DatasetInfo(
    name="kmnist",
    title="KMNIST",
    released="2019-02-05",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    splits=MappingProxyType(
        {
            "train": SplitInfo(
                60_000,
                FileInfo(
                    TRAIN_IMAGES,
                    Checksums(47_040_016),
                    Checksums(
                        18_165_135,
                        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                        "bdb82020997e1d708af4cf47b453dcf7",
                    ),
                ),
                FileInfo(
                    TRAIN_LABELS,
                    Checksums(60_008),
                    Checksums(
                        29_497,
                        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                        "e144d726b3acfaa3e44228e80efcd344",
                    ),
                ),
            ),
            "test": SplitInfo(
                10_000,
                FileInfo(
                    TEST_IMAGES,
                    Checksums(7_840_016),
                    Checksums(
                        3_041_136,
                        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                        "5c965bf0a639b31b8f53240b1b52f4d7",
                    ),
                ),
                FileInfo(
                    TEST_LABELS,
                    Checksums(10_008),
                    Checksums(
                        5_120,
                        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
                        "7320c461ea6c1c855c0b718fb2a4b134",
                    ),
                ),
            ),
        }
    ),
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    licence=_LICENCE.format(title="KMNIST"),
    citation=_CITATION,
    homepage=_HOMEPAGE,
)


def _k49(split: str, count: int, images: Checksums, labels: Checksums) -> SplitInfo:
    return SplitInfo(
        count,
        FileInfo(
            f"k49-{split}-images-idx3-ubyte",
            Checksums(16 + count * 28 * 28),
            images,
            f"k49-{split}-imgs.npz",
            "arr_0.npy",
        ),
        FileInfo(
            f"k49-{split}-labels-idx1-ubyte",
            Checksums(8 + count),
            labels,
            f"k49-{split}-labels.npz",
            "arr_0.npy",
        ),
    )


K49 = DatasetInfo(
    name="k49",
    title="Kuzushiji-49",
    released="",
    # 48 hiragana and the iteration mark.
    classes=tuple(
        "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをんゝ"
    ),
    splits=MappingProxyType(
        {
            "train": _k49(
                "train",
                232_365,
                Checksums(66_117_696, md5="7ac088b20481cf51dcd01ceaab89d821"),
                Checksums(164_485, md5="44a8e1b893f81e63ff38d73cad420f7a"),
            ),
            "test": _k49(
                "test",
                38_547,
                Checksums(10_971_201, md5="d352e201d846ce6b94f42c990966f374"),
                Checksums(27_450, md5="4da6f7a62e67a832d5eb1bd85c5ee448"),
            ),
        }
    ),
    mirrors=("http://codh.rois.ac.jp/kmnist/dataset/k49/",),
    licence=_LICENCE.format(title="Kuzushiji-49"),
    citation=_CITATION,
    homepage=_HOMEPAGE,
)
