"""`fmnist pack`: IDX files from a folder of pictures."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fmnist_core import DataMismatchError, FileAccessError, OptionError, open_idx
from fmnist_core.formats.pack import pack
from fmnist_core.formats.pictures import SIGNATURE, _chunk, decoded
from fmnist_core.order import whole_order
from fmnist_core.tools.cli import main


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Forty pictures in three classes, in several modes, formats and sizes."""
    folder = tmp_path / "pictures"
    rng = np.random.default_rng(0)
    for number in range(40):
        place = folder / ("cat", "Dog", "emu")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        side = 20 + number
        picture = Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8))
        mode = ("L", "RGB", "P", "CMYK")[number % 4]
        suffix = {"CMYK": "tiff", "P": "png"}.get(mode, ("png", "bmp")[number % 2])
        picture.convert(mode).save(place / f"{number:03}.{suffix}")
    (folder / "cat" / "notes.txt").write_text("no picture")
    return folder


def png_of_16_bits(kind: int) -> bytes:
    """Return a PNG file of one pixel, of 16 bits a channel, which Pillow cannot write."""
    pixel = zlib.compress(bytes(1 + 2 * {2: 3, 4: 2, 6: 4}[kind]))
    head = struct.pack(">IIBBBBB", 1, 1, 16, kind, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", pixel), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def opened(folder: Path, name: str) -> Any:
    return open_idx(folder / f"{name}-images-idx3-ubyte", folder / f"{name}-labels-idx1-ubyte")


def test_pictures_become_idx(pictures: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["pack", str(pictures), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "36 train and 4 test examples of 3 classes, 28 x 28 pixels" in result.stdout
    assert json.loads((tmp_path / "out" / "classes.json").read_text()) == ["Dog", "cat", "emu"]
    train, test = opened(tmp_path / "out", "train"), opened(tmp_path / "out", "t10k")
    images = np.concatenate([train.images, test.images])
    labels = np.concatenate([train.labels, test.labels])
    files = [
        file for place in ("Dog", "cat", "emu") for file in sorted((pictures / place).iterdir())
    ]
    files = [file for file in files if file.suffix != ".txt"]
    for image, label, row in zip(images, labels, whole_order(40, 0, 0), strict=True):
        grey = Image.open(files[row]).convert("L")
        expected = np.asarray(grey.resize((28, 28), Image.Resampling.BILINEAR), int)
        assert np.abs(image - expected).max() <= 1
        assert ["Dog", "cat", "emu"][label] == files[row].parent.name


def test_one_split_and_another_size_and_seed(pictures: Path, tmp_path: Path) -> None:
    (whole,) = pack(pictures, tmp_path / "a", size=12, test=0, seed=3)
    assert whole.images.shape == (40, 12, 12)
    (other,) = pack(pictures, tmp_path / "b", size=12, test=0, seed=4)
    assert not np.array_equal(whole.labels, other.labels)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "classes.json",
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
    ]


def test_transparent_pixels_are_black_and_exif_is_obeyed(tmp_path: Path) -> None:
    place = tmp_path / "in" / "a"
    place.mkdir(parents=True)
    clear = np.full((4, 4, 4), 255, np.uint8)
    clear[:2, :, 3] = 0
    Image.fromarray(clear).save(place / "0.png")
    tall = Image.fromarray(np.repeat([[0], [0], [255], [255]], 4, axis=1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 3  # half a turn
    tall.save(place / "1.png", exif=exif)
    (dataset,) = pack(tmp_path / "in", tmp_path / "out", size=4, test=0)
    first, second = dataset.images[np.argsort(whole_order(2, 0, 0))]
    assert first[:, 0].tolist() == [0, 0, 255, 255]
    assert second[:, 0].tolist() == [255, 255, 0, 0]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("cut.png", b"\x89PNG\r\n\x1a\n", "cannot be read"),
        ("text.jpg", b"hello", "cannot be read"),
        ("empty.png", b"", "cannot be read"),
        ("deep.png", Image.new("I;16", (3, 3)), "8 bits a channel, found mode I;16"),
        ("deep_rgb.png", png_of_16_bits(2), "8 bits a channel, found mode RGB;16B"),
        ("deep_rgba.png", png_of_16_bits(6), "8 bits a channel, found mode RGBA;16B"),
        ("deep_grey.png", png_of_16_bits(4), "8 bits a channel, found mode LA;16B"),
    ],
)
def test_an_odd_picture_is_named_and_nothing_is_written(
    pictures: Path, tmp_path: Path, name: str, content: Any, expected: str
) -> None:
    odd = pictures / "emu" / name
    if isinstance(content, bytes):
        odd.write_bytes(content)
    else:
        content.save(odd)
    with pytest.raises(DataMismatchError, match=expected) as caught:
        pack(pictures, tmp_path / "out")
    assert str(odd) in str(caught.value)
    assert list(tmp_path.iterdir()) == [pictures]


def test_a_deep_picture_is_no_grey_one() -> None:
    with pytest.raises(DataMismatchError, match="of 8 bits, found mode RGB;16B"):
        decoded(png_of_16_bits(2), "it")


def test_16_bits_a_pixel_are_not_deep(pictures: Path, tmp_path: Path) -> None:
    head = struct.pack("<2sIII", b"BM", 66 + 16, 0, 66)
    head += struct.pack("<IiiHHIIiiII", 40, 2, 4, 1, 16, 3, 16, 0, 0, 0, 0)
    head += struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    (pictures / "emu" / "x.bmp").write_bytes(head + bytes(16))
    assert len(pack(pictures, tmp_path / "out", test=0)[0]) == 41


def test_a_folder_whose_name_is_not_utf_8_is_named(tmp_path: Path) -> None:
    try:
        (tmp_path / "in" / "caf\udce9").mkdir(parents=True)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes no such names")
    Image.new("L", (3, 3)).save(tmp_path / "in" / "caf\udce9" / "0.png")
    with pytest.raises(DataMismatchError, match=r"in UTF-8, found 'caf\\udce9'"):
        pack(tmp_path / "in", tmp_path / "out", test=0)
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]


def test_folders_without_pictures_are_refused(pictures: Path, tmp_path: Path) -> None:
    for folder, expected in (
        (tmp_path / "none", "cannot be read"),
        (pictures / "cat", "found none"),
        (tmp_path, "found them in pictures. Try"),
    ):
        with pytest.raises(FileAccessError, match=expected):
            pack(folder, tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [{"test": 1}, {"test": -0.1}, {"test": True}, {"size": 0}, {"seed": -1}, {"test": 0.001}],
)
def test_options_are_checked(pictures: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        pack(pictures, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == [pictures]


def test_an_existing_target_is_kept_unless_forced(pictures: Path, tmp_path: Path) -> None:
    pack(pictures, tmp_path / "out")
    with pytest.raises(OptionError, match="another path"):
        pack(pictures, tmp_path / "out")
    pack(pictures, tmp_path / "out", force=True)
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(OptionError, match="found mine"):
        pack(pictures, tmp_path / "out", force=True)
    assert (tmp_path / "out" / "mine").read_text() == "mine"
