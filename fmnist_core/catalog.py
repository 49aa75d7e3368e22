"""What is known of each dataset, as data.

Digests of a payload (the unpacked bytes) decide what is genuine; those of the packed files are
kept because mirrors and other libraries publish them. Sources: the datasets' own pages and
repositories, TFDS url_checksums, torchvision; payload digests and integer sums were computed from
the files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fmnist_core.records import Bytes, DatasetInfo, FileInfo, OldRevision, PixelSums, SplitInfo

GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_TRAIN_IMAGES = "train-images-idx3-ubyte"
_TRAIN_LABELS = "train-labels-idx1-ubyte"
_TEST_IMAGES = "t10k-images-idx3-ubyte"
_TEST_LABELS = "t10k-labels-idx1-ubyte"

FASHION_MNIST = DatasetInfo(
    name="fashion-mnist",
    title="Fashion-MNIST",
    released="2017-08-31",
    classes=GARMENTS,
    splits=MappingProxyType(
        {
            "train": SplitInfo(
                60_000,
                FileInfo(
                    _TRAIN_IMAGES,
                    Bytes(
                        47_040_016,
                        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                    ),
                    Bytes(
                        26_421_880,
                        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    ),
                ),
                FileInfo(
                    _TRAIN_LABELS,
                    Bytes(
                        60_008,
                        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                        "9018921c3c673c538a1fc5bad174d6f9",
                    ),
                    Bytes(
                        29_515,
                        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                        "25c81989df183df01b3e8a0aad5dffbe",
                        "09814cfef5a041118ceace42f8dae995319d331a",
                    ),
                ),
                PixelSums(47_040_000, 3_431_114_169, 631_470_052_347),
            ),
            "test": SplitInfo(
                10_000,
                FileInfo(
                    _TEST_IMAGES,
                    Bytes(
                        7_840_016,
                        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                        "8181f5470baa50b63fa0f6fddb340f0a",
                    ),
                    Bytes(
                        4_422_102,
                        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                        "bef4ecab320f06d8554ea6380940ec79",
                    ),
                ),
                FileInfo(
                    _TEST_LABELS,
                    Bytes(
                        10_008,
                        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                        "15d484375f8d13e6eb1aabb0c3f46965",
                    ),
                    Bytes(
                        5_148,
                        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                        "bb300cfdad3c16e7a12a480ee83cd310",
                        "9caad14e1aff9adac77d3744963212d36af15bee",
                    ),
                ),
                PixelSums(7_840_000, 573_469_082, 105_272_563_536),
            ),
        }
    ),
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    licence="MIT, (c) 2017 Zalando SE",
    citation="""\
@online{xiao2017fashion,
  author       = {Han Xiao and Kashif Rasul and Roland Vollgraf},
  title        = {Fashion-MNIST: a Novel Image Dataset for Benchmarking
                  Machine Learning Algorithms},
  year         = {2017},
  eprintclass  = {cs.LG},
  eprinttype   = {arXiv},
  eprint       = {1708.07747},
}""",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    old_revisions=(
        OldRevision(
            "2017-08-26",
            "before duplicates were replaced; the one that MXNet ships; another order of examples",
            (
                FileInfo(
                    _TRAIN_LABELS,
                    Bytes(
                        60_008,
                        "c7673bb30764062aa9ddeaf6184d7043075ded6a31aee7d16f38402434ad395d",
                        "2ddd6a368b6f6176236d9ceeb813541d",
                    ),
                    Bytes(
                        29_497,
                        md5="c25fcebcfee76fc70679a885c08e7783",
                        sha1="236021d52f1e40852b06a4c3008d8de8aef1e40b",
                    ),
                ),
                FileInfo(
                    _TEST_LABELS,
                    Bytes(
                        10_008,
                        "0106d6dfb86a77b9299271c292262daad9001d5a44d251a3880227436b8ce3b1",
                        "e02ce863a33cd8338b795da3a1142d3a",
                    ),
                    Bytes(
                        5_097,
                        md5="db06173b3df7891d78edf9cae5fe8f8a",
                        sha1="17f9ab60e7257a1620f4ad76bbbaf857c3920701",
                    ),
                ),
                FileInfo(
                    _TRAIN_IMAGES,
                    Bytes(47_040_016),
                    Bytes(sha1="0cf37b0d40ed5169c6b3aba31069a9770ac9043d"),
                ),
                FileInfo(
                    _TEST_IMAGES,
                    Bytes(7_840_016),
                    Bytes(sha1="626ed6a7c06dd17c0eec72fa3be1740f146a2863"),
                ),
            ),
        ),
        OldRevision(
            "2017-08-25",
            "the first upload, sorted by class",
            (
                FileInfo(
                    _TRAIN_LABELS,
                    Bytes(
                        60_008, "fd6af4812a52c84a4ad586a467c1706b56203dda6d5903cfa980e66287cede39"
                    ),
                    Bytes(140, md5="8915284f01051e4c8f6eaefd635931f7"),
                ),
                FileInfo(
                    _TEST_LABELS,
                    Bytes(
                        10_008, "ebe12bc8de9440ef5b785b7c21fb67087b377cc851b65e009f278d22d099cdb2"
                    ),
                    Bytes(92, md5="9171a2719c2d18ded8585baa52e691d0"),
                ),
            ),
        ),
    ),
)

MNIST = DatasetInfo(
    name="mnist",
    title="MNIST",
    released="",
    classes=tuple("0123456789"),
    splits=MappingProxyType(
        {
            "train": SplitInfo(
                60_000,
                FileInfo(
                    _TRAIN_IMAGES,
                    Bytes(
                        47_040_016,
                        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                        "6bbc9ace898e44ae57da46a324031adb",
                    ),
                    Bytes(
                        9_912_422,
                        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                        "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d",
                    ),
                ),
                FileInfo(
                    _TRAIN_LABELS,
                    Bytes(
                        60_008,
                        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                        "a25bea736e30d166cdddb491f175f624",
                    ),
                    Bytes(
                        28_881,
                        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                        "d53e105ee54ea40749a09fcbcd1e9432",
                        "2a80914081dc54586dbdf242f9805a6b8d2a15fc",
                    ),
                ),
                # Recovered from the mean (0.1306604762738429) and population standard deviation
                # (0.3081078038564622) that are published to 16 digits: no other integers fit.
                PixelSums(47_040_000, 1_567_298_545, 342_590_800_147),
            ),
            "test": SplitInfo(
                10_000,
                FileInfo(
                    _TEST_IMAGES,
                    Bytes(
                        7_840_016,
                        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                        "2646ac647ad5339dbf082846283269ea",
                    ),
                    Bytes(
                        1_648_877,
                        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                        "9fb629c4189551a2d022fa330f9573f3",
                        "c3a25af1f52dad7f726cce8cacb138654b760d48",
                    ),
                ),
                FileInfo(
                    _TEST_LABELS,
                    Bytes(
                        10_008,
                        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                        "27ae3e4e09519cfbb04c329615203637",
                    ),
                    Bytes(
                        4_542,
                        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                        "ec29112dd5afa0611ce80d1b7f02629c",
                        "763e7fa3757d93b0cdec073cef058b2004252c17",
                    ),
                ),
                PixelSums(7_840_000, 264_923_200, 58_095_386_156),
            ),
        }
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://raw.githubusercontent.com/fgnt/mnist/master/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    licence="CC BY-SA 3.0, says Keras; (c) Yann LeCun and Corinna Cortes, derived from NIST data",
    citation="""\
@misc{lecun2010mnist,
  author       = {Yann LeCun and Corinna Cortes and Christopher J. C. Burges},
  title        = {MNIST handwritten digit database},
  howpublished = {ATT Labs [Online]},
  volume       = {2},
  year         = {2010},
}""",
    homepage="http://yann.lecun.com/exdb/mnist/",
)

SYNTHETIC = DatasetInfo(
    name="synthetic",
    title="Synthetic garments",
    released="version-1",
    classes=GARMENTS,
    splits=MappingProxyType(
        {
            "train": SplitInfo(
                60_000,
                FileInfo(
                    _TRAIN_IMAGES,
                    Bytes(
                        47_040_016,
                        "088c6019f309f97c76e5d6b8d98b8c0d3541ad6d5f8339d6f1c1fbbb3f59fddc",
                    ),
                ),
                FileInfo(
                    _TRAIN_LABELS,
                    Bytes(
                        60_008, "4d85cad6fa20f8a25b66ee5c34c6272e1d82da4aed61b52b3a07f1e141ef9070"
                    ),
                ),
                PixelSums(47_040_000, 2_957_157_386, 513_479_899_006),
            ),
            "test": SplitInfo(
                10_000,
                FileInfo(
                    _TEST_IMAGES,
                    Bytes(
                        7_840_016,
                        "0f04c7f0d645d5debbe85776a2431cb7dd228527fefad740bce45006e6875e82",
                    ),
                ),
                FileInfo(
                    _TEST_LABELS,
                    Bytes(
                        10_008, "92eefba24aa0b339def3a0df9ccd1ea9f4c871aa0236ab99fef127f102258e46"
                    ),
                ),
                PixelSums(7_840_000, 492_354_960, 85_546_559_774),
            ),
        }
    ),
    mirrors=(),
    licence="MIT, as this package, which draws them",
    citation="",
    homepage="",
)

CATALOG: Mapping[str, DatasetInfo] = MappingProxyType(
    {info.name: info for info in (FASHION_MNIST, MNIST, SYNTHETIC)}
)
"""The built-in datasets by name."""


@dataclass(frozen=True)
class Known:
    """A file of the catalog: in words, and whether it belongs to an old revision."""

    words: str
    old: bool


def describe_payload(sha256: str) -> Known | None:
    """Return which known payload has this digest, or None.

    Examples
    --------
    >>> describe_payload("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7")
    Known(words='MNIST t10k-images-idx3-ubyte', old=False)
    """
    return _first_known(lambda file: file.payload.sha256 == sha256)


def describe_packed(*, sha256: str | None = None, md5: str | None = None) -> Known | None:
    """Return which known published .gz has one of these digests, or None."""
    return _first_known(
        lambda file: (
            (sha256 is not None and file.packed.sha256 == sha256)
            or (md5 is not None and file.packed.md5 == md5)
        )
    )


def _first_known(matches: Callable[[FileInfo], bool]) -> Known | None:
    for info in CATALOG.values():
        for split in info.splits.values():
            for file in (split.images, split.labels):
                if matches(file):
                    return Known(f"{info.title} {file.name}", old=False)
        for old in info.old_revisions:
            for file in old.files:
                if matches(file):
                    words = f"{info.title} {file.name} of {old.released} ({old.note})"
                    return Known(words, old=True)
    return None
