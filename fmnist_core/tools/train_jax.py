"""Train the ConvNet of `fmnist demo` in plain JAX."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fmnist_core.dataset import Dataset
from fmnist_core.tools.recipe import (
    BATCH_SIZE,
    CHANNELS,
    KERNEL_SIZE,
    LEARNING_RATE,
    MOMENTUM,
    POOL_SIZE,
    SEED,
)

Weights = dict[str, jax.Array]


def train(train: Dataset, test: Dataset, report: Callable[[int], None]) -> float:
    """Train for one epoch and return the accuracy on the test images.

    Parameters
    ----------
    train, test : Dataset
    report : callable
        Called with the number of examples, train or test, that are newly done.
    """
    weights = first_weights(train.image_shape, len(train.classes))
    momenta = jax.tree.map(jnp.zeros_like, weights)
    for images, labels in train.to("jax", batch_size=BATCH_SIZE, shuffle=True, seed=SEED):
        weights, momenta = step(weights, momenta, images, labels)
        report(len(labels))
    right = 0
    for images, labels in test.to("jax", batch_size=BATCH_SIZE):
        right += int(count_right(weights, images, labels))
        report(len(labels))
    return right / len(test)


def first_weights(image_shape: tuple[int, ...], num_classes: int) -> Weights:
    """Return the network's first weights."""
    first, second = CHANNELS
    height, width = (size // POOL_SIZE // POOL_SIZE for size in image_shape)
    shapes = {
        "first": (KERNEL_SIZE, KERNEL_SIZE, 1, first),
        "second": (KERNEL_SIZE, KERNEL_SIZE, first, second),
        "dense": (height * width * second, num_classes),
    }
    draw = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(jax.random.key(SEED), len(shapes))
    weights = {name: draw(key, shapes[name]) for name, key in zip(shapes, keys, strict=True)}
    biases = {f"{name} bias": jnp.zeros(shape[-1]) for name, shape in shapes.items()}
    return weights | biases


def logits(weights: Weights, images: jax.Array) -> jax.Array:
    """Return the network's scores of each class: (batch, classes)."""
    features = images
    for name in ("first", "second"):
        features = jax.lax.conv_general_dilated(
            features, weights[name], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        features = jax.nn.relu(largest(features + weights[f"{name} bias"]))
    return features.reshape(len(images), -1) @ weights["dense"] + weights["dense bias"]


def largest(features: jax.Array) -> jax.Array:
    """Return the largest of each patch of POOL_SIZE x POOL_SIZE pixels."""
    # jax.lax.reduce_window says the same, but its gradient is three times as slow on a CPU.
    n, height, width, channels = features.shape
    patches = (n, height // POOL_SIZE, POOL_SIZE, width // POOL_SIZE, POOL_SIZE, channels)
    return features.reshape(patches).max(axis=(2, 4))


def loss(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy."""
    log_probabilities = jax.nn.log_softmax(logits(weights, images))
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()


@jax.jit
def step(
    weights: Weights, momenta: Weights, images: jax.Array, labels: jax.Array
) -> tuple[Weights, Weights]:
    """Return weights and momenta after one step of gradient descent."""
    gradients = jax.grad(loss)(weights, images, labels)
    momenta = jax.tree.map(lambda m, g: MOMENTUM * m + g, momenta, gradients)
    weights = jax.tree.map(lambda w, m: w - LEARNING_RATE * m, weights, momenta)
    return weights, momenta


@jax.jit
def count_right(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return how many images are classified rightly."""
    return (logits(weights, images).argmax(axis=1) == labels).sum()
