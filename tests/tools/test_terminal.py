"""Pictures in a terminal: what a terminal gets, decoded as a terminal would."""

import base64
import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fmnist_core import figures, load
from fmnist_core.tools.terminal import half_blocks

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
termios = pytest.importorskip("termios", reason="needs pseudo-terminals")

CELL = re.compile(r"\x1b\[38;2;(\d+);\d+;\d+;48;2;(\d+);\d+;\d+m(\u2580+)")


def shown(images: np.ndarray, names: list[str], width: int) -> str:
    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width
    )
    console.print(half_blocks(images, names, width=width))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def pixels_of(line: str) -> np.ndarray:
    """Return the two rows of pixels that a line of half blocks shows."""
    runs = [(int(top), int(bottom), len(text)) for top, bottom, text in CELL.findall(line)]
    return np.array(
        [
            [top for top, _, length in runs for _ in range(length)],
            [bottom for _, bottom, length in runs for _ in range(length)],
        ]
    )


def test_each_pixel_is_half_a_character() -> None:
    image = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
    lines = shown(image[None], ["Bag"], 150).splitlines()
    assert np.array_equal(np.concatenate([pixels_of(line) for line in lines[:14]]), image)
    assert lines[14].strip() == "Bag"


def test_a_narrow_terminal_gets_means_of_four_pixels() -> None:
    image = np.arange(28 * 28).reshape(28, 28).astype(np.uint8)
    lines = shown(image[None], ["Bag"], 80).splitlines()
    small = np.concatenate([pixels_of(line) for line in lines[:7]])
    means = image.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    assert np.abs(small - means).max() <= 0.5


def test_as_many_images_are_side_by_side_as_fit() -> None:
    image = np.full((10, 28, 28), 9, np.uint8)
    names = [f"a long name of class {number}" for number in range(10)]
    for width, across in ((80, 5), (150, 5), (120, 8), (20, 1)):
        lines = shown(image, names, width).splitlines()
        named = [line for line in lines if "a long" in line]
        assert [line.count("a long") for line in named[:1]] == [across]
        assert all(len(re.sub(r"\x1b\[[\d;]*m", "", line)) <= width for line in lines)


def test_an_odd_row_is_above_black() -> None:
    (line, _) = shown(np.full((1, 1, 1), 200, np.uint8), ["x"], 80).splitlines()
    assert pixels_of(line).tolist() == [[200], [0]]


# -- the whole command, in a pseudo-terminal that answers as some terminal does --------------------

KITTY = {rb"\x1b_Gi=\d+,[^\x1b]*a=q[^\x1b]*\x1b\\": b"\x1b_Gi=31;OK\x1b\\"}


def typed(command: list[str], answers: dict[bytes, bytes], status: int = 0) -> bytes:
    """Return what a command that exits with `status` writes to a terminal that answers it."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        program = "from fmnist_core.tools.cli import main; main()"
        os.execv(sys.executable, [sys.executable, "-c", program, *command])
    termios.tcsetwinsize(terminal, (60, 100))
    printed = b""
    left = dict(answers)
    while True:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # the command has ended
            break
        if not part:
            break
        printed += part
        for question, answer in list(left.items()):
            if re.search(question, printed):
                os.write(terminal, answer)
                del left[question]
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status, printed
    return printed


def test_a_name_on_the_line_of_progress_cannot_drive_the_terminal(tmp_path: Path) -> None:
    name = tmp_path / "x\x1b]0;gone\x07y.npz"
    np.savez(name, x=1)
    printed = typed(["import", "fashion-mnist", str(name)], {}, status=1)
    assert rb"reading x\x1b]0;gone\x07y.npz" in printed
    assert b"\x1b]0;" not in printed


def test_kitty_gets_the_picture() -> None:
    pytest.importorskip("textual_image")
    printed = typed(["show", "synthetic", "--split", "test"], KITTY)
    parts = re.findall(rb"\x1b_Gi=\d+,m=\d,f=100,q=2;([^\x1b]*)\x1b\\", printed)
    drawn = Image.open(io.BytesIO(base64.b64decode(b"".join(parts)))).convert("L")
    expected = Image.open(io.BytesIO(figures.examples(load("synthetic", "test")).png))
    # It is scaled to whole characters, here of 8 x 16 pixels.
    assert drawn.size == (580, 700)
    difference = np.subtract(drawn, expected.resize(drawn.size), dtype=np.int16)
    assert np.abs(difference).mean() < 4


def test_another_terminal_gets_an_image_of_each_class() -> None:
    printed = typed(["show", "synthetic", "--split", "test"], {}).decode()
    for name in load("synthetic", "test").classes:
        assert name in printed
    assert printed.count("\u2580") == 10 * 14 * 7
