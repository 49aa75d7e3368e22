"""Fashion-MNIST, in all its revisions.

Digests: the repository's README and history, TFDS url_checksums, MXNet (the revision of
2017-08-26); payload digests and sums computed from the files.
"""

from types import MappingProxyType

from fmnist_core.catalog.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from fmnist_core.records import Checksums, DatasetInfo, FileInfo, OldRevision, PixelSums, SplitInfo

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
                    TRAIN_IMAGES,
                    Checksums(
                        47_040_016,
                        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                    ),
                    Checksums(
                        26_421_880,
                        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    ),
                ),
                FileInfo(
                    TRAIN_LABELS,
                    Checksums(
                        60_008,
                        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                        "9018921c3c673c538a1fc5bad174d6f9",
                    ),
                    Checksums(
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
                    TEST_IMAGES,
                    Checksums(
                        7_840_016,
                        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                        "8181f5470baa50b63fa0f6fddb340f0a",
                    ),
                    Checksums(
                        4_422_102,
                        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                        "bef4ecab320f06d8554ea6380940ec79",
                    ),
                ),
                FileInfo(
                    TEST_LABELS,
                    Checksums(
                        10_008,
                        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                        "15d484375f8d13e6eb1aabb0c3f46965",
                    ),
                    Checksums(
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
            "before duplicates were replaced, in another order; MXNet and Kaggle's CSV have it",
            (
                FileInfo(
                    TRAIN_LABELS,
                    Checksums(
                        60_008,
                        "c7673bb30764062aa9ddeaf6184d7043075ded6a31aee7d16f38402434ad395d",
                        "2ddd6a368b6f6176236d9ceeb813541d",
                    ),
                    Checksums(
                        29_497,
                        md5="c25fcebcfee76fc70679a885c08e7783",
                        sha1="236021d52f1e40852b06a4c3008d8de8aef1e40b",
                    ),
                ),
                FileInfo(
                    TEST_LABELS,
                    Checksums(
                        10_008,
                        "0106d6dfb86a77b9299271c292262daad9001d5a44d251a3880227436b8ce3b1",
                        "e02ce863a33cd8338b795da3a1142d3a",
                    ),
                    Checksums(
                        5_097,
                        md5="db06173b3df7891d78edf9cae5fe8f8a",
                        sha1="17f9ab60e7257a1620f4ad76bbbaf857c3920701",
                    ),
                ),
                FileInfo(
                    TRAIN_IMAGES,
                    Checksums(47_040_016),
                    Checksums(sha1="0cf37b0d40ed5169c6b3aba31069a9770ac9043d"),
                ),
                FileInfo(
                    TEST_IMAGES,
                    Checksums(7_840_016),
                    Checksums(sha1="626ed6a7c06dd17c0eec72fa3be1740f146a2863"),
                ),
            ),
            (
                ("train", (2, 9, 6, 0, 3, 4, 4, 5, 4, 8)),
                ("test", (0, 1, 2, 2, 3, 2, 8, 6, 5, 0)),
            ),
        ),
        OldRevision(
            "2017-08-25",
            "the first upload, sorted by class",
            (
                FileInfo(
                    TRAIN_LABELS,
                    Checksums(
                        60_008, "fd6af4812a52c84a4ad586a467c1706b56203dda6d5903cfa980e66287cede39"
                    ),
                    Checksums(140, md5="8915284f01051e4c8f6eaefd635931f7"),
                ),
                FileInfo(
                    TEST_LABELS,
                    Checksums(
                        10_008, "ebe12bc8de9440ef5b785b7c21fb67087b377cc851b65e009f278d22d099cdb2"
                    ),
                    Checksums(92, md5="9171a2719c2d18ded8585baa52e691d0"),
                ),
            ),
        ),
    ),
)
