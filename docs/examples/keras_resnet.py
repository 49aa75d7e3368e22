"""Train the recipe's ResNet in Keras on torch, TensorFlow or JAX.

python docs/examples/keras_resnet.py --backend jax --root FOLDER --output results/keras-jax
"""

import os
from typing import Any

import common
import numpy as np
import recipe
from numpy.typing import NDArray

arguments = recipe.parser(__doc__)
arguments.add_argument("--backend", choices=["torch", "tensorflow", "jax"], default="tensorflow")
args = arguments.parse_args()

os.environ["KERAS_BACKEND"] = args.backend  # Keras reads it when it is imported, and only then
with common.extra_needed():
    import keras
    from keras import layers, ops
    from torch_sgd import TorchSGD


def conv(features: Any, channels: int, name: str, size: int = 3) -> Any:
    """Return features after a convolution that keeps the size, and a batch normalisation."""
    name = name.replace(".", "_")
    convolved = layers.Conv2D(channels, size, padding="same", use_bias=False, name=name)(features)
    return layers.BatchNormalization(**recipe.BATCH_NORM)(convolved)


def block(features: Any, channels: int, name: str) -> Any:
    """Return features after two convolutions with a residual connection."""
    added = features
    if features.shape[-1] != channels:
        added = conv(features, channels, f"{name}.shortcut", 1)
    features = ops.relu(conv(features, channels, f"{name}.conv1"))
    return ops.relu(conv(features, channels, f"{name}.conv2") + added)


def largest_of_four(features: Any) -> Any:
    """Return the largest of each 2 x 2 pixels."""
    # MaxPooling2D gives the same, but this gradient takes less time in JAX on a CPU.
    _, height, width, channels = features.shape
    patches = ops.reshape(features, (-1, height // 2, 2, width // 2, 2, channels))
    return ops.max(patches, axis=(2, 4))


def resnet(num_classes: int) -> keras.Model:
    """Return the recipe's net with its first weights."""
    images = keras.Input((28, 28, 1))
    features = ops.relu(conv(images, recipe.STEM, "stem"))
    for number, (channels, halved) in enumerate(recipe.BLOCKS, start=1):
        features = largest_of_four(features) if halved else features
        features = block(features, channels, f"block{number}")
    scores = layers.Dense(num_classes, name="dense")(ops.mean(features, axis=(1, 2)))
    model = keras.Model(images, scores)
    for name, weights in recipe.first_weights(num_classes).items():
        model.get_layer(name.replace(".", "_")).kernel.assign(weights)
    return model


class Learner:
    """The net with its first weights, and its optimizer."""

    def __init__(self, num_classes: int, steps: int) -> None:
        self.model = resnet(num_classes)
        rate = keras.optimizers.schedules.CosineDecay(recipe.LEARNING_RATE, steps)
        self.optimizer = TorchSGD(rate, recipe.MOMENTUM, nesterov=True, decay=recipe.DECAY)
        self.optimizer.build(self.model.trainable_variables)
        self.model.compile(
            optimizer=self.optimizer,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )

    def step(self, images: NDArray[Any], labels: NDArray[Any]) -> tuple[float, int]:
        """Take a step; return the mean loss before it, and the number of correct predictions."""
        self.model.reset_metrics()  # otherwise they would be means over the steps so far
        loss, accuracy = self.model.train_on_batch(images, labels)
        return float(loss), round(float(accuracy) * len(labels))

    def scores(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the scores of each class: (batch, classes)."""
        return self.model.predict_on_batch(images)

    def arrays(self) -> recipe.Arrays:
        """Return all that the next step depends on."""
        return [ops.convert_to_numpy(variable) for variable in self.variables()]

    def variables(self) -> list[Any]:
        """Return the same as Keras's variables."""
        return [*self.model.variables, *self.optimizer.variables]

    def restore(self, arrays: recipe.Arrays) -> None:
        """Continue from what `arrays` returned."""
        recipe.assigned(self.variables(), arrays, lambda variable, array: variable.assign(array))


if __name__ == "__main__":
    # numpy's batches: Keras takes them on any backend.
    recipe.run(f"Keras on {args.backend}", "numpy", args, Learner)
