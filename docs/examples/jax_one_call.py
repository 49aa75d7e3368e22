"""Train in JAX with a whole epoch as one compiled call: the data live on the device.

python docs/examples/jax_one_call.py --root FOLDER
"""

from functools import partial
from typing import Any

import common

import fmnist_core as fm

with common.extra_needed():
    import jax
    import jax.numpy as jnp
    import optax

    import fmnist_jax

OPTIMIZER = optax.adam(1e-3)


def loss(parameters: Any, image: jax.Array, label: jax.Array) -> jax.Array:
    """Return the mean loss of a batch, for a net of one hidden layer."""
    scores = predict(parameters, image)
    return optax.softmax_cross_entropy_with_integer_labels(scores, label).mean()


def predict(parameters: Any, image: jax.Array) -> jax.Array:
    """Return the scores of each class: (batch, classes)."""
    hidden = jax.nn.relu(image @ parameters["in"] + parameters["bias"])
    return hidden @ parameters["out"]


@partial(jax.jit, donate_argnums=0)
def train_epoch(state: Any, data: fmnist_jax.Resident, epoch: jax.typing.ArrayLike) -> Any:
    """Take every step of an epoch; return the new state and the mean loss of each step.

    Order, gather, encoding and training are one program; the host transfers no data meanwhile.
    """
    order = data.order(epoch)

    def step(state: Any, number: jax.Array) -> Any:
        parameters, memory = state
        image, label = data.batch(epoch, number, order)
        value, gradients = jax.value_and_grad(loss)(parameters, image, label)
        updates, memory = OPTIMIZER.update(gradients, memory)
        return (optax.apply_updates(parameters, updates), memory), value

    return jax.lax.scan(step, state, jnp.arange(len(data.plan)))


def main() -> None:
    """Train, and test once at the end."""
    args = common.parser(__doc__).parse_args()
    train, val, test = common.data(args)
    data = fmnist_jax.resident(
        train,
        batch_size=args.batch_size,
        shuffle=True,
        seed=common.SEED,
        remainder="drop",
        layout="flat",
    )

    run = common.Run("one call an epoch")
    keys = jax.random.split(jax.random.key(common.SEED))
    size, classes = train.images[0].size, len(train.classes)
    glorot = jax.nn.initializers.glorot_uniform()
    parameters = {
        "in": glorot(keys[0], (size, 256)),
        "bias": jnp.zeros(256),
        "out": glorot(keys[1], (256, classes)),
    }
    state = parameters, OPTIMIZER.init(parameters)
    for epoch in range(args.epochs):
        state, losses = train_epoch(state, data, epoch)
        seen, held_out = (everything(part.take(min(len(part), 6000))) for part in (train, val))
        run.add(
            losses.mean(),
            right(state[0], *seen),
            loss(state[0], *held_out),
            right(state[0], *held_out),
        )

    image, _ = everything(test)
    run.finish(test, predict(state[0], image).argmax(axis=1), args.output)


def everything(dataset: fm.Dataset) -> tuple[jax.Array, jax.Array]:
    """Return all images and labels of a dataset as one batch."""
    ((image, label),) = dataset.to("jax", batch_size=len(dataset), layout="flat")
    return image, label


def right(parameters: Any, image: jax.Array, label: jax.Array) -> jax.Array:
    """Return the share of images that are classified correctly."""
    return (predict(parameters, image).argmax(axis=1) == label).mean()


if __name__ == "__main__":
    main()
