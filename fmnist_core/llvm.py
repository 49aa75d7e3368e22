"""TensorFlow and triton in one process: two copies of LLVM that must not meet.

TensorFlow's wheels of 2.20 and 2.21 load their copy of LLVM for the whole process (RTLD_GLOBAL).
torch's optimizers import triton if torch is built for CUDA; triton then binds to that copy and
crashes (https://github.com/tensorflow/tensorflow/issues/124205). TensorFlow's fix leaves one helper
module out of the wheel. Hiding that module has the same effect and no cost.
"""

import sys
from importlib.util import find_spec
from warnings import warn

HELPER = "tensorflow.python.pywrap_dlopen_global_flags"
"""The module that TensorFlow imports before it shares its LLVM."""


def keep_private() -> None:
    """Make TensorFlow keep its LLVM private, if it is not loaded yet."""
    # None makes Python raise ImportError, which TensorFlow expects.
    sys.modules.setdefault(HELPER, None)  # type: ignore[arg-type]


def warn_if_shared() -> None:
    """Warn if TensorFlow has already shared its LLVM, so that triton would crash."""
    if sys.modules.get(HELPER) and "triton" not in sys.modules and find_spec("triton"):
        warn(
            "TensorFlow was imported first. In this version triton then crashes, and with it any "
            "torch optimizer. Try: import triton, or fmnist_torch, before tensorflow",
            stacklevel=3,
        )
