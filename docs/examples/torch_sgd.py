"""Gradient descent with torch's momentum, for Keras."""

from typing import Any

import keras
from keras import ops


class TorchSGD(keras.optimizers.SGD):
    """SGD whose velocity sums gradients, as in torch and optax.

    Keras's own velocity sums steps, which contain the learning rate of their time: another method
    while the rate changes. With velocity v, gradient g, learning rate r and momentum m:

        here, torch, optax:  v = m v + g,    w = w - r v
        Keras:               v = m v - r g,  w = w + v

    Parameters
    ----------
    learning_rate, momentum, nesterov
        As of `keras.optimizers.SGD`.
    decay : float
        The share of a weight that is added to its gradient, torch's `weight_decay`. (Keras
        subtracts its own from the weight itself.)
    """

    def __init__(
        self, learning_rate: Any, momentum: float, *, nesterov: bool = False, decay: float = 0.0
    ) -> None:
        super().__init__(learning_rate, momentum, nesterov)
        self.decay = decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable and its velocity."""
        velocity = self.momentums[self._get_variable_index(variable)]
        gradient = gradient + self.decay * variable
        summed = self.momentum * velocity + gradient
        step = gradient + self.momentum * summed if self.nesterov else summed
        self.assign(velocity, summed)
        self.assign_sub(variable, ops.cast(learning_rate, step.dtype) * step)
