"""TensorFlow Datasets: its tutorial's pipeline over the same images, prepared here.

https://www.tensorflow.org/datasets/keras_example: map, cache, shuffle, batch, prefetch. The cache
is filled beforehand, and holds every image as float32.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from fmnist_core import Dataset
from tests.bench.rows import Batches, Setting


class LocalGarments(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc]
    """Images at hand, as TFDS stores Fashion-MNIST: PNG files in TFRecords."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, train: Dataset, data_dir: str) -> None:
        self.train = train
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "image": tfds.features.Image(shape=(*self.train.image_shape, 1)),
            "label": tfds.features.ClassLabel(names=self.train.classes),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, _: Any) -> dict[str, Iterator[Any]]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[Any]:
        for row, (image, label) in enumerate(self.train):
            yield row, {"image": image[..., None], "label": int(label)}


def cached(train: Dataset, setting: Setting) -> Callable[[], Batches]:
    """Return epochs of the tutorial's pipeline."""
    tfds.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        builder = LocalGarments(train, folder)
        builder.download_and_prepare()
        pipeline = builder.as_dataset(split="train", as_supervised=True, shuffle_files=True)
        if setting.encoded:
            pipeline = pipeline.map(_encoded, num_parallel_calls=tf.data.AUTOTUNE)
        pipeline = pipeline.cache().shuffle(len(train)).batch(setting.batch_size)
        pipeline = pipeline.prefetch(tf.data.AUTOTUNE)
        deque(pipeline, maxlen=0)
    return lambda: pipeline


def _encoded(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.cast(image, tf.float32) / 255, label
