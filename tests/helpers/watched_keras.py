"""Run `mirrored_example` on a Keras program; record the mean label after each batch.

python -m tests.helpers.watched_keras OUTPUT ARGUMENTS...
"""

import json
import runpy
import sys
from functools import partialmethod
from pathlib import Path
from typing import Any

import keras

means: list[float] = []
plain_compile, plain_fit = keras.Model.compile, keras.Model.fit


def mean_label(labels: Any, scores: Any) -> Any:
    """Return the labels; Keras averages them over the batches so far."""
    return keras.ops.cast(keras.ops.reshape(labels, (-1,)), "float32")


def watched_compile(model: Any, *, metrics: list[Any], **options: Any) -> None:
    """Compile with one metric more."""
    plain_compile(model, metrics=[*metrics, mean_label], **options)


class Note(keras.callbacks.Callback):
    """Records the metric after each batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        means.append(float(logs["mean_label"]))


keras.Model.compile = watched_compile
keras.Model.fit = partialmethod(plain_fit, callbacks=[Note()])
output = sys.argv.pop(1)
runpy.run_module("tests.helpers.mirrored_example", run_name="__main__")
Path(output).write_text(json.dumps(means))
