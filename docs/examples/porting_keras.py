"""The port of docs/porting.md: the net of porting_torch.py in Keras, right or with a fault.

python docs/examples/porting_keras.py none epsilon momentum flatten padding velocity
"""

import sys
from typing import Any

import keras
import porting
from keras import layers, ops
from torch_sgd import TorchSGD

from fmnist_core.tools.weights import for_torch
from fmnist_core.traces import Trace

FAULTS = ("none", "epsilon", "momentum", "flatten", "padding", "velocity")


class Noted(layers.Layer):
    """Passes its input on and keeps its norm: a model's inner outputs cannot be read otherwise."""

    def build(self, input_shape: Any) -> None:
        """Add a variable for the norm."""
        self.norm = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, features: Any) -> Any:
        """Return the features."""
        self.norm.assign(ops.norm(ops.reshape(features, (-1,))))
        return features


def net(fault: str) -> keras.Model:
    """Return the net with its first weights; each fault is a default of Keras."""
    epsilon = 1e-3 if fault == "epsilon" else 1e-5
    momentum = 0.99 if fault == "momentum" else 0.9  # 1 minus torch's
    if fault == "padding":  # for a stride of 2, Keras adds nothing above and on the left
        conv2 = [layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv2")]
    else:
        conv2 = [
            layers.ZeroPadding2D(1),
            layers.Conv2D(16, 3, strides=2, use_bias=False, name="conv2"),
        ]
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv1"),
            Noted(name="noted_conv1"),
            layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name="bn"),
            Noted(name="noted_bn"),
            layers.ReLU(),
            *conv2,
            Noted(name="noted_conv2"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, use_bias=False, name="dense"),
            Noted(name="noted_dense"),
        ]
    )
    for name, weights in porting.first_weights().items():
        if name == "dense" and fault == "flatten":  # torch's matrix unchanged, channels first
            weights = for_torch(weights, porting.FLATTENED).T
        model.get_layer(name).set_weights([weights])
    return model


def trace(fault: str) -> None:
    """Train for an epoch, and save what each step computed."""
    model = net(fault)
    optimizer = keras.optimizers.SGD if fault == "velocity" else TorchSGD
    model.compile(
        optimizer=optimizer(porting.LEARNING_RATE, porting.MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    loader = porting.loader("keras")
    trace = Trace(loader)
    for step, (image, label, _) in enumerate(trace.watch(loader)):
        model.optimizer.learning_rate = porting.rate(step)
        model.reset_metrics()  # otherwise the loss would be a mean over the steps so far
        loss = model.train_on_batch(image, label)
        for name in ("conv1", "bn", "conv2", "dense"):
            trace.note(**{name: model.get_layer(f"noted_{name}").norm})
        bn = model.get_layer("bn")
        trace.note(loss=loss, running_mean=bn.moving_mean, running_variance=bn.moving_variance)
    porting.FOLDER.mkdir(exist_ok=True)
    trace.save(porting.FOLDER / f"{fault}.json")


if __name__ == "__main__":
    for fault in sys.argv[1:] or FAULTS:
        trace(fault)
