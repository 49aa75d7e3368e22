"""The Keras adapter: a `keras.utils.PyDataset` for Keras 3 on any backend."""

from fmnist_core import llvm
from fmnist_core.errors import FrameworkMissingError

llvm.keep_private()  # before Keras imports TensorFlow

import keras  # noqa: E402

if [int(part) for part in keras.__version__.split(".")[:2]] < [3, 8]:
    raise FrameworkMissingError(
        f'expected Keras 3.8 or later, found {keras.__version__}. Try: pip install "keras>=3.8"'
    )

from fmnist_keras.adapter import ADAPTER, KerasAdapter, fmnist_adapter, plan_dataset  # noqa: E402
from fmnist_keras.dataset import PlanDataset  # noqa: E402

__all__ = ["ADAPTER", "KerasAdapter", "PlanDataset", "fmnist_adapter", "plan_dataset"]
