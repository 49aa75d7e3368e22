"""docs/distributed.md: its program for torch runs under torchrun, and prints what the page says."""

import re
from pathlib import Path

import pytest
from torchrun import torchrun

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"
PRINTED = re.compile(r"^epoch (\d): (\d+) of (\d+) test images right$", re.M)


def test_the_program_of_the_page(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n# file: train.py\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "train.py").write_text(program)
    code, said = torchrun(tmp_path / "train.py", 2)
    assert code == 0, said
    found, promised = PRINTED.findall(said), PRINTED.findall(page)
    assert [epoch for epoch, _, _ in found] == [epoch for epoch, _, _ in promised] == ["0", "1"]
    for (_, right, total), (_, wanted, _) in zip(found, promised, strict=True):
        assert total == "10000"
        # Processors round a training differently; the images that are counted are the same.
        assert abs(int(right) - int(wanted)) < 100
