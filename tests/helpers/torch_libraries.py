"""One rank of a torchrun job under Lightning or accelerate: which examples it gets."""

import gc
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import torch
from torch import distributed
from torch.nn.functional import cross_entropy

import fmnist_torch
from fmnist_core import Dataset, FmnistError
from tests.helpers.lightning_here import callbacks, lightning

COUNT, SIZE, SEED, EPOCHS = 101, 6, 4, 2
"""6 examples for each of two ranks: 9 steps an epoch."""


def loader(**options: Any) -> fmnist_torch.PlanLoader:
    pixels = (np.arange(COUNT * 4) % 251).astype(np.uint8).reshape(COUNT, 2, 2)
    data = Dataset(pixels, (np.arange(COUNT) % 3).astype(np.uint8))
    usual = {"batch_size": SIZE, "shuffle": True, "seed": SEED, "shard": "auto"}
    fields = ("image", "label", "index")
    return fmnist_torch.data_loader(data, **{**usual, "fields": fields, **options})


def net() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))


EACH_STEP = {"filename": "{step}", "save_top_k": -1, "every_n_train_steps": 1}


def fit(
    model: Any,
    saves: callbacks.ModelCheckpoint,
    *data: Any,
    path: str | Path | None = None,
    max_epochs: int = EPOCHS,
) -> list[list[int]]:
    """Train under Lightning; return the examples that this rank saw."""
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp",
        max_epochs=max_epochs,
        logger=False,
        callbacks=[saves],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, *data, ckpt_path=path)
    seen: list[list[int]] = model.seen
    return seen


class Watched(lightning.LightningModule):
    """A classifier that records the examples it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.seen = net(), []

    def training_step(self, batch: Any, _: int) -> Any:
        self.seen.append(batch[2].tolist())
        return cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Hooked(Watched):
    """The same, with its own loader."""

    def train_dataloader(self) -> Any:
        return loader()


def under_lightning(folder: Path) -> dict[str, Any]:
    saves = callbacks.ModelCheckpoint(folder / "steps", **EACH_STEP)
    report: dict[str, Any] = {"whole": fit(Watched(), saves, loader())}
    saved = folder / "steps" / "step=4.ckpt"
    report["rest"] = fit(Watched(), saves, loader(), path=saved)
    usual = callbacks.ModelCheckpoint(folder / "epochs")
    fit(Watched(), usual, loader())
    report["more"] = fit(
        Watched(), usual, loader(), path=usual.best_model_path, max_epochs=EPOCHS + 2
    )
    try:
        fit(Watched(), saves, loader(shard=(0, 1)))
    except FmnistError as error:
        report["unshared"] = str(error)
    return report


def under_lightning_alone(folder: Path) -> dict[str, Any]:
    return {"hooked": fit(Hooked(), callbacks.ModelCheckpoint(folder / "saved"))}


def under_accelerate(folder: Path) -> dict[str, Any]:
    accelerator = accelerate.Accelerator(cpu=True)
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, batches = accelerator.prepare(model, optimizer, loader())

    def step(batch: Any) -> list[int]:
        image, label, index = batch
        optimizer.zero_grad()
        accelerator.backward(cross_entropy(model(image), label))
        optimizer.step()
        rows: list[int] = index.tolist()
        return rows

    whole = []
    for _ in range(EPOCHS):
        for batch in batches:
            whole.append(step(batch))
            if len(whole) == 4:
                accelerator.save_state(folder / "saved")
    accelerator.save_state(folder / "ended")
    accelerator.wait_for_everyone()
    report: dict[str, Any] = {"whole": whole}
    for name, saved in (("rest", "saved"), ("more", "ended")):
        accelerator.load_state(folder / saved)
        report[name] = [step(batch) for _ in range(EPOCHS) for batch in batches]
    try:
        accelerator.prepare(loader(shard=(0, 1)))
    except FmnistError as error:
        report["unshared"] = str(error)
    return report


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Lightning's advice
    place = Path(sys.argv[1])
    ways = {
        "lightning": under_lightning,
        "lightning-alone": under_lightning_alone,
        "accelerate": under_accelerate,
    }
    result = ways[sys.argv[2]](place)
    (place / f"{distributed.get_rank()}.json").write_text(json.dumps(result))
    gc.collect()  # or torch may abort: docs/distributed.md says why
    distributed.destroy_process_group()
