"""The built-in dataset "synthetic": digests and sums of what `fmnist_core.synthetic` draws."""

from types import MappingProxyType

from fmnist_core.catalog.fashion import GARMENTS
from fmnist_core.catalog.mnist import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from fmnist_core.records import Checksums, DatasetInfo, FileInfo, PixelSums, SplitInfo

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
                    TRAIN_IMAGES,
                    Checksums(
                        47_040_016,
                        "088c6019f309f97c76e5d6b8d98b8c0d3541ad6d5f8339d6f1c1fbbb3f59fddc",
                    ),
                ),
                FileInfo(
                    TRAIN_LABELS,
                    Checksums(
                        60_008, "4d85cad6fa20f8a25b66ee5c34c6272e1d82da4aed61b52b3a07f1e141ef9070"
                    ),
                ),
                PixelSums(47_040_000, 2_957_157_386, 513_479_899_006),
            ),
            "test": SplitInfo(
                10_000,
                FileInfo(
                    TEST_IMAGES,
                    Checksums(
                        7_840_016,
                        "0f04c7f0d645d5debbe85776a2431cb7dd228527fefad740bce45006e6875e82",
                    ),
                ),
                FileInfo(
                    TEST_LABELS,
                    Checksums(
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
