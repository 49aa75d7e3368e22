"""Train the ConvNet of `fmnist demo` in plain JAX."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from fmnist_core.dataset import Dataset
from fmnist_core.tools.recipe import (
    BATCH_SIZE,
    LEARNING_RATE,
    POOL_SIZE,
    SEED,
    Trained,
    first_weights,
)

Weights = dict[str, jax.Array]


def train(train: Dataset, test: Dataset, report: Callable[[int], None]) -> Trained:
    """Train for one epoch, then test.

    Parameters
    ----------
    train, test : Dataset
    report : callable
        Called with the number of examples, train or test, that are newly done.
    """
    weights = network(train.image_shape, len(train.classes))
    losses = []
    batches = train.to("jax", batch_size=BATCH_SIZE, shuffle=True, seed=SEED)
    steps = len(batches)
    for number, (images, labels) in enumerate(batches):
        rate = LEARNING_RATE * (1 - number / steps)
        weights, loss = step(weights, images, labels, rate)
        losses.append(loss)
        report(len(labels))
    right = 0
    for images, labels in test.to("jax", batch_size=BATCH_SIZE):
        right += int(count_right(weights, images, labels))
        report(len(labels))
    return Trained([float(loss) for loss in losses], right / len(test))


def network(image_shape: tuple[int, ...], num_classes: int) -> Weights:
    """Return the network's first weights and biases."""
    weights = first_weights(image_shape, num_classes)
    biases = {f"{name} bias": jnp.zeros(layer.shape[-1]) for name, layer in weights.items()}
    return {name: jnp.asarray(layer) for name, layer in weights.items()} | biases


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


def mean_loss(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return the mean cross-entropy."""
    log_probabilities = jax.nn.log_softmax(logits(weights, images))
    return -jnp.take_along_axis(log_probabilities, labels[:, None], axis=1).mean()


@jax.jit
def step(
    weights: Weights, images: jax.Array, labels: jax.Array, rate: float
) -> tuple[Weights, jax.Array]:
    """Return the weights after one step of gradient descent, and the loss before it."""
    loss, gradients = jax.value_and_grad(mean_loss)(weights, images, labels)
    return jax.tree.map(lambda w, g: w - rate * g, weights, gradients), loss


@jax.jit
def count_right(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Return how many images are classified correctly."""
    return (logits(weights, images).argmax(axis=1) == labels).sum()
