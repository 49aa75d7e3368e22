"""The fields of some examples as graph operations: gather, transforms and encoding."""

import numpy as np
import tensorflow as tf

from fmnist_core.batch import VIEWS, transformed_fields
from fmnist_core.dataset import Dataset
from fmnist_core.encoding import Encoding
from fmnist_core.plan import BatchPlan, Field
from fmnist_tensorflow.images import image_gather, original_rows
from fmnist_tensorflow.ops import TENSORFLOW
from fmnist_tensorflow.order import keys, shuffled


class Fields:
    """Makes the fields of examples, as `Assembler` does.

    The arrays are tensors made here, so a map function captures them as inputs: nothing is copied
    into the graph, and no optimiser sees constants in it that it could rewrite arithmetic with.
    A mapped file of images stays where it is.

    Parameters
    ----------
    dataset : Dataset
    plan : BatchPlan
    encoding : Encoding
        With nothing left open.
    """

    def __init__(self, dataset: Dataset, plan: BatchPlan, encoding: Encoding) -> None:
        self.plan = plan
        self.encoding = encoding
        self.shapes = _shapes(dataset, encoding)
        self.num_classes = len(dataset.classes)
        with tf.device("CPU"):
            self.num_examples = tf.constant(np.int64(plan.num_examples))
            if encoding.transform or {*VIEWS} & {*plan.fields}:
                self.images = image_gather(dataset)
            self.places = original_rows(dataset)
            # As narrow as they can be: of larger data they are most of what is held in memory.
            kind = np.min_scalar_type(max(self.num_classes - 1, 0))
            self.labels = tf.constant(np.asarray(dataset.labels, kind))
            if "extended" in plan.fields:
                self.extended = tf.constant(np.asarray(dataset.extended, np.int32))
            self.scale = [tf.constant(x, tf.float32) for x in (255, *encoding.constants)]

    def __call__(self, epoch: tf.Tensor, positions: tf.Tensor) -> dict[Field, tf.Tensor]:
        """Return each field of the examples at some positions of an epoch, in the plan's order.

        Parameters
        ----------
        epoch : int64 tensor ()
        positions : int64 tensor (batch,)
            Those from `num_examples` on are fillers.
        """
        places = positions % self.num_examples if self.plan.remainder == "pad" else positions
        rows = self._rows(places, epoch)
        made = self._transformed(epoch, places, rows) if self.encoding.transform else {}
        return {
            field: made[field] if field in made else self._field(field, positions, rows)
            for field in self.plan.fields
        }

    def _rows(self, positions: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        if not self.plan.shuffle:
            return positions
        return shuffled(positions, self.plan.num_examples, keys(self.plan.seed, epoch))

    def _transformed(
        self, epoch: tf.Tensor, positions: tf.Tensor, rows: tf.Tensor
    ) -> dict[Field, tf.Tensor]:
        chain = self.encoding.transform

        def gather(wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
            originals = rows if wanted is positions else self._rows(wanted, epoch)
            return self.images(originals), self._encoded_labels(originals) if chain.mix else None

        return transformed_fields(
            chain, TENSORFLOW, gather, positions, self.plan, epoch, self._encoded_images
        )

    def _field(self, field: Field, positions: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        if field in VIEWS:
            return self._encoded_images(self.images(rows))
        if field == "label":
            return self._encoded_labels(rows)
        if field == "index":
            return self.places(rows)
        if field == "extended":
            return tf.gather(self.extended, rows)
        return tf.cast(positions < self.num_examples, tf.float32)

    def _encoded_labels(self, rows: tf.Tensor) -> tf.Tensor:
        labels = tf.cast(tf.gather(self.labels, rows), self.encoding.label_dtype)
        one_hot = self.encoding.labels == "one_hot"
        return tf.one_hot(labels, self.num_classes) if one_hot else labels

    def _encoded_images(self, images: tf.Tensor) -> tf.Tensor:
        """Return images encoded and, where they have several channels, arranged."""
        values = self._encoded(self._with_channels(images))
        if self.encoding.layout == "NCHW" and values.shape.rank == 4:
            return tf.transpose(values, (0, 3, 1, 2))
        return values

    def _with_channels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return pixels as `Encoding.with_channels` does."""
        if self.encoding.channels != 3 or pixels.shape[3:] == (3,):
            return pixels
        grey = pixels[..., tf.newaxis] if pixels.shape.rank == 3 else pixels
        return tf.repeat(grey, 3, axis=-1)

    def _encoded(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return the values of `Encoding.table`: the same float32 steps, in the same order."""
        dtype = tf.as_dtype(self.encoding.numpy_dtype)
        if self.encoding.scale == "raw":
            return tf.cast(pixels, dtype)
        values = tf.cast(pixels, tf.float32) / self.scale[0]
        if self.encoding.scale == "standard":
            values = (values - self.scale[1]) / self.scale[2]
        return tf.cast(values, dtype)


def _shapes(dataset: Dataset, encoding: Encoding) -> dict[Field, tuple[int, ...]]:
    """Return the shape of each field of one example; one channel has the same bytes anywhere."""
    image = encoding.encoded_shape(dataset.image_shape)
    label = (len(dataset.classes),) if encoding.labels == "one_hot" else ()
    extended = () if dataset.extended is None else dataset.extended.shape[1:]
    return {
        "image": image,
        "view": image,
        "label": label,
        "extended": extended,
        "weight": (),
        "index": (),
    }
