"""Draw the picture of docs/quality.md: mislabelled examples, then near-duplicates in pairs.

    python docs/quality/sheet.py FOLDER PICTURE.png

FOLDER has the four files of Fashion-MNIST.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fmnist_core.files import write_output
from fmnist_core.loading import load
from fmnist_core.picture import pil_image
from fmnist_core.quality import LISTS, NEAR_DUPLICATE_PAIRS

COLUMNS = 6
ZOOM = 3
GAP = 12
CAPTION = 30
"""Height of the two lines of text below each image, in pixels."""

SHOWN_PAIRS = (
    (("test", "train"), (4998, 13360)),
    (("test", "train"), (2605, 11932)),
    (("test", "train"), (9867, 58762)),
    (("train", "train"), (567, 47750)),
    (("train", "train"), (12981, 50759)),
    (("train", "train"), (20554, 36357)),
)


def captioned(images: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> bytes:
    """Return a PNG of images (height, width) in rows of `COLUMNS`, each over its caption."""
    from PIL import ImageDraw

    height, width = (ZOOM * side for side in images[0].shape)
    step, line = width + GAP, height + CAPTION
    lines = -(-len(images) // COLUMNS)
    sheet = pil_image(np.full((lines * line + GAP, COLUMNS * step + GAP), 255, np.uint8))
    draw = ImageDraw.Draw(sheet)
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = GAP + place % COLUMNS * step, GAP + place // COLUMNS * line
        sheet.paste(pil_image(np.kron(image, np.ones((ZOOM, ZOOM), np.uint8))), (left, top))
        draw.multiline_text((left, top + height + 1), caption, fill=0, spacing=1)
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def main(folder: str, path: str) -> None:
    """Write the picture."""
    splits = {name: load("fashion-mnist", name, root=folder) for name in ("train", "test")}
    shown = [("train", row) for row in LISTS["mislabelled"].rows["train"]]
    for kind, pair in SHOWN_PAIRS:
        if pair not in NEAR_DUPLICATE_PAIRS[kind]:
            raise AssertionError(f"{pair} is no longer a pair of the list")
        shown += zip(kind, pair, strict=True)
    examples = [(splits[split][row], f"{split} {row}") for split, row in shown]
    classes = splits["train"].classes
    captions = [f"{classes[label]}\n{place}" for (_, label), place in examples]
    write_output(Path(path), [captioned([image for (image, _), _ in examples], captions)])


if __name__ == "__main__":
    main(*sys.argv[1:])
