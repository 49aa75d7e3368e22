"""Train the recipe's ResNet in flax nnx with optax.

python docs/examples/flax_resnet.py --root FOLDER --output results/flax
"""

from functools import reduce

import common
import numpy as np
import recipe
from numpy.typing import NDArray

with common.extra_needed():
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

UNUSED = nnx.Rngs(0)
"""Layers draw first weights, which the recipe's replace."""


def conv(inputs: int, outputs: int, size: int = 3) -> nnx.Conv:
    """Return a convolution that keeps the size."""
    return nnx.Conv(inputs, outputs, (size, size), use_bias=False, rngs=UNUSED)


def norm(channels: int) -> nnx.BatchNorm:
    """Return a batch normalisation."""
    return nnx.BatchNorm(channels, **recipe.BATCH_NORM, rngs=UNUSED)


class Block(nnx.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.conv1, self.norm1 = conv(inputs, outputs), norm(outputs)
        self.conv2, self.norm2 = conv(outputs, outputs), norm(outputs)
        self.shortcut = conv(inputs, outputs, 1) if inputs != outputs else None
        self.norm3 = norm(outputs) if inputs != outputs else None

    def __call__(self, features: jax.Array) -> jax.Array:
        """Return features of the same size, with the output's channels."""
        added = features if self.shortcut is None else self.norm3(self.shortcut(features))
        features = nnx.relu(self.norm1(self.conv1(features)))
        return nnx.relu(self.norm2(self.conv2(features)) + added)


class ResNet(nnx.Module):
    """The recipe's net."""

    def __init__(self, num_classes: int) -> None:
        self.stem, self.norm = conv(1, recipe.STEM), norm(recipe.STEM)
        channels = recipe.STEM
        for number, (outputs, _) in enumerate(recipe.BLOCKS, start=1):
            setattr(self, f"block{number}", Block(channels, outputs))
            channels = outputs
        self.dense = nnx.Linear(channels, num_classes, rngs=UNUSED)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the scores of each class: (batch, classes)."""
        features = nnx.relu(self.norm(self.stem(images)))
        for number, (_, halved) in enumerate(recipe.BLOCKS, start=1):
            features = largest_of_four(features) if halved else features
            features = getattr(self, f"block{number}")(features)
        return self.dense(features.mean(axis=(1, 2)))


def largest_of_four(features: jax.Array) -> jax.Array:
    """Return the largest of each 2 x 2 pixels."""
    # nnx.max_pool gives the same, but this gradient takes less time on a CPU.
    n, height, width, channels = features.shape
    return features.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def loss_and_right(
    net: ResNet, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the mean loss of a batch, and the number of correct predictions."""
    scores = net(images)
    losses = optax.softmax_cross_entropy_with_integer_labels(scores, labels)
    return losses.mean(), (scores.argmax(axis=1) == labels).sum()


@nnx.jit
def step(
    net: ResNet, optimizer: nnx.Optimizer, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Take a training step; return loss and correct predictions of the batch."""
    result, gradients = nnx.value_and_grad(loss_and_right, has_aux=True)(net, images, labels)
    optimizer.update(net, gradients)
    return result


@nnx.jit
def scores(net: ResNet, images: jax.Array) -> jax.Array:
    """Return the scores of a batch."""
    return net(images)


class Learner:
    """The net with its first weights, and its optimizer."""

    def __init__(self, num_classes: int, steps: int) -> None:
        self.net = ResNet(num_classes)
        for name, weights in recipe.first_weights(num_classes).items():
            layer = reduce(getattr, name.split("."), self.net)
            layer.kernel[...] = jnp.asarray(weights)
        rate = optax.cosine_decay_schedule(recipe.LEARNING_RATE, steps)
        method = optax.chain(
            optax.add_decayed_weights(recipe.DECAY),
            optax.sgd(rate, recipe.MOMENTUM, nesterov=True),
        )
        self.optimizer = nnx.Optimizer(self.net, method, wrt=nnx.Param)

    def step(self, images: jax.Array, labels: jax.Array) -> tuple[float, int]:
        """Take a step; return the mean loss before it, and the number of correct predictions."""
        self.net.train()
        loss, right = step(self.net, self.optimizer, images, labels)
        return float(loss), int(right)

    def scores(self, images: jax.Array) -> NDArray[np.float32]:
        """Return the scores of each class: (batch, classes)."""
        self.net.eval()
        return np.asarray(scores(self.net, images))

    def arrays(self) -> recipe.Arrays:
        """Return all that the next step depends on."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state((self.net, self.optimizer)))]

    def restore(self, arrays: recipe.Arrays) -> None:
        """Continue from what `arrays` returned."""
        shape = jax.tree.structure(nnx.state((self.net, self.optimizer)))
        state = jax.tree.unflatten(shape, map(jnp.asarray, arrays))
        nnx.update((self.net, self.optimizer), state)


if __name__ == "__main__":
    recipe.run("flax nnx", "jax", recipe.parser(__doc__).parse_args(), Learner)
