"""Lightning, importable also where `make bench` has left a torchvision built for another torch."""

from tests.helpers.torchvision_here import make_importable

make_importable()  # torchmetrics imports torchvision where it is installed

import lightning.pytorch as lightning  # noqa: E402
from lightning.pytorch import callbacks  # noqa: E402

__all__ = ["callbacks", "lightning"]
