"""Draw docs/transforms/sheet.png: one example through ten epochs of each transform.

python docs/transforms/sheet.py docs/transforms/sheet.png
"""

import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

import fmnist_core as fm
from fmnist_core.transforms import parse

SHOWN = [
    "RandomHorizontalFlip()",
    "RandomVerticalFlip()",
    "RandomCrop(28, padding=4)",
    "RandomResizedCrop(28)",
    "RandomRotation(30)",
    "RandomAffine(10, translate=(0.1, 0.1))",
    "RandomErasing(p=1.0)",
    "Cutout(12)",
    "ColorJitter(0.5, 0.5)",
    "RandomInvert()",
    "GaussianNoise(0.1)",
    "MixUp(1.0)",
    "CutMix(1.0)",
]
EPOCHS = 10


def main(path: str) -> None:
    train = fm.load("synthetic", "train").take(128)
    figure, axes = pyplot.subplots(len(SHOWN), EPOCHS, figsize=(8.5, 7.2))
    for text, line in zip(SHOWN, axes, strict=True):
        loader = train.to(
            "numpy",
            batch_size=len(train),
            fields="image",
            dtype="uint8",
            scale="raw",
            layout="NHW",
            labels="one_hot",
            transform=parse(text),
        )
        for axis in line:
            axis.imshow(next(iter(loader))[3], cmap="gray", vmin=0, vmax=255)
            axis.set_axis_off()
        line[0].text(-4, 14, text, ha="right", va="center", fontsize=8, family="monospace")
    figure.subplots_adjust(left=0.41, right=1, bottom=0, top=1, wspace=0.05, hspace=0.05)
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main(sys.argv[1])
