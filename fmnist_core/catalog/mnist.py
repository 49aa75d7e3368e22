"""MNIST, and the names of its four files, which others took over.

Digests: TFDS url_checksums, torchvision; payload digests and sums computed from the files.
"""

from types import MappingProxyType

from fmnist_core.records import Checksums, DatasetInfo, FileInfo, PixelSums, SplitInfo

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"

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
                    TRAIN_IMAGES,
                    Checksums(
                        47_040_016,
                        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                        "6bbc9ace898e44ae57da46a324031adb",
                    ),
                    Checksums(
                        9_912_422,
                        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                        "6c95f4b05d2bf285e1bfb0e7960c31bd3b3f8a7d",
                    ),
                    elsewhere=(("mnist.npz", "x_train.npy"),),
                ),
                FileInfo(
                    TRAIN_LABELS,
                    Checksums(
                        60_008,
                        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                        "a25bea736e30d166cdddb491f175f624",
                    ),
                    Checksums(
                        28_881,
                        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                        "d53e105ee54ea40749a09fcbcd1e9432",
                        "2a80914081dc54586dbdf242f9805a6b8d2a15fc",
                    ),
                    elsewhere=(("mnist.npz", "y_train.npy"),),
                ),
                # Recovered from the mean (0.1306604762738429) and population standard deviation
                # (0.3081078038564622) that are published to 16 digits: no other integers fit.
                PixelSums(47_040_000, 1_567_298_545, 342_590_800_147),
            ),
            "test": SplitInfo(
                10_000,
                FileInfo(
                    TEST_IMAGES,
                    Checksums(
                        7_840_016,
                        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                        "2646ac647ad5339dbf082846283269ea",
                    ),
                    Checksums(
                        1_648_877,
                        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                        "9fb629c4189551a2d022fa330f9573f3",
                        "c3a25af1f52dad7f726cce8cacb138654b760d48",
                    ),
                    elsewhere=(("mnist.npz", "x_test.npy"),),
                ),
                FileInfo(
                    TEST_LABELS,
                    Checksums(
                        10_008,
                        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                        "27ae3e4e09519cfbb04c329615203637",
                    ),
                    Checksums(
                        4_542,
                        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                        "ec29112dd5afa0611ce80d1b7f02629c",
                        "763e7fa3757d93b0cdec073cef058b2004252c17",
                    ),
                    elsewhere=(("mnist.npz", "y_test.npy"),),
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
