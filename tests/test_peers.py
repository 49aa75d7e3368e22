"""docs/coming-from.md: each program does its task, and the table states its number of lines."""

import ast
import gzip
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fmnist_core as fm
from tests.helpers.torchvision_here import make_importable

DOCS = Path(__file__).parent.parent / "docs"
TASKS = sorted((DOCS / "peers").glob("*.py"))
LIBRARIES = {
    "torchvision": ("torchvision", "torchdata", "sklearn"),
    "keras": ("keras", "tensorflow", "sklearn"),
    "grain": ("grain", "keras", "sklearn"),
    "fmnist": ("torch",),
}
COUNT = 1000

# What they warn of is not ours; Grain adopts flags of absl, which pytest has not parsed.
pytestmark = pytest.mark.filterwarnings("ignore")


def functions(task: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(task.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def lines_of(task: Path, library: str) -> int | None:
    """Return the lines of code in a function's body, or None if there is no such function."""
    node = functions(task).get(library)
    if node is None:
        return None
    source = task.read_text(encoding="utf-8").splitlines()
    body = source[node.body[0].lineno - 1 : node.end_lineno]
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in body)


def test_the_table_counts_the_lines() -> None:
    rows = []
    for task in TASKS:
        title = ast.get_docstring(ast.parse(task.read_text(encoding="utf-8"))) or ""
        counts = [lines_of(task, library) for library in LIBRARIES]
        cells = " | ".join("" if count is None else str(count) for count in counts)
        rows.append(f"| [{title.removesuffix('.')}](peers/{task.name}) | {cells} |")
    page = (DOCS / "coming-from.md").read_text(encoding="utf-8")
    assert len(rows) >= 8
    assert re.findall(r"^\| \[.*\]\(peers/.*$", page, re.M) == rows, "\n".join(rows)


def test_every_program_is_of_a_library() -> None:
    for task in TASKS:
        assert set(functions(task)) <= set(LIBRARIES), task.name
        assert len(functions(task)) >= 3, task.name


@pytest.fixture(scope="module")
def train() -> fm.Dataset:
    return fm.load("synthetic", "train").take(COUNT)


@pytest.fixture
def files(
    train: fm.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Put a thousand examples where torchvision looks for Fashion-MNIST."""
    # A subclass of torchvision's dataset has a folder of its own.
    for place in ("data/FashionMNIST/raw", "data/Numbered/raw"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        for kind in ("train", "t10k"):
            for name, array in (("images-idx3", train.images), ("labels-idx1", train.labels)):
                path = folder / f"{kind}-{name}-ubyte"
                fm.write_idx(path, array)
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    monkeypatch.setattr(fm, "load", lambda name, split: train)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.stem)
def test_a_program_does_its_task(
    task: Path, library: str, train: fm.Dataset, files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library not in functions(task):
        pytest.skip("Grain takes arrays and gives none")
    if library == "torchvision":
        pytest.importorskip("torch")
        make_importable()
    for needed in LIBRARIES[library]:
        pytest.importorskip(needed, reason=f"{library}'s programs need {needed}")
    if "keras" in LIBRARIES[library]:  # whose folder is fixed when it is imported
        from keras.datasets import fashion_mnist

        split = (np.array(train.images), np.array(train.labels))
        monkeypatch.setattr(fashion_mnist, "load_data", lambda: (split, split))
    spec: Any = importlib.util.spec_from_file_location(task.stem, task)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    CHECKS[task.stem](getattr(module, library)(), train)


# -- what each task asks for ---------------------------------------------------------------------


def arrays_of(batches: Iterable[Any]) -> list[tuple[np.ndarray, ...]]:
    """Return batches as arrays, whose images must be float32."""
    arrays = [tuple(np.asarray(part) for part in batch) for batch in batches]
    assert all(batch[0].dtype == np.float32 for batch in arrays)
    return arrays


def check_shuffled(batches: Any, train: fm.Dataset) -> None:
    arrays = arrays_of(batches)
    assert [len(labels) for _, labels in arrays] == [128] * 7 + [104]
    labels = np.concatenate([labels for _, labels in arrays])
    assert labels.tolist() != train.labels.tolist()
    assert sorted(labels.tolist()) == sorted(train.labels.tolist())
    assert {len(images) for images, _ in arrays} == {128, 104}
    assert (arrays[0][0].min(), arrays[0][0].max() <= 1) == (0, True)


def check_arrays(arrays: Any, train: fm.Dataset) -> None:
    images, labels = arrays
    assert (images.shape, images.dtype) == ((COUNT, 784), np.float32)
    assert np.allclose(images, train.images.reshape(COUNT, 784) / 255)
    assert np.array_equal(labels, train.labels)


def check_stratified(batches: Any, train: fm.Dataset) -> None:
    arrays = arrays_of(batches)
    actual = np.bincount(np.concatenate([labels for _, labels in arrays]), minlength=10)
    assert (abs(actual - np.bincount(train.labels, minlength=10) / 10) < 1).all()


def check_augmented(epochs: Any, train: fm.Dataset) -> None:
    first, second = (arrays_of(batches) for batches in epochs)
    assert [sum(len(batch[1]) for batch in part) for part in (first, second)] == [900, 100]
    originals = {image.tobytes() for image in (train.images / 255).astype(np.float32)}
    plain = [image.tobytes() in originals for batch in second for image in batch[0]]
    assert all(plain)
    changed = [image.tobytes() not in originals for batch in first for image in batch[0]]
    assert np.mean(changed) > 0.9


def check_two_classes(batches: Any, train: fm.Dataset) -> None:
    labels = np.concatenate([labels for _, labels in arrays_of(batches)])
    assert np.bincount(labels).tolist() == [train.counts["Sneaker"], train.counts["Ankle boot"]]
    expected = train.labels[np.isin(train.labels, (7, 9))] == 9
    assert labels.tolist() == expected.tolist()


def check_numbered(batches: Any, train: fm.Dataset) -> None:
    arrays = arrays_of(batches)
    places = np.concatenate([place for _, _, place in arrays])
    assert sorted(places.tolist()) == list(range(COUNT))
    assert places.tolist() != list(range(COUNT))
    for images, labels, place in arrays:
        assert np.array_equal(labels, train.labels[place])
        assert np.allclose(images.reshape(-1, 28, 28), train.images[place] / 255)


def check_pretrained(batches: Any, train: fm.Dataset) -> None:
    arrays = arrays_of(batches)
    assert sum(len(labels) for _, labels in arrays) == COUNT
    images = np.concatenate([images for images, _ in arrays])
    axis = images.shape.index(3)
    black = (np.take(images, channel, axis).min() for channel in range(3))
    assert np.allclose(list(black), [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], atol=1e-5)


def check_resumed(batches: Any, train: fm.Dataset) -> None:
    arrays = arrays_of(batches)
    assert [len(labels) for _, labels in arrays] == [128] * 4 + [104]


CHECKS = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_") and inspect.isfunction(check)
}
