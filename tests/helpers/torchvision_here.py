"""Import torchvision next to a torch for which its published wheel was not built."""

import contextlib
import sys


def make_importable() -> None:
    """Declare the operators that torchvision describes on import, where they are missing.

    The published wheel is built for torch with CUDA; with a torch without CUDA, its operators are
    missing. Datasets and transforms do not use them, so declaring them is enough.
    """
    if "torchvision" in sys.modules:
        return
    import torch

    with contextlib.suppress(RuntimeError, ImportError):
        import torchvision  # noqa: F401
    for operator in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            torch.library.define(
                f"torchvision::{operator}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )
