"""Train the ConvNet of keras_convnet.py in flax nnx with optax, on the same batches.

python docs/examples/jax_convnet.py --root FOLDER
"""

from collections.abc import Iterable
from typing import Any

import common
import numpy as np
from rich.progress import track

with common.extra_needed():
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

cross_entropy = optax.softmax_cross_entropy_with_integer_labels


class ConvNet(nnx.Module):
    """The network."""

    def __init__(self, image_shape: tuple[int, ...], num_classes: int, rngs: nnx.Rngs) -> None:
        blocks: list[Any] = []
        channels_in, size = 1, image_shape
        for channels, pooled in common.CONVOLUTIONS:
            blocks.append(nnx.Conv(channels_in, channels, (3, 3), use_bias=False, rngs=rngs))
            if pooled:
                blocks.append(largest_of_four)  # before the rest, for a quarter of the work
                size = tuple(length // 2 for length in size)
            blocks += [nnx.BatchNorm(channels, momentum=0.9, rngs=rngs), nnx.relu]
            channels_in = channels
        self.layers = nnx.Sequential(
            *blocks,
            lambda features: features.reshape(len(features), -1),
            nnx.Dropout(common.DROPOUT, rngs=rngs),
            nnx.Linear(channels_in * size[0] * size[1], common.HIDDEN, use_bias=False, rngs=rngs),
            nnx.BatchNorm(common.HIDDEN, momentum=0.9, rngs=rngs),
            nnx.relu,
            nnx.Dropout(common.DROPOUT, rngs=rngs),
            nnx.Linear(common.HIDDEN, num_classes, rngs=rngs),
        )

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the scores of each class: (batch, classes)."""
        return self.layers(images)


class BothWays(nnx.Module):
    """A network whose scores are the mean of another's of an image and of its mirror image."""

    def __init__(self, model: nnx.Module) -> None:
        self.model = model

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the scores of each class: (batch, classes)."""
        return (self.model(images) + self.model(images[:, :, ::-1])) / 2


def largest_of_four(features: jax.Array) -> jax.Array:
    """Return the largest of each 2 x 2 pixels; an odd last row or column is left out."""
    # nnx.max_pool says the same, but the gradient of this takes less time on a CPU.
    n, height, width, channels = features.shape
    even = features[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(n, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


def loss_and_right(
    model: ConvNet, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the mean loss of a batch, and how many of its images are classified rightly."""
    logits = model(images)
    return cross_entropy(logits, labels).mean(), (logits.argmax(axis=1) == labels).sum()


@nnx.jit
def step(
    model: ConvNet, optimizer: nnx.Optimizer, rngs: nnx.Rngs, images: jax.Array, labels: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Take a step of training; return what it says of the batch."""
    mirrored = jax.random.bernoulli(rngs.mirror(), shape=(len(images), 1, 1, 1))
    images = jnp.where(mirrored, images[:, :, ::-1], images)
    result, gradients = nnx.value_and_grad(loss_and_right, has_aux=True)(model, images, labels)
    optimizer.update(model, gradients)
    return result


@nnx.jit
def batch_scores(model: nnx.Module, images: jax.Array) -> jax.Array:
    """Return the scores of a batch."""
    return model(images)


def scores(model: nnx.Module, batches: Iterable[tuple[jax.Array, jax.Array]]) -> jax.Array:
    """Return the scores of all images: (n, classes)."""
    model.eval()
    return jnp.concatenate([batch_scores(model, images) for images, _ in batches])


def main() -> None:
    """Train, watch, and test once at the end."""
    args = common.parser(__doc__).parse_args()
    train, val, test = common.data(args)
    options = {"batch_size": args.batch_size, "layout": "NHWC"}
    shuffled = {**options, "shuffle": True, "seed": common.SEED}
    print(f"epoch 0 is {common.digest(train.to('jax', **shuffled))}")

    run = common.Run("flax nnx")
    rngs = nnx.Rngs(common.SEED)
    model = ConvNet(train.image_shape, len(train.classes), rngs)
    train_batches, val_batches = train.to("jax", **shuffled), val.to("jax", **options)
    schedule = optax.cosine_decay_schedule(common.LEARNING_RATE, args.epochs * len(train_batches))
    optimizer = nnx.Optimizer(model, optax.adam(schedule), wrt=nnx.Param)

    for epoch in range(args.epochs):
        model.train()
        loss_sum = right = 0
        for images, labels in track(train_batches, f"epoch {epoch + 1}", transient=True):
            loss, batch_right = step(model, optimizer, rngs, images, labels)
            loss_sum, right = loss_sum + loss * len(labels), right + batch_right
        val_scores = scores(model, val_batches)
        val_loss = cross_entropy(val_scores, val.labels.astype("int32")).mean()
        val_accuracy = (val_scores.argmax(axis=1) == val.labels).mean()
        run.add(loss_sum / len(train), right / len(train), val_loss, val_accuracy)

    predicted = scores(BothWays(model), test.to("jax", **options)).argmax(axis=1)
    run.finish(test, np.asarray(predicted), args.output)


if __name__ == "__main__":
    main()
