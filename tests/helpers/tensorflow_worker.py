"""One worker of MultiWorkerMirroredStrategy: which batches it gets, and an exact evaluation."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

import fmnist_tensorflow
from fmnist_core import Dataset
from tests.helpers import jobs

strategy = tf.distribute.MultiWorkerMirroredStrategy()


def from_function(dataset: Dataset, remainder: str) -> tf.distribute.DistributedDataset:
    def own_part(context: tf.distribute.InputContext) -> tf.data.Dataset:
        return fmnist_tensorflow.tf_dataset(
            dataset,
            batch_size=context.get_per_replica_batch_size(jobs.GLOBAL_BATCH),
            shard="auto",
            input_context=context,
            shuffle=True,
            seed=jobs.SEED,
            remainder=remainder,
            **jobs.WHOLE_NUMBERS,
        )

    return strategy.distribute_datasets_from_function(own_part)


def whole(dataset: Dataset, remainder: str) -> tf.distribute.DistributedDataset:
    return strategy.experimental_distribute_dataset(
        fmnist_tensorflow.tf_dataset(
            dataset,
            batch_size=jobs.GLOBAL_BATCH,
            shuffle=True,
            seed=jobs.SEED,
            remainder=remainder,
            **jobs.WHOLE_NUMBERS,
        )
    )


def indices(batches: tf.distribute.DistributedDataset) -> list[list[int]]:
    """Return the indices that this worker gets in each step, without those of weight 0."""
    steps = []
    for _, _, weight, index in batches:
        (weight,), (index,) = map(strategy.experimental_local_results, (weight, index))
        steps.append(index[weight == 1].numpy().tolist())
    return steps


@tf.function
def count_right(image: tf.Tensor, label: tf.Tensor, weight: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    right = tf.argmax(image @ jobs.classifier(), axis=1, output_type=tf.int32) == label
    both = tf.stack([tf.cast(right, tf.float32) * weight, weight])
    return tf.cast(tf.reduce_sum(both, axis=1), tf.int64)


def evaluate(batches: tf.distribute.DistributedDataset) -> list[int]:
    """Return how many images of all workers are classified correctly, and how many there are."""
    sums = tf.zeros(2, tf.int64)
    for batch in batches:
        sums += strategy.reduce("SUM", strategy.run(count_right, args=batch), axis=None)
    return sums.numpy().tolist()


findings = {}
for name, distribute in (("function", from_function), ("whole", whole)):
    for remainder in ("keep", "drop", "pad"):
        batches = distribute(jobs.train(), remainder)
        findings[f"{name} {remainder}"] = [indices(batches) for _ in range(2)]
    findings[f"{name} evaluated"] = evaluate(distribute(jobs.test(), "pad"))
findings["auto"] = fmnist_tensorflow.ADAPTER.shard({})
jobs.report(findings)
