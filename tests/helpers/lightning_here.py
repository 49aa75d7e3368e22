"""Lightning, importable also where `make bench` has left a torchvision built for another torch."""

import contextlib

import torch

with contextlib.suppress(ModuleNotFoundError):
    try:
        import torchvision  # noqa: F401, torchmetrics would import it if it is there
    except RuntimeError:
        # It describes operators that it does not bring; nothing here uses them.
        for operator in ("nms", "qnms"):
            torch.library.define(
                f"torchvision::{operator}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )

import lightning.pytorch as lightning
from lightning.pytorch import callbacks

__all__ = ["callbacks", "lightning"]
