"""Run conformance checks of one adapter under a changed global state of its framework.

python -m tests.helpers.global_states ADAPTER STATE

It runs in a separate process: most of these settings affect the whole process, and some must come
first.
"""

import sys
from typing import Any

from fmnist_core import get_adapter
from fmnist_core.testing import CHECKS

VALUES = (
    "check_extreme_seeds",
    "check_fields",
    "check_pixels",
    "check_layouts_and_labels",
    "check_colour_images",
    "check_channels",
    "check_other_types",
    "check_mixes",
)
"""The checks that a setting could affect: order, types, pixels and labels."""


def tensorflow(state: str) -> None:
    import tensorflow as tf

    numpy_behaviour = tf.experimental.numpy.experimental_enable_numpy_behavior
    if state == "safe types":
        numpy_behaviour(dtype_conversion_mode="safe")
    elif state == "eager functions":
        tf.config.run_functions_eagerly(True)
    else:
        numpy_behaviour()
        tf.config.experimental.enable_op_determinism()


def jax(state: str) -> None:
    import jax

    if state == "64 bits":
        jax.config.update("jax_enable_x64", True)
    else:
        jax.config.update("jax_default_matmul_precision", "bfloat16")
        jax.config.update("jax_numpy_dtype_promotion", "strict")
        jax.config.update("jax_numpy_rank_promotion", "raise")


def keras(_: str) -> None:
    import keras

    keras.config.set_floatx("float16")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_dtype_policy("mixed_bfloat16")


name, state = sys.argv[1:]
{"tensorflow": tensorflow, "jax": jax, "keras": keras}[name](state)
adapter: Any = get_adapter(name)
if name == "jax":
    import fmnist_jax

    class OnDevice(fmnist_jax.JaxAdapter):
        """The adapter with its data on the device, where it computes."""

        def loader(self, *data: Any, epoch: int = 0, start: int = 0) -> Any:
            return super().loader(*data, epoch=epoch, start=start, device="cpu")

    adapter = OnDevice()
for check in CHECKS:
    if check.__name__ in VALUES:
        check(adapter)
print("held")
