"""What TensorFlow's users expect beyond the conformance checks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fmnist_core import BatchPlan, Dataset, OptionError
from fmnist_core.order import whole_order
from fmnist_core.testing import made_dataset

tf = pytest.importorskip("tensorflow")
fmnist_tensorflow = pytest.importorskip("fmnist_tensorflow")


def numbered(n: int = 20) -> Dataset:
    """Return images of one pixel that say their own number."""
    return Dataset(np.arange(n, dtype=np.uint8).reshape(n, 1, 1), np.zeros(n, np.uint8))


def indices(batches: Any) -> list[list[int]]:
    return [batch[0].numpy().tolist() for batch in batches]


def order_of(epoch: int, n: int = 20, size: int = 6) -> list[list[int]]:
    order = whole_order(n, 0, epoch).tolist()
    return [order[first : first + size] for first in range(0, n, size)]


def test_is_a_dataset_with_known_length_and_shapes() -> None:
    pipeline = fmnist_tensorflow.tf_dataset(made_dataset(20), batch_size=5, shuffle=True)
    assert isinstance(pipeline, tf.data.Dataset)
    assert len(pipeline) == 4
    image, label = pipeline.element_spec
    assert (image.shape, image.dtype) == ((5, 5, 4, 1), tf.float32)
    assert (label.shape, label.dtype) == ((5,), tf.int32)


@pytest.mark.parametrize(
    ("options", "batch"), [({}, None), ({"remainder": "drop"}, 6), ({"start": 2}, None)]
)
def test_batch_size_is_static_where_every_batch_has_it(
    options: dict[str, Any], batch: int | None
) -> None:
    pipeline = fmnist_tensorflow.tf_dataset(made_dataset(20), batch_size=6, **options)
    assert pipeline.element_spec[1].shape.as_list() == [batch]


def test_length_is_unknown_where_the_first_epoch_is_shorter() -> None:
    pipeline = fmnist_tensorflow.tf_dataset(numbered(), batch_size=6, start=12)
    assert pipeline.cardinality() == tf.data.UNKNOWN_CARDINALITY
    assert [len(batch) for batch in indices(pipeline)] == [6, 2]


# Keras says so of any dataset whose length it cannot know, once it has come to its end.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_fit_reads_epochs_in_the_written_order() -> None:
    import keras

    seen: list[int] = []
    options = {"batch_size": 6, "shuffle": True, "dtype": "float32", "scale": "raw"}

    class Recorder(keras.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            seen.extend(data[0].numpy().ravel().astype(int).tolist())
            return {"loss": tf.constant(0.0)}

    def fit(epochs: int, **position: int) -> None:
        pipeline = fmnist_tensorflow.tf_dataset(numbered(), **options, **position)
        model.fit(pipeline, epochs=epochs, shuffle=False, verbose=0)

    model = Recorder()
    model.compile(run_eagerly=True)
    whole = [int(i) for epoch in range(3) for i in whole_order(20, 0, epoch)]
    fit(3)
    assert seen == whole
    # The way to go on that docs/adapters.md shows.
    seen.clear()
    fit(1, epoch=0, start=8)
    fit(2, epoch=1)
    assert seen == whole[8:]


def test_weights_are_keras_sample_weights() -> None:
    """Exact under `weighted_metrics`; test_fmnist_keras.py holds the loss and `keep` to numpy."""
    import keras

    late = numbered().relabel((np.arange(20) >= 8).astype(int), classes=["early", "late"])
    pipeline = fmnist_tensorflow.tf_dataset(
        late, batch_size=6, remainder="pad", fields=("image", "label", "weight")
    )
    model = keras.Sequential(
        [keras.Input((1, 1, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss, weighted_metrics=["accuracy"])
    model.fit(pipeline, epochs=1, shuffle=False, verbose=0)
    # It always says "early", as do the four fillers: they would make 8 of 20 into 12 of 24.
    model.set_weights([np.zeros((1, 2)), np.array([1.0, 0.0])])
    assert model.evaluate(pipeline, verbose=0)[1] == pytest.approx(8 / 20)


@pytest.mark.parametrize("stop", range(13))
def test_a_checkpoint_restores_an_iterator_and_its_epochs(tmp_path: Path, stop: int) -> None:
    """The same program goes on at any batch of three epochs, as TensorFlow's own shuffle does."""

    def program() -> tuple[Any, Any]:
        options: dict[str, Any] = {"shuffle": True, "fields": ("index",), "epoch": 1}
        pipeline = fmnist_tensorflow.tf_dataset(numbered(), batch_size=6, **options)
        iterator = iter(pipeline.repeat(3))
        return iterator, tf.train.Checkpoint(iterator=iterator, epoch=pipeline.epoch)

    before, checkpoint = program()
    for _ in range(stop):
        next(before)
    path = checkpoint.save(str(tmp_path / "checkpoint"))
    after, checkpoint = program()
    checkpoint.restore(path).assert_consumed()
    assert indices(after) == (order_of(1) + order_of(2) + order_of(3))[stop:]


@pytest.mark.parametrize("stop", range(5))
def test_a_checkpoint_between_calls_restores_the_epochs(tmp_path: Path, stop: int) -> None:
    def program() -> tuple[Any, Any, Any]:
        options: dict[str, Any] = {"shuffle": True, "fields": ("index",)}
        pipeline = fmnist_tensorflow.tf_dataset(numbered(), batch_size=6, **options)
        iterator = iter(pipeline)
        return pipeline, iterator, tf.train.Checkpoint(iterator=iterator, epoch=pipeline.epoch)

    _, before, checkpoint = program()
    for _ in range(stop):
        next(before)
    path = checkpoint.save(str(tmp_path / "checkpoint"))
    pipeline, after, checkpoint = program()
    checkpoint.restore(path).assert_consumed()
    assert int(pipeline.epoch) == (1 if stop else 0)
    assert indices(after) == order_of(0)[stop:]
    assert indices(pipeline) == order_of(1)


def test_a_pipeline_made_inside_a_tf_function_is_refused() -> None:
    def first() -> Any:
        return next(iter(fmnist_tensorflow.tf_dataset(numbered(), batch_size=6)))

    with pytest.raises(OptionError, match="Try: make it outside"):
        tf.function(first, autograph=False)()
    with pytest.raises(Exception, match="Try: make it outside"):  # in TensorFlow's own error
        tf.function(first)()


def test_iterates_inside_a_tf_function() -> None:
    pipeline = fmnist_tensorflow.tf_dataset(
        numbered(), batch_size=6, shuffle=True, fields=("index",)
    )

    @tf.function
    def total() -> Any:
        index_sum = tf.constant(0, tf.int64)
        for (index,) in pipeline:
            index_sum += tf.reduce_sum(index)
        return index_sum

    assert total().numpy() == sum(range(20))


def test_the_graph_is_small_and_free_of_python() -> None:
    images = np.zeros((1000, 28, 28), np.uint8)
    pipeline = fmnist_tensorflow.tf_dataset(
        Dataset(images, np.zeros(1000, np.uint8), mean=0.3, std=0.4),
        batch_size=100,
        shuffle=True,
        scale="standard",
    )
    # There is no public way to see a pipeline's graph.
    graph = pipeline._as_serialized_graph(
        external_state_policy=tf.data.experimental.ExternalStatePolicy.IGNORE
    ).numpy()
    assert b"PyFunc" not in graph
    assert b"RandomIndexShuffle" in graph
    assert len(graph) - images.nbytes < 50_000  # the data travel in it once


def test_users_transformations_apply() -> None:
    pipeline = fmnist_tensorflow.tf_dataset(numbered(), batch_size=5, fields=("index",))
    doubled = pipeline.map(lambda index: (2 * index,)).unbatch().take(3)
    assert indices(doubled) == [0, 2, 4]


def test_narrow_types_have_tensorflows_names() -> None:
    for name, dtype in (("float16", tf.float16), ("bfloat16", tf.bfloat16)):
        pipeline = fmnist_tensorflow.tf_dataset(made_dataset(), batch_size=5, dtype=name)
        assert pipeline.element_spec[0].dtype == dtype


def cluster(task: str, index: int) -> str:
    jobs = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": ["d:1"], "evaluator": ["e:1"]}
    return json.dumps({"cluster": jobs, "task": {"type": task, "index": index}})


@pytest.mark.parametrize(
    ("config", "shard"),
    [
        ("", (0, 1)),
        ("{}", (0, 1)),
        (cluster("chief", 0), (0, 3)),
        (cluster("worker", 1), (2, 3)),
        (cluster("ps", 0), (0, 1)),
        (cluster("evaluator", 0), (0, 1)),
    ],
)
def test_auto_follows_tf_config(
    monkeypatch: pytest.MonkeyPatch, config: str, shard: tuple[int, int]
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    assert fmnist_tensorflow.ADAPTER.shard({}) == shard
    context = tf.distribute.InputContext(num_input_pipelines=5, input_pipeline_id=4)
    assert fmnist_tensorflow.ADAPTER.shard({"input_context": context}) == (4, 5)


@pytest.mark.parametrize(
    "config", ["not JSON", '{"cluster": 3}', cluster("worker", 2), cluster("worker", -1)]
)
def test_a_tf_config_without_a_worker_raises(monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(OptionError, match="TF_CONFIG"):
        fmnist_tensorflow.tf_dataset(numbered(), batch_size=2, shard="auto")


def test_an_input_context_sets_the_shard_unless_a_pair_is_given() -> None:
    context = tf.distribute.InputContext(num_input_pipelines=2, input_pipeline_id=1)
    options = {"batch_size": 2, "fields": ("index",), "input_context": context}
    pipeline = fmnist_tensorflow.tf_dataset(numbered(), shard="auto", **options)
    assert indices(pipeline)[0] == [2, 3]
    explicit = fmnist_tensorflow.tf_dataset(numbered(), shard=(0, 2), **options)
    assert indices(explicit)[0] == [0, 1]


def test_tensorflow_shards_what_the_plan_does_not() -> None:
    policies = [
        fmnist_tensorflow.tf_dataset(numbered(), batch_size=2, shard=shard)
        .options()
        .experimental_distribute.auto_shard_policy
        for shard in ((0, 1), (0, 2))
    ]
    assert policies == [
        tf.data.experimental.AutoShardPolicy.DATA,
        tf.data.experimental.AutoShardPolicy.OFF,
    ]


class Stopped(Exception):
    """Raised in the middle of a training."""


# Keras says so of any dataset whose length it cannot know, once it has come to its end.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
# Keras saves weights by an __array__ of TensorFlow's that numpy 2 would have otherwise.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_keras_resumes_from_its_backup(tmp_path: Path, save_freq: Any) -> None:
    """Three epochs of four batches, stopped in the second; docs/resume.md has the lines."""
    import keras

    plan = BatchPlan(20, 6, shuffle=True, seed=4)
    seen: list[list[int]] = []

    class Recorder(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.bias = self.add_weight(shape=())

        def call(self, data: Any) -> Any:
            return data

        def train_step(self, data: Any) -> dict[str, Any]:
            if len(seen) == stop_after:
                raise Stopped
            seen.append(data[2].numpy().tolist())
            return {"loss": tf.constant(0.0)}

    def fit(epoch: int, start: int, until: int) -> None:
        model = Recorder()
        model.compile(optimizer=None, run_eagerly=True)
        model(tf.zeros((1, 1)))
        fields = ("image", "label", "index")
        options = {"batch_size": 6, "shuffle": True, "seed": 4, "fields": fields}
        pipeline = fmnist_tensorflow.tf_dataset(numbered(), epoch=epoch, start=start, **options)
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
        model.fit(pipeline, epochs=until, shuffle=False, verbose=0, callbacks=[backup])

    stop_after = 7  # batches: the second epoch has had three of its four
    with pytest.raises(Stopped):
        fit(0, 0, 3)
    saved = json.loads((tmp_path / "backup" / "training_metadata.json").read_text())
    steps = 0 if save_freq == "epoch" else saved["batch"] + 1
    epoch, start = plan.position(plan.state(saved["epoch"], steps))
    assert (epoch, start) == ((1, 0) if save_freq == "epoch" else (1, 12))

    whole = [rows.tolist() for epoch in range(3) for rows in plan.epoch(epoch)]
    assert seen == whole[:7]
    done = epoch * len(plan) + start // 6
    stop_after = -1
    del seen[done:]  # what came after the backup is done again
    fit(epoch, start, epoch + 1 if start else 3)
    assert seen == (whole[: 2 * len(plan)] if start else whole)
