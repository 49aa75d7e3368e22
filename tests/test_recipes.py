"""docs/recipes.md: what its text promises; tests/test_docs.py also runs each program."""

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fmnist_core as fm

PAGE = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")


class Interrupted(Exception):
    """Raised in the middle of a program."""


class After:
    """Calls a function a number of times, then raises instead."""

    def __init__(self, function: Any, calls: int) -> None:
        self.function = function
        self.calls = calls

    def __call__(self, *args: Any, **options: Any) -> Any:
        if not self.calls:
            raise Interrupted
        self.calls -= 1
        return self.function(*args, **options)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a recipe in a new folder and returns its global names."""

    def run_in(folder: str, title: str) -> dict[str, Any]:
        section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
        (code, *_) = re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)
        path = tmp_path / folder / "program.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(code.replace('"fashion-mnist"', '"synthetic"'))
        monkeypatch.chdir(path.parent)
        return runpy.run_path(str(path))

    return run_in


def test_every_recipe_is_in_the_index() -> None:
    index = PAGE.split("\n## ")[0]
    titles = re.findall(r"^## (.*)$", PAGE, re.M)
    assert len(titles) >= 19
    linked = re.findall(r"\]\(#([\w-]+)\)", index)
    # As MyST makes anchors: lower case, no punctuation, a dash for each space.
    slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert linked == slugs


def test_an_early_stop_is_the_same_after_an_interruption(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    title = "Early stop and resume"
    whole = run("whole", title)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "cross_entropy", After(_cross_entropy(), 60))
        with pytest.raises(Interrupted):
            run("parts", title)  # in the third epoch
    resumed = run("parts", title)
    assert resumed["loader"].epoch == whole["loader"].epoch
    assert torch.equal(resumed["model"][1].weight, whole["model"][1].weight)


def _cross_entropy() -> Any:
    import torch

    return torch.nn.functional.cross_entropy


@pytest.mark.filterwarnings("ignore")
def test_a_hugging_face_trainer_resumes_exactly(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    title = "Hugging Face Trainer"
    torch.manual_seed(0)
    whole = run("whole", title)
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "cross_entropy", After(_cross_entropy(), 17))
        with pytest.raises(Interrupted):
            run("parts", title)  # in the second epoch, after the checkpoint of step 15
    counted = After(_cross_entropy(), 20)
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "cross_entropy", counted)
        resumed = run("parts", title)
    assert counted.calls == 15, "five steps remain"
    weights = [names["trainer"].model.linear.weight for names in (resumed, whole)]
    assert torch.equal(*weights)


@pytest.mark.filterwarnings("ignore")
def test_an_orbax_checkpoint_resumes_exactly(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    orbax = pytest.importorskip("orbax.checkpoint")
    whole = run("whole", "orbax")
    with monkeypatch.context() as patch:
        save = orbax.CheckpointManager.save
        counted = After(save, 2)
        patch.setattr(orbax.CheckpointManager, "save", lambda *args, **more: counted(*args, **more))
        with pytest.raises(Interrupted):
            run("parts", "orbax")  # at step 60, after the checkpoint of step 40
    resumed = run("parts", "orbax")
    assert resumed["step"] == 60
    assert np.array_equal(resumed["params"]["weights"], whole["params"]["weights"])


def test_a_run_under_vmap_reads_the_batches_of_its_seed(run: Any) -> None:
    pytest.importorskip("jax")
    names = run("vmap", "Many seeds at once with vmap")
    data, train = names["data"], names["train"]
    options = {"batch_size": 100, "shuffle": True, "remainder": "drop", "layout": "flat"}
    by_seed = train.to("numpy", seed=3, **options)
    order = data.order(0, seed=3)
    for step, (image, label) in zip(range(10), by_seed, strict=False):
        actual = data.batch(0, step, order)
        assert np.array_equal(actual[0], image)
        assert np.array_equal(actual[1], label)
    alone, _ = names["run"](data, 3)
    assert np.allclose(names["weights"][3], alone, atol=1e-5)


def test_siamese_loaders_stay_in_step(run: Any) -> None:
    pytest.importorskip("torch")
    names = run("pairs", "Siamese pairs")
    partner_of = dict(enumerate(names["partners"].indices.tolist()))
    options = {**names["options"], "fields": "index"}
    left, right = (names[name].to("torch", **options) for name in ("train", "partners"))
    for one, other in zip(left, right, strict=True):
        assert [partner_of[row] for row in one.tolist()] == other.tolist()


def test_noise_is_what_the_page_says(run: Any) -> None:
    pytest.importorskip("torch")
    names = run("noise", "Noisy labels")
    train, noisy = names["train"], names["noisy"]
    assert noisy.digest != train.digest
    _, label, index = next(iter(names["loader"]))
    assert np.array_equal(noisy.labels[index], label)
    assert 0.1 < (train.labels[index] != label.numpy()).mean() < 0.3


def test_a_tf_data_service_gives_the_plans_order(run: Any) -> None:
    pytest.importorskip("tensorflow")
    names = run("service", "tf.data service")
    for epoch in (0, 1):
        options = {"batch_size": 100, "shuffle": True, "seed": 0, "epoch": epoch}
        ds = names["train"].to("tensorflow", fields="index", **options).apply(names["remote"])
        expected = names["train"].to("numpy", fields="index", **options)
        assert [index.numpy().tolist() for index in ds] == [index.tolist() for index in expected]


def test_a_long_tail_leaves_the_rest(run: Any) -> None:
    pytest.importorskip("torch")
    names = run("tail", "Long tail")
    rest = names["train"].minus(names["tail"])
    assert len(rest) + len(names["tail"]) == 60_000
    assert isinstance(rest, fm.Dataset)


def test_random_batches_are_those_of_a_plain_loader(run: Any) -> None:
    torch = pytest.importorskip("torch")
    names = run("random", "A sampler of whole batches")
    examples, sampler = names["examples"], names["RandomBatches"]
    part = torch.utils.data.Subset(examples, range(1000))

    def labels(loader: Any) -> list[list[int]]:
        torch.manual_seed(3)
        return [label.tolist() for _ in range(2) for _, label in loader]

    for drop_last in (False, True):
        for given in (None, 5):
            plain, ours = (torch.Generator().manual_seed(given) if given else None for _ in "ab")
            expected = torch.utils.data.DataLoader(
                part, batch_size=128, shuffle=True, drop_last=drop_last, generator=plain
            )
            batches = sampler(part, 128, drop_last, ours)
            loader = torch.utils.data.DataLoader(part, batch_sampler=batches, generator=ours)
            assert len(loader) == len(expected)
            assert labels(loader) == labels(expected)
