"""The array libraries that transforms are written once for, as tests run them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.transforms import NUMPY, Chain
from fmnist_core.transforms.ops import NumpyOps

Array = NDArray[Any]
Run = Callable[..., tuple[Array, Array | None]]
"""Of a chain, all images and labels of an epoch, and positions: the batch there, in numpy."""


def run_numpy(
    chain: Chain,
    images: Array,
    labels: Array | None,
    positions: Array,
    *,
    ops: Any = NUMPY,
    **of: Any,
) -> tuple[Array, Array | None]:
    """The reference, with the faster ways that transforms have for numpy."""

    def gather(places: Array) -> tuple[Array, Array | None]:
        return images[places], None if labels is None else labels[places]

    return chain.batch(ops, gather, positions, n=len(images), **of)


def run_plainly(*args: Any, **of: Any) -> tuple[Array, Array | None]:
    """The one source in numpy, without those."""
    return run_numpy(*args, ops=NumpyOps(), **of)


def run_torch(
    chain: Chain, images: Array, labels: Array | None, positions: Array, **of: Any
) -> tuple[Array, Array | None]:
    import torch

    from fmnist_torch.ops import TorchOps

    all_images = torch.from_numpy(images)
    all_labels = None if labels is None else torch.from_numpy(labels)

    def gather(places: Any) -> tuple[Any, Any]:
        return all_images[places], None if all_labels is None else all_labels[places]

    batch = chain.batch(TorchOps(), gather, torch.from_numpy(positions), n=len(images), **of)
    return batch[0].numpy(), None if labels is None else batch[1].numpy()


def run_tensorflow(
    chain: Chain, images: Array, labels: Array | None, positions: Array, **of: Any
) -> tuple[Array, Array | None]:
    """In a graph that knows neither the epoch nor the size of the batch."""
    import tensorflow as tf

    from fmnist_tensorflow.ops import TensorFlowOps

    all_images = tf.constant(images)
    all_labels = tf.constant(np.zeros((len(images), 1), np.float32) if labels is None else labels)
    epoch = of.pop("epoch")

    def gather(places: Any) -> tuple[Any, Any]:
        return tf.gather(all_images, places), tf.gather(all_labels, places)

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)],
        autograph=False,
    )
    def batch(places: Any, epoch: Any) -> Any:
        return chain.batch(TensorFlowOps(), gather, places, n=len(images), epoch=epoch, **of)

    batch_there = batch(positions, epoch)
    return batch_there[0].numpy(), None if labels is None else batch_there[1].numpy()


def run_jax(
    chain: Chain, images: Array, labels: Array | None, positions: Array, **of: Any
) -> tuple[Array, Array | None]:
    """In a compiled loop, the epoch and the positions traced."""
    import jax
    import jax.numpy as jnp

    from fmnist_jax.ops import JaxOps

    all_images = jnp.asarray(images)
    all_labels = jnp.zeros((len(images), 1)) if labels is None else jnp.asarray(labels)
    epoch = of.pop("epoch")

    def gather(places: Any) -> tuple[Any, Any]:
        return all_images[places], all_labels[places]

    @jax.jit
    def batches(places: Any, epoch: Any) -> Any:
        def step(carry: Any, places: Any) -> tuple[Any, Any]:
            actual = chain.batch(JaxOps(), gather, places, n=len(images), epoch=epoch, **of)
            return carry, actual

        return jax.lax.scan(step, None, places)[1]

    actual = batches(positions[None].astype(np.int32), np.uint32(epoch))
    return np.asarray(actual[0][0]), None if labels is None else np.asarray(actual[1][0])


RUNS: dict[str, Run] = {
    "numpy": run_numpy,
    "plain": run_plainly,
    "torch": run_torch,
    "tensorflow": run_tensorflow,
    "jax": run_jax,
}
