"""TensorFlow and triton in one process: two copies of LLVM that must not meet.

TensorFlow's wheels of 2.20 and 2.21 load their copy of LLVM for the whole process (RTLD_GLOBAL).
triton, which torch's optimizers import where torch is built for CUDA, then binds to that copy and
crashes (https://github.com/tensorflow/tensorflow/issues/124205). TensorFlow's fix leaves one helper
module out of the wheel. Here that module is hidden, to the same effect and at no cost.
"""

import sys
from importlib.util import find_spec
from warnings import warn

HELPER = "tensorflow.python.pywrap_dlopen_global_flags"
"""What TensorFlow imports before it shares its LLVM."""


def keep_private() -> None:
    """Make TensorFlow, where it is not loaded yet, keep its LLVM to itself."""
    # None makes Python raise ImportError, which TensorFlow expects.
    sys.modules.setdefault(HELPER, None)  # type: ignore[arg-type]


def warn_if_shared() -> None:
    """Warn where TensorFlow has shared its LLVM already and triton would crash on it."""
    if sys.modules.get(HELPER) and "triton" not in sys.modules and find_spec("triton"):
        warn(
            "TensorFlow was imported first, and in this version triton crashes after it, so a "
            "torch optimizer would. Try: import triton, or fmnist_torch, before tensorflow",
            stacklevel=3,
        )
