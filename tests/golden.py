"""The golden vectors of docs/golden/vectors.json, and the program that computes them.

Plain Python from the pages' formulas, not the package: `python -m tests.golden FOLDER`, where the
folder has Fashion-MNIST's files, takes some minutes.
"""

import gzip
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
PATH = PROJECT / "docs" / "golden" / "vectors.json"

VECTORS: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.is_file() else {}
"""The vectors by kind: "orders", "words", "transforms"."""

ORDERS = [
    (10, 0, 0),
    (1000, 7, 3),
    (60_000, 0, 0),
    (60_000, 0, 1),
    (65_536, 1, 0),
    (65_537, 1, 0),
    (70_000, 2**40 + 7, 12),
    (262_145, 3, 2),
    (1_000_003, 42, 0),
]
FAR = [(10**9, [0, 1, 999_999_999]), (2**40 + 1, [0, 1, 2**40])]
WORDS = [(0, 0, 0, 0), (7, 3, 59_999, 1), (2**40 + 7, 12, 2**33 + 5, 2)]
TRANSFORMS = (
    "RandomHorizontalFlip()",
    "RandomCrop(size=28, padding=4)",
    "CenterCrop(size=21)",
    "RandomErasing()",
    "RandomErasing(p=1, scale=(0.02, 0.4), ratio=(0.3, 3.3333333333333335), value='random')",
    "Cutout(size=8)",
    "RandomRotation(degrees=10)",
    "RandomAffine(degrees=15, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=10)",
    "RandomResizedCrop(size=28)",
    "ColorJitter(brightness=0.4, contrast=0.4)",
    "RandomInvert()",
    "GaussianNoise(sigma=0.1)",
)
IMAGES = 64


def order_vector(n: int, seed: int, epoch: int, positions: list[int], whole: bool) -> Any:
    """Return one entry of "orders"; seeds are text, as JSON's readers may lose 64-bit numbers."""
    from tests.helpers.plain_order import plain_shuffle

    sha256 = hashlib.sha256()
    for index in range(n if whole else 0):
        sha256.update(plain_shuffle(index, n, seed, epoch).to_bytes(8, "little"))
    return {
        "n": n,
        "seed": str(seed),
        "epoch": epoch,
        "positions": positions,
        "indices": [plain_shuffle(index, n, seed, epoch) for index in positions],
        "sha256": sha256.hexdigest() if whole else None,
    }


def words_vector(seed: int, epoch: int, position: int, stream: int) -> Any:
    """Return one entry of "words", in hexadecimal digits."""
    from tests.transforms.reference import words

    digits = [f"{word:08x}" for word in words(seed, epoch, position, stream)]
    where = {"seed": str(seed), "epoch": epoch, "position": position, "stream": stream}
    return {**where, "words": digits}


def transform_vector(text: str, pixels: bytes) -> Any:
    """Return one entry of "transforms", of the first train images, whose pixels are given."""
    from fmnist_core.transforms import parse  # what the text says; the arithmetic is reference's
    from tests.transforms.reference import transformed

    rows = [list(pixels[first : first + 28]) for first in range(0, len(pixels), 28)]
    sha256 = hashlib.sha256()
    for position in range(IMAGES):
        image = rows[28 * position : 28 * position + 28]
        actual = transformed(image, parse(text).transforms, position=position, seed=7, epoch=3)
        sha256.update(bytes(pixel for row in actual for pixel in row))
    return {"transform": text, "seed": "7", "epoch": 3, "sha256": sha256.hexdigest()}


def main(folder: Path) -> None:
    """Write the file again."""
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        pixels = file.read(16 + IMAGES * 784)[16:]
    vectors = {
        "orders": [
            *(order_vector(*of, positions=[*range(10)], whole=True) for of in ORDERS),
            *(order_vector(n, 0, 0, positions, whole=False) for n, positions in FAR),
        ],
        "words": [words_vector(*of) for of in WORDS],
        "transforms": [transform_vector(text, pixels) for text in TRANSFORMS],
    }
    kinds = [
        f'  "{kind}": [\n' + ",\n".join(f"    {json.dumps(entry)}" for entry in entries) + "\n  ]"
        for kind, entries in vectors.items()
    ]
    PATH.write_text("{\n" + ",\n".join(kinds) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
