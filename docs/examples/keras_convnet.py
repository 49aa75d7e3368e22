"""Train a ConvNet in Keras on torch, TensorFlow or JAX, on the same batches.

python docs/examples/keras_convnet.py --backend jax --root FOLDER
"""

import os
from typing import Any

import common

arguments = common.parser(__doc__)
arguments.add_argument("--backend", choices=["torch", "tensorflow", "jax"], default="tensorflow")
args = arguments.parse_args()

os.environ["KERAS_BACKEND"] = args.backend  # Keras reads it when it is imported, and only then
with common.extra_needed():
    import keras
    from keras import layers


class Batches(keras.utils.PyDataset):
    """Any re-iterable of batches, in a form that Keras accepts."""

    def __init__(self, loader: Any) -> None:
        super().__init__()
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __getitem__(self, step: int) -> Any:
        if step == 0:
            self.iterator = iter(self.loader)
        return next(self.iterator)


def as_keras_takes(loader: Any) -> Any:
    """Return a loader in a form that Keras accepts; a DataLoader or tf.data.Dataset as it is."""
    return Batches(loader) if args.backend == "jax" else loader


def convnet(image_shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Return the network with its first weights."""
    model = keras.Sequential([keras.Input((*image_shape, 1)), layers.RandomFlip("horizontal")])
    for channels, pooled in common.CONVOLUTIONS:
        model.add(layers.Conv2D(channels, 3, padding="same", use_bias=False))
        if pooled:
            model.add(layers.MaxPooling2D())  # first, which leaves a quarter of the work
        model.add(layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dropout(common.DROPOUT))
    model.add(layers.Dense(common.HIDDEN, use_bias=False))
    model.add(layers.BatchNormalization(momentum=0.9, epsilon=1e-5))
    model.add(layers.ReLU())
    model.add(layers.Dropout(common.DROPOUT))
    model.add(layers.Dense(num_classes))
    return model


def both_ways(model: keras.Model) -> keras.Model:
    """Return a model that averages the scores of an image and of its mirror image."""
    images = keras.Input(model.input_shape[1:])
    return keras.Model(images, layers.average([model(images), model(keras.ops.flip(images, 2))]))


def main() -> None:
    """Train and validate, and test once at the end."""
    train, val, test = common.data(args)
    options = {"batch_size": args.batch_size, "layout": "NHWC"}
    shuffled = {**options, "shuffle": True, "seed": common.SEED}
    print(f"epoch 0 is {common.digest(train.to(args.backend, **shuffled))}")
    train_batches = as_keras_takes(train.to(args.backend, **shuffled))
    val_batches = as_keras_takes(val.to(args.backend, **options))

    run = common.Run(f"Keras on {args.backend}")
    keras.utils.set_random_seed(common.SEED)
    model = convnet(train.image_shape, len(train.classes))
    steps = args.epochs * len(train_batches)
    schedule = keras.optimizers.schedules.CosineDecay(common.LEARNING_RATE, steps)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    # A loader begins another epoch whenever it is iterated, so Keras must iterate it once an epoch.
    # Keras builds its metrics from a batch of the first data that it gets: give it the validation
    # data, which are the same in all epochs. And without the steps, it begins every epoch twice.
    model.evaluate(val_batches, steps=1, verbose=0)
    fitted = model.fit(
        train_batches,
        epochs=args.epochs,
        steps_per_epoch=len(train_batches),
        validation_data=val_batches,
        shuffle=False,  # the batches are shuffled already
    )
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    for figures in zip(*(fitted.history[name] for name in names), strict=True):
        run.add(*figures)
    test_batches = as_keras_takes(test.to(args.backend, **options))
    predicted = both_ways(model).predict(test_batches).argmax(axis=1)
    run.finish(test, predicted, args.output)


if __name__ == "__main__":
    main()
