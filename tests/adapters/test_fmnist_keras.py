"""What Keras's users expect: the plan's batches in fit, evaluate and predict, on each backend.

The tests run on the backend of this process; the last one runs them all again on the others.
"""

import copy
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_core import BatchPlan, Dataset, OptionError, peek
from fmnist_core.errors import DataMismatchError
from fmnist_core.testing import CHECKS, made_dataset, wanted_batches

fmnist_keras = pytest.importorskip("fmnist_keras")
keras = pytest.importorskip("keras")

BACKENDS = ("tensorflow", "torch", "jax")

# Keras on TensorFlow saves weights by TensorFlow's __array__, which lacks numpy 2's copy argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def numbered(n: int = 20) -> Dataset:
    """Return images of one pixel, which is their number, in three classes."""
    images = np.arange(n, dtype=np.uint8).reshape(n, 1, 1)
    return Dataset(images, (np.arange(n) % 3).astype(np.uint8))


def plan_dataset(n: int = 20, **options: Any) -> Any:
    """Return a shuffled dataset of `n` examples in batches of 6, with pixels as they are."""
    all_options: dict[str, Any] = {"batch_size": 6, "shuffle": True, "scale": "raw", **options}
    return fmnist_keras.plan_dataset(numbered(n), **all_options)


def epochs(*numbers: int, n: int = 20, size: int = 6, start: int = 0) -> list[list[int]]:
    """Return the batches of some epochs, without the first `start` examples."""
    plan = BatchPlan(n, size, shuffle=True)
    starts = [start, *[0] * len(numbers)]
    return [
        rows.tolist()
        for number, first in zip(numbers, starts, strict=False)
        for rows in plan.epoch(number, first)
    ]


class Stopped(Exception):
    """Raised in the middle of a call."""


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Records the batches that a model computes with, not those with which Keras builds it."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []
        self.active = False
        self.stop_after = -1

    def begin(self, batch: int, logs: Any = None) -> None:
        if len(self.batches) == self.stop_after:
            raise Stopped
        self.active = True

    def end(self, batch: int, logs: Any = None) -> None:
        self.active = False

    on_train_batch_begin = on_test_batch_begin = on_predict_batch_begin = begin
    on_train_batch_end = on_test_batch_end = on_predict_batch_end = end

    def new_batches(self) -> list[list[int]]:
        """Return the batches since the last call."""
        batches, self.batches = self.batches, []
        return batches


class Watched(keras.Layer):  # type: ignore[misc]
    """Passes images on, and tells a recorder which they are."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def call(self, images: Any) -> Any:
        if self.recorder.active:
            numbers = keras.ops.convert_to_numpy(images).ravel()
            self.recorder.batches.append(numbers.astype(int).tolist())
        return images


def watched_model(**compiled: Any) -> tuple[Any, Recorder]:
    """Return an unbuilt classifier that runs step by step, and the recorder of its batches."""
    recorder = Recorder()
    model = keras.Sequential([Watched(recorder), keras.layers.Flatten(), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss, run_eagerly=True, **compiled)
    return model, recorder


@pytest.fixture
def fitted() -> Iterator[Callable[..., list[list[int]]]]:
    """Return a function that fits one model again and again, and returns the batches of each."""
    model, recorder = watched_model()

    def fit(batches: Any, **options: Any) -> list[list[int]]:
        callbacks = [recorder, *options.pop("callbacks", [])]
        model.fit(batches, verbose=0, callbacks=callbacks, **options)
        return recorder.new_batches()

    return fit


# -- the law -------------------------------------------------------------------------------------


class WithThreads(fmnist_keras.KerasAdapter):  # type: ignore[misc, name-defined]
    """The adapter with threads that make batches ahead."""

    def loader(self, *data: Any, epoch: int = 0, start: int = 0) -> Any:
        return super().loader(*data, epoch=epoch, start=start, workers=3, max_queue_size=2)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check: Callable[[Any], None]) -> None:
    check(fmnist_keras.KerasAdapter())


# What threads could change: which batch comes when, not its values.
OF_ORDER = [check for check in CHECKS if check.__module__.endswith((".loaders", ".plans"))]


@pytest.mark.parametrize("check", OF_ORDER, ids=lambda check: check.__name__)
def test_conformance_with_threads(check: Callable[[Any], None]) -> None:
    check(WithThreads())


def test_it_is_a_py_dataset_that_can_be_iterated() -> None:
    batches = fmnist_keras.plan_dataset(made_dataset(), batch_size=5)
    assert isinstance(batches, keras.utils.PyDataset)
    assert (len(batches), batches.num_batches) == (5, 5)
    image, label = next(iter(batches))
    assert (image.shape, image.dtype) == ((5, 5, 4, 1), np.float32)
    assert (label.shape, label.dtype) == ((5,), np.int32)
    assert repr(batches).startswith("<PlanDataset of <Dataset: 23 of 49 examples, ")


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("workers", [1, 4])
def test_fit_reads_the_epochs_in_the_plans_order(
    fitted: Callable[..., Any], shuffle: bool, workers: int
) -> None:
    batches = plan_dataset(workers=workers)
    assert fitted(batches, epochs=3, shuffle=shuffle) == epochs(0, 1, 2)
    assert fitted(batches, epochs=1, shuffle=shuffle) == epochs(3)


@pytest.mark.parametrize(("n", "size"), [(6, 6), (9, 6)])
def test_few_batches_in_an_epoch(fitted: Callable[..., Any], n: int, size: int) -> None:
    """Keras reads the first batch or two before it begins; that does not count as an epoch."""
    batches = plan_dataset(n)
    assert fitted(batches, epochs=3) == epochs(0, 1, 2, n=n)
    assert fitted(batches, epochs=2) == epochs(3, 4, n=n)
    model, recorder = watched_model()
    model.fit(batches, epochs=2, verbose=0, callbacks=[recorder])
    assert recorder.new_batches() == epochs(5, 6, n=n)


def test_compiled_steps_see_the_same_batches() -> None:
    means: list[float] = []

    def mean_number(labels: Any, scores: Any) -> Any:
        return keras.ops.cast(keras.ops.reshape(labels, (-1,)), "float32")

    class Note(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            means.append(float(logs["mean_number"]))

    images, numbers = np.zeros((20, 1, 1), np.uint8), np.arange(20, dtype=np.uint8)
    batches = fmnist_keras.plan_dataset(Dataset(images, numbers), batch_size=6, shuffle=True)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(20)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss, metrics=[mean_number])
    model.fit(batches, epochs=3, verbose=0, callbacks=[Note()])
    expected = []
    for epoch in range(3):
        seen: list[int] = []
        for rows in epochs(epoch):
            seen += rows
            expected.append(np.mean(seen))
    assert means == pytest.approx(expected, rel=1e-5)


def test_steps_per_execution_keeps_epochs() -> None:
    if keras.backend.backend() == "torch":
        pytest.skip("Keras on torch makes one step at a time")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss, steps_per_execution=2)
    batches = plan_dataset(24)
    model.fit(batches, epochs=2, verbose=0)
    assert batches.epoch == 2
    assert batches.state_dict()["epoch"] == 2


# -- fit's options -------------------------------------------------------------------------------


def test_validation_data(fitted: Callable[..., Any]) -> None:
    val = plan_dataset(9, shuffle=False)
    held_out = [[0, 1, 2, 3, 4, 5], [6, 7, 8]]
    actual = fitted(plan_dataset(), epochs=2, validation_data=val)
    assert actual == [*epochs(0), *held_out, *epochs(1), *held_out]
    actual = fitted(plan_dataset(), epochs=2, validation_data=val, validation_steps=1)
    assert actual == [*epochs(0), held_out[0], *epochs(1), held_out[0]]


def test_steps_per_epoch_continues_within_an_epoch(fitted: Callable[..., Any]) -> None:
    batches = plan_dataset(36)
    actual = fitted(batches, epochs=4, steps_per_epoch=3)
    assert actual == epochs(0, 1, n=36)
    # A call that ends within an epoch has taken it, as an iteration has that is thrown away.
    assert fitted(batches, epochs=1, steps_per_epoch=2) == epochs(2, n=36)[:2]
    assert fitted(batches, epochs=1, steps_per_epoch=2) == epochs(3, n=36)[:2]


def test_class_weight() -> None:
    weights, dataset = {0: 1.0, 1: 0.0, 2: 3.0}, numbered(18)
    model, _ = watched_model()
    losses, _ = log_likelihoods(model, dataset)
    weighted = losses * [weights[label] for label in dataset.labels.tolist()]
    batches = fmnist_keras.plan_dataset(dataset, batch_size=18, shuffle=True)
    # One batch, so this is the loss before the first step changed the model.
    loss = model.fit(batches, class_weight=weights, verbose=0).history["loss"][0]
    assert loss == pytest.approx(weighted.mean(), rel=1e-5)
    assert loss != pytest.approx(losses.mean(), rel=1e-3)


def test_evaluate_and_predict_read_an_epoch_each() -> None:
    model, recorder = watched_model()
    batches = plan_dataset()
    model.evaluate(batches, verbose=0, callbacks=[recorder])
    assert recorder.new_batches() == epochs(0)
    scores = model.predict(batches, verbose=0, callbacks=[recorder])
    assert scores.shape == (20, 3)
    assert recorder.new_batches() == epochs(1)
    assert batches.epoch == 2
    in_order = plan_dataset(shuffle=False, fields="image")
    again = model.predict(in_order, verbose=0)
    assert scores == pytest.approx(again[np.concatenate(epochs(1))], rel=1e-4)


def test_predict_builds_a_model() -> None:
    model, recorder = watched_model()
    batches = plan_dataset()
    for epoch in range(2):
        model.predict(batches, verbose=0, callbacks=[recorder])
        # Keras on torch first computes with ones, within the first step.
        assert recorder.new_batches()[-4:] == epochs(epoch)


def test_a_failed_call_has_taken_its_epoch() -> None:
    model, recorder = watched_model()
    batches = plan_dataset()
    recorder.stop_after = 2
    with pytest.raises(Stopped):
        model.fit(batches, epochs=3, verbose=0, callbacks=[recorder])
    assert recorder.new_batches() == epochs(0)[:2]
    recorder.stop_after = -1
    model.fit(batches, epochs=2, verbose=0, callbacks=[recorder])
    assert recorder.new_batches() == epochs(1, 2)


@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_backup_and_restore(tmp_path: Path, save_freq: Any) -> None:
    """Three epochs of four batches, stopped in the second; docs/resume.md has the lines."""
    plan = BatchPlan(20, 6, shuffle=True)
    model, recorder = watched_model()
    model(np.zeros((1, 1, 1, 1)))

    def fit(epoch: int, start: int, until: int) -> None:
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
        batches = plan_dataset(epoch=epoch, start=start)
        model.fit(batches, epochs=until, verbose=0, callbacks=[backup, recorder])

    recorder.stop_after = 7  # batches: the second epoch has had three of its four
    with pytest.raises(Stopped):
        fit(0, 0, 3)
    assert recorder.new_batches() == epochs(0, 1)[:7]
    saved = json.loads((tmp_path / "backup" / "training_metadata.json").read_text())
    steps = 0 if save_freq == "epoch" else saved["batch"] + 1
    epoch, start = plan.position(plan.state(saved["epoch"], steps))
    assert (epoch, start) == ((1, 0) if save_freq == "epoch" else (1, 12))
    recorder.stop_after = -1
    fit(epoch, start, epoch + 1 if start else 3)
    expected = epochs(1, 2) if save_freq == "epoch" else epochs(1, start=12)
    assert recorder.new_batches() == expected


def test_fit_after_a_start_raises_at_a_longer_epoch(fitted: Callable[..., Any]) -> None:
    model, _ = watched_model()
    with pytest.raises(OptionError, match=r"epochs=initial_epoch \+ 1"):
        model.fit(plan_dataset(start=12), epochs=2, verbose=0)
    batches = plan_dataset(start=12)
    assert fitted(batches, epochs=1) == epochs(0, start=12)
    assert fitted(batches, epochs=2) == epochs(1, 2)


# -- weights -------------------------------------------------------------------------------------


def log_likelihoods(model: Any, dataset: Dataset) -> Any:
    """Return the loss of each example in float64, by numpy."""
    images, labels = dataset.arrays(layout="NHWC")
    scores = np.asarray(model.predict(images, verbose=0), np.float64)
    shifted = scores - scores.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -logs[np.arange(len(labels)), labels], scores.argmax(1) == labels


def test_evaluation_is_exact_with_keep_or_weighted_metrics() -> None:
    crossentropy = keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="entropy")
    model, _ = watched_model(metrics=["accuracy"], weighted_metrics=[crossentropy, "accuracy"])
    dataset = numbered()
    losses, hits = log_likelihoods(model, dataset)

    def evaluated(**options: Any) -> dict[str, float]:
        batches = fmnist_keras.plan_dataset(dataset, batch_size=6, **options)
        metrics: dict[str, float] = model.evaluate(batches, verbose=0, return_dict=True)
        return metrics

    kept = evaluated(remainder="keep")
    assert kept["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert kept["accuracy"] == pytest.approx(hits.mean(), rel=1e-5)
    padded = evaluated(remainder="pad", fields=("image", "label", "weight"))
    assert padded["entropy"] == pytest.approx(losses.mean(), rel=1e-5)
    assert padded["weighted_accuracy"] == pytest.approx(hits.mean(), rel=1e-5)
    # Keras divides a batch's loss by its size, fillers included, and `metrics` know no weights.
    assert padded["loss"] == pytest.approx(losses.sum() / 24, rel=1e-5)
    assert padded["loss"] != pytest.approx(losses.mean(), rel=1e-2)


# -- looks, positions and refusals ---------------------------------------------------------------


def test_peek_takes_no_epoch(fitted: Callable[..., Any]) -> None:
    batches = plan_dataset()
    assert batches[2][0].ravel().tolist() == epochs(0)[2]
    assert peek(batches)[0].ravel().tolist() == epochs(0)[0]
    assert fitted(batches, epochs=1) == epochs(0)
    with pytest.raises(OptionError, match=r"Try: peek\(\)"):
        batches[0]
    assert batches.peek()[0].ravel().tolist() == epochs(1)[0]
    assert fitted(batches, epochs=1) == epochs(1)


def test_a_state_between_epochs_resumes(fitted: Callable[..., Any]) -> None:
    batches = plan_dataset()
    fitted(batches, epochs=2)
    state = json.loads(json.dumps(batches.state_dict()))
    anew = plan_dataset()
    anew.load_state_dict(state)
    assert fitted(anew, epochs=1) == epochs(2)
    with pytest.raises(DataMismatchError):
        plan_dataset(19).load_state_dict(state)


def test_a_copy_after_fit_continues_by_itself(fitted: Callable[..., Any]) -> None:
    batches = plan_dataset()
    assert fitted(batches, epochs=1) == epochs(0)
    for copied in (copy.deepcopy(batches), pickle.loads(pickle.dumps(batches))):
        assert fitted(copied, epochs=1) == epochs(1)
    assert fitted(batches, epochs=1) == epochs(1)
    fitted(batches, epochs=1, steps_per_epoch=2)
    with pytest.raises(OptionError, match="Try: copy or pickle it after a whole epoch"):
        copy.deepcopy(batches)


def test_a_state_within_an_epoch_is_refused(fitted: Callable[..., Any]) -> None:
    batches = plan_dataset()
    fitted(batches, epochs=1, steps_per_epoch=2)
    with pytest.raises(OptionError, match=r"plan\.state\(epoch, batch \+ 1"):
        batches.state_dict()


def test_a_call_inside_another_is_refused(fitted: Callable[..., Any]) -> None:
    batches = plan_dataset(250, batch_size=1)
    model, _ = watched_model()

    class Evaluate(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                model.evaluate(batches, verbose=0)

    # On TensorFlow the error comes out of its pipeline, with our text in it.
    with pytest.raises(Exception, match="a call inside another"):
        fitted(batches, epochs=1, callbacks=[Evaluate()])


def test_keras_starts_no_workers() -> None:
    batches = plan_dataset(workers=8)
    assert batches.workers == 0
    with pytest.raises(OptionError, match=r"Try: dataset\.to\(\"keras\", workers=\.\.\.\)"):
        batches.workers = 4
    for wrong in ({"workers": -1}, {"workers": True}, {"max_queue_size": 0}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            plan_dataset(**wrong)
    with pytest.raises(OptionError, match="use_multiprocessing"):
        numbered().to(fmnist_keras.ADAPTER, batch_size=6, use_multiprocessing=True)
    with pytest.raises(OptionError, match="shard=\\(index, count\\)"):
        plan_dataset(shard="auto")


def test_who_reads_workers_begins_no_call(fitted: Callable[..., Any]) -> None:
    """A debugger does, and so does a callback that records settings."""
    batches = plan_dataset()

    class Log(keras.callbacks.Callback):  # type: ignore[misc]
        def read(self, *_: object, **__: object) -> None:
            assert batches.workers == 0

        on_train_begin = on_epoch_begin = on_epoch_end = on_train_batch_end = read

    assert fitted(batches, epochs=3, callbacks=[Log()]) == epochs(0, 1, 2)
    assert fitted(batches, epochs=1) == epochs(3)


def test_a_state_replaces_the_rest_of_an_epoch(fitted: Callable[..., Any]) -> None:
    state = plan_dataset(epoch=4, start=12).state_dict()
    batches = plan_dataset()
    fitted(batches, epochs=1, steps_per_epoch=2)
    batches.load_state_dict(state)
    assert batches.state_dict() == state
    assert pickle.loads(pickle.dumps(batches)).epoch == 4
    assert fitted(batches, epochs=1) == epochs(4, start=12)
    fitted(batches, epochs=1, steps_per_epoch=2)
    next(iter(batches))
    assert batches.state_dict() == plan_dataset(epoch=6, start=6).state_dict()


def test_a_state_loaded_within_an_epoch_is_of_the_next_one(fitted: Callable[..., Any]) -> None:
    state, batches = plan_dataset(epoch=4).state_dict(), plan_dataset()

    class Load(keras.callbacks.Callback):  # type: ignore[misc]
        loaded = False

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if not self.loaded:
                batches.load_state_dict(state)
                self.loaded = True

    assert fitted(batches, epochs=2, callbacks=[Load()]) == epochs(0, 4)


def test_dictionaries_reach_the_model() -> None:
    inputs = {"number": keras.Input((1, 1, 1), name="number")}
    model = keras.Model(inputs, keras.layers.Flatten()(inputs["number"]))
    scores = model.predict(plan_dataset(fields={"number": "image"}), verbose=0)
    assert scores.ravel().tolist() == np.concatenate(epochs(0)).tolist()


def test_keras_settings_do_not_change_batches() -> None:
    plan = BatchPlan(23, 5, True, 3)
    dataset = made_dataset()
    expected = wanted_batches(fmnist_keras.ADAPTER, dataset, plan)
    before = keras.config.floatx(), keras.config.image_data_format()
    try:
        keras.config.set_floatx("float16")
        keras.config.set_image_data_format("channels_first")
        actual = list(fmnist_keras.plan_dataset(dataset, batch_size=5, shuffle=True, seed=3))
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_image_data_format(before[1])
    for got, want in zip(actual, expected, strict=True):
        assert [(a.dtype, a.tobytes()) for a in got] == [(a.dtype, a.tobytes()) for a in want]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_other_backends(backend: str) -> None:
    """Run this file on another backend, which Keras chooses once in a process."""
    if backend == keras.backend.backend() or "FMNIST_KERAS_INNER" in os.environ:
        pytest.skip("it is the one of this process")
    pytest.importorskip(backend)
    environment = {**os.environ, "KERAS_BACKEND": backend, "FMNIST_KERAS_INNER": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-k", "not conformance", __file__],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
