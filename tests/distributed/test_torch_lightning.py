"""Lightning's Trainer on the torch loader: epochs, a checkpoint at every step, prediction."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_core import BatchPlan, Dataset
from fmnist_core.transforms import Chain, RandomHorizontalFlip

torch = pytest.importorskip("torch")
pytest.importorskip("fmnist_torch")
if find_spec("lightning") is None:
    pytest.skip("lightning not installed", allow_module_level=True)

from tests.helpers.lightning_here import callbacks, lightning  # noqa: E402

ModelCheckpoint = callbacks.ModelCheckpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    # Its advice: more workers, a logger, a sampler of its own for predictions.
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`, callbacks"),
    pytest.mark.filterwarnings("ignore:.*`isinstance.treespec, LeafSpec.`:FutureWarning"),
]

COUNT, SIZE, EPOCHS = 23, 5, 2
PLAN = BatchPlan(COUNT, SIZE, shuffle=True, seed=4)


def law(*epochs: int) -> list[list[int]]:
    """Return the rows of each batch of some epochs."""
    return [rows.tolist() for epoch in epochs for rows in PLAN.epoch(epoch)]


WHOLE = law(*range(EPOCHS))


@pytest.fixture(scope="module")
def garments() -> Dataset:
    pixels = np.arange(COUNT * 4, dtype=np.uint8).reshape(COUNT, 2, 2)
    return Dataset(pixels, (np.arange(COUNT) % 3).astype(np.uint8))


def loader(dataset: Dataset, **options: Any) -> Any:
    fields = ("image", "label", "index")
    shuffled = {"batch_size": SIZE, "shuffle": True, "seed": 4}
    return dataset.to("torch", **{**shuffled, "fields": fields, **options})


class Watched(lightning.LightningModule):  # type: ignore[misc, name-defined]
    """A classifier that records the examples it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        self.seen: list[list[int]] = []
        self.validated: list[list[int]] = []

    def training_step(self, batch: Any, _: int) -> Any:
        image, label, index = batch
        self.seen.append(index.tolist())
        loss = torch.nn.functional.cross_entropy(self.net(image), label)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        self.validated.append(batch[2].tolist())

    def predict_step(self, batch: Any, _: int) -> Any:
        return batch[2].tolist()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(*extra: Any, **options: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    saves = {"enable_checkpointing": any(isinstance(one, ModelCheckpoint) for one in extra)}
    usual = {"accelerator": "cpu", "devices": 1, "max_epochs": EPOCHS, "num_sanity_val_steps": 0}
    return lightning.Trainer(callbacks=list(extra), **{**usual, **quiet, **saves, **options})


def test_fit_reads_the_epochs_in_turn(garments: Dataset) -> None:
    model = Watched()
    trainer().fit(model, loader(garments), loader(garments))
    assert model.seen == WHOLE


@pytest.mark.parametrize(("validates", "after"), [(False, range(1, 11)), (True, (3, 5, 7, 10))])
def test_fit_resumes_from_any_step(
    garments: Dataset, tmp_path: Path, validates: bool, after: Iterable[int]
) -> None:
    val = loader(garments) if validates else None

    def fit(model: Watched, **options: Any) -> None:
        saves = ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, every_n_train_steps=1)
        trainer(saves).fit(model, loader(garments), val, **options)

    fit(model := Watched())
    assert model.seen == WHOLE
    for step in after:
        fit(rest := Watched(), ckpt_path=tmp_path / f"step={step}.ckpt")
        assert rest.seen == WHOLE[step:], step


def test_a_loader_made_in_the_hook(garments: Dataset) -> None:
    class Hooked(Watched):
        def train_dataloader(self) -> Any:
            return loader(garments, shard="auto")

    trainer().fit(model := Hooked())
    assert model.seen == WHOLE


def test_predict_names_the_rows_of_each_batch(garments: Dataset) -> None:
    named: list[Any] = []

    class Writer(callbacks.BasePredictionWriter):  # type: ignore[misc]
        def write_on_batch_end(self, _: Any, __: Any, batch: Any, rows: Any, *___: Any) -> None:
            named.append((batch, rows))

    trainer(Writer("batch")).predict(Watched(), loader(garments))
    assert named == [(rows, rows) for rows in WHOLE[:5]]


# -- checkpoints of an epoch's end -----------------------------------------------------------------

WAYS_TO_SAVE: dict[str, dict[str, Any]] = {
    "default": {},
    "last": {"save_last": True},
    "train epoch end": {"save_on_train_epoch_end": True},
    "monitor": {"monitor": "loss"},
    "by hand": {},
}


@pytest.mark.parametrize("validates", [False, True])
@pytest.mark.parametrize("way", WAYS_TO_SAVE)
def test_fit_resumes_after_the_last_epoch_of_a_checkpoint(
    garments: Dataset, tmp_path: Path, way: str, validates: bool
) -> None:
    val = loader(garments) if validates else None
    saves = ModelCheckpoint(tmp_path, **WAYS_TO_SAVE[way])
    first = trainer(saves)
    first.fit(Watched(), loader(garments), val)
    saved = saves.last_model_path or saves.best_model_path
    if way == "by hand":
        first.save_checkpoint(saved := str(tmp_path / "by hand.ckpt"))
    epoch = torch.load(saved)["global_step"] // len(PLAN)
    trainer(max_epochs=4).fit(rest := Watched(), loader(garments), val, ckpt_path=saved)
    assert rest.seen == law(*range(epoch, 4))


@pytest.mark.parametrize("steps", [3, 7, 10])
def test_fit_counted_in_steps_resumes(garments: Dataset, tmp_path: Path, steps: int) -> None:
    counted = {"max_epochs": -1, "max_steps": steps}
    (first := trainer(**counted)).fit(Watched(), loader(garments))
    first.save_checkpoint(saved := tmp_path / "saved.ckpt")
    counted["max_steps"] = 20
    trainer(**counted).fit(rest := Watched(), loader(garments), ckpt_path=saved)
    # Saved so at an epoch's end, Lightning reads one batch of the next epoch, of any loader.
    read = 1 if steps % len(PLAN) == 0 else len(rest.seen)
    assert rest.seen[:read] == law(*range(4))[steps:][:read]


def test_truncated_epochs_count_as_read(garments: Dataset, tmp_path: Path) -> None:
    saves = ModelCheckpoint(tmp_path)
    trainer(saves, limit_train_batches=3).fit(model := Watched(), loader(garments))
    assert model.seen == law(0)[:3] + law(1)[:3]
    resumed = trainer(limit_train_batches=3, max_epochs=4)
    resumed.fit(rest := Watched(), loader(garments), ckpt_path=saves.best_model_path)
    assert rest.seen == law(2)[:3] + law(3)[:3]


@pytest.mark.parametrize("after", [2, 5, 7, 10])
def test_a_run_that_begins_at_epoch_5_resumes(
    garments: Dataset, tmp_path: Path, after: int
) -> None:
    saves = ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, every_n_train_steps=1)
    trainer(saves).fit(model := Watched(), loader(garments, epoch=5))
    assert model.seen == law(5, 6)
    saved = tmp_path / f"step={after}.ckpt"
    trainer(max_epochs=4).fit(rest := Watched(), loader(garments, epoch=5), ckpt_path=saved)
    assert rest.seen == law(5, 6, 7, 8)[after:]


# -- what the Trainer may do with a loader ---------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("hooked", [False, True])
def test_reloading_reads_the_epochs_in_turn(garments: Dataset, hooked: bool, workers: int) -> None:
    options = {"num_workers": workers, "multiprocessing_context": "fork" if workers else None}

    class Hooked(Watched):
        def train_dataloader(self) -> Any:
            return loader(garments, **options)

    reloading = trainer(max_epochs=4, reload_dataloaders_every_n_epochs=1)
    model = Hooked() if hooked else Watched()
    reloading.fit(model, None if hooked else loader(garments, **options))
    assert model.seen == law(0, 1, 2, 3)


@pytest.mark.parametrize("way", ["start", "state", "hook"])
def test_a_shorter_first_epoch_needs_reloading(garments: Dataset, way: str) -> None:
    """See docs/distributed.md: without it, Lightning cuts every epoch to the first one's length."""

    class Hooked(Watched):
        def train_dataloader(self) -> Any:
            return loader(garments, epoch=2, start=10 if self.current_epoch == 0 else 0)

    for every, later in ((0, 3), (1, 5)):
        begun = loader(garments, **({} if way == "state" else {"epoch": 2, "start": 10}))
        if way == "state":
            begun.load_state_dict(PLAN.state(2, 2, digest=garments.digest))
        model = Hooked() if way == "hook" else Watched()
        training = trainer(max_epochs=3, reload_dataloaders_every_n_epochs=every)
        training.fit(model, None if way == "hook" else begun)
        assert model.seen == law(2)[2:] + law(3)[:later] + law(4)[:later]


@pytest.mark.parametrize("hooked", [False, True])
@pytest.mark.parametrize("remainder", ["keep", "drop"])
def test_overfitting_repeats_the_first_batches_of_the_file(
    garments: Dataset, hooked: bool, remainder: str
) -> None:
    class Hooked(Watched):
        def train_dataloader(self) -> Any:
            return loader(garments, remainder=remainder)

    model = Hooked() if hooked else Watched()
    overfitting = trainer(overfit_batches=2, max_epochs=3)
    with pytest.warns(UserWarning, match="turning off the train dataloader shuffling"):
        overfitting.fit(model, None if hooked else loader(garments, remainder=remainder))
    assert model.seen == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]] * 3


def test_overfitting_keeps_the_transforms_in_the_state_of_the_sampler(garments: Dataset) -> None:
    chain = Chain((RandomHorizontalFlip(),))
    overfitting = trainer(overfit_batches=2)
    with pytest.warns(UserWarning, match="turning off the train dataloader shuffling"):
        overfitting.fit(Watched(), loader(garments, transform=chain))
    state = overfitting.train_dataloader.batch_sampler.state_dict()
    assert (state["shuffle"], state["transform"]) == (False, chain.record())


def test_overfitting_leaves_a_loader_in_order_as_it_is(garments: Dataset) -> None:
    model = Watched()
    trainer(overfit_batches=2).fit(model, loader(garments, shuffle=False))
    assert model.seen == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]] * 2


def test_validation_reads_the_epoch_of_the_training(garments: Dataset) -> None:
    model = Watched()
    trainer(num_sanity_val_steps=2).fit(model, loader(garments), loader(garments))
    assert model.validated == law(0)[:2] + law(0, 1)


def test_predicting_leaves_nothing_out(garments: Dataset) -> None:
    actual = trainer().predict(Watched(), loader(garments, remainder="drop", shuffle=False))
    assert sorted(index for batch in actual for index in batch) == list(range(COUNT))


def test_fabric_resumes_from_a_state(garments: Dataset) -> None:
    fabric = pytest.importorskip("lightning.fabric").Fabric(accelerator="cpu", devices=1)

    def read(batches: Any) -> list[list[int]]:
        return [index.tolist() for _, _, index in batches]

    ours = loader(garments, epoch=2)
    wrapped = fabric.setup_dataloaders(ours)
    assert read(wrapped) + read(wrapped) == law(2, 3)
    running = iter(wrapped)
    next(running), next(running)
    state = ours.state_dict()
    again = loader(garments)
    wrapped = fabric.setup_dataloaders(again)
    again.load_state_dict(state)
    assert read(wrapped) + read(wrapped) == law(4, 5)[2:]
