"""Lightning's Trainer on the torch loader: epochs, a checkpoint at every step, prediction."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_core import BatchPlan, Dataset

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
    pytest.mark.filterwarnings("ignore:.*`isinstance.treespec, LeafSpec.`:FutureWarning"),
]

COUNT, SIZE, EPOCHS = 23, 5, 2
PLAN = BatchPlan(COUNT, SIZE, shuffle=True, seed=4)
WHOLE = [rows.tolist() for epoch in range(EPOCHS) for rows in PLAN.epoch(epoch)]


@pytest.fixture(scope="module")
def garments() -> Dataset:
    pixels = np.arange(COUNT * 4, dtype=np.uint8).reshape(COUNT, 2, 2)
    return Dataset(pixels, (np.arange(COUNT) % 3).astype(np.uint8))


def loader(dataset: Dataset, **options: Any) -> Any:
    fields = ("image", "label", "index")
    shuffled = {"batch_size": SIZE, "shuffle": True, "seed": 4}
    return dataset.to("torch", **{**shuffled, "fields": fields, **options})


class Watched(lightning.LightningModule):  # type: ignore[misc, name-defined]
    """A classifier that notes which examples it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        self.seen: list[list[int]] = []

    def training_step(self, batch: Any, _: int) -> Any:
        image, label, index = batch
        self.seen.append(index.tolist())
        return torch.nn.functional.cross_entropy(self.net(image), label)

    def validation_step(self, batch: Any, _: int) -> None:
        pass

    def predict_step(self, batch: Any, _: int) -> Any:
        return batch[2].tolist()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(*extra: Any, **options: Any) -> Any:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    saves = {"enable_checkpointing": any(isinstance(one, ModelCheckpoint) for one in extra)}
    return lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=EPOCHS,
        callbacks=list(extra),
        **{**quiet, **saves, **options},
    )


def test_fit_reads_the_epochs_in_turn(garments: Dataset) -> None:
    model = Watched()
    trainer(num_sanity_val_steps=0).fit(model, loader(garments), loader(garments))
    assert model.seen == WHOLE


@pytest.mark.parametrize(("validates", "after"), [(False, range(1, 11)), (True, (3, 5, 7, 10))])
def test_fit_goes_on_from_any_step(
    garments: Dataset, tmp_path: Path, validates: bool, after: Iterable[int]
) -> None:
    val = loader(garments) if validates else None

    def fit(model: Watched, **options: Any) -> None:
        saves = ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, every_n_train_steps=1)
        trainer(saves, num_sanity_val_steps=0).fit(model, loader(garments), val, **options)

    fit(model := Watched())
    assert model.seen == WHOLE
    for step in after:
        fit(rest := Watched(), ckpt_path=tmp_path / f"step={step}.ckpt")
        assert rest.seen == WHOLE[step:], step


def test_a_loader_made_in_the_hook(garments: Dataset) -> None:
    class Hooked(Watched):
        def train_dataloader(self) -> Any:
            return loader(garments, shard="auto")

    trainer(num_sanity_val_steps=0).fit(model := Hooked())
    assert model.seen == WHOLE


def test_predict_names_the_rows_of_each_batch(garments: Dataset) -> None:
    named: list[Any] = []

    class Writer(callbacks.BasePredictionWriter):  # type: ignore[misc]
        def write_on_batch_end(self, _: Any, __: Any, found: Any, rows: Any, *___: Any) -> None:
            named.append((found, rows))

    trainer(Writer("batch")).predict(Watched(), loader(garments))
    assert named == [(rows, rows) for rows in WHOLE[:5]]
