"""The images of a dataset as a tensor: of a file that is mapped already, without a copy."""

import math
import mmap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fmnist_core.dataset import Dataset
from fmnist_core.encoding import CACHE_LINE

Gather = Callable[[tf.Tensor], tf.Tensor]

SHORTEST_LINE = 16
"""Bytes of the shortest lines that images are gathered in; with shorter ones it takes too long."""


COPIED_BYTES = 2**26
"""Most bytes of images that are copied if they are less than half of a mapped file: a pipeline that
is sent to another process carries all of the tensor that it gathers from."""


def original_rows(dataset: Dataset) -> Gather:
    """Return what gives the places in the original file of row numbers of a dataset."""
    rows = dataset.rows
    if isinstance(rows, range):
        first = tf.constant(np.int64(rows.start))
        return (lambda numbers: numbers + first) if rows.start else tf.identity
    places = tf.constant(rows)
    return lambda numbers: tf.gather(places, numbers)


def image_gather(dataset: Dataset) -> Gather:
    """Return what gathers the images of a dataset by their row numbers, int64 (batch,)."""
    are_few = 2 * len(dataset) < len(dataset.source.labels)
    nbytes = len(dataset) * math.prod(dataset.image_shape) * dataset.image_dtype.itemsize
    copied = are_few and nbytes <= COPIED_BYTES
    mapped = None if copied else mapped_lines(dataset.source.images)
    if mapped is None:
        images = tf.constant(np.asarray(dataset.images, dataset.image_dtype))
        return lambda numbers: tf.gather(images, numbers)
    lines, head = _held(mapped.lines), tf.constant(mapped.head)
    places, shape = original_rows(dataset), (-1, *dataset.image_shape)
    each, skipped, zero = map(tf.constant, np.array([mapped.each, mapped.skipped, 0], np.int64))
    within = tf.range(each)

    def gather(numbers: tf.Tensor) -> tf.Tensor:
        rows = places(numbers)
        firsts = rows * each - skipped
        of_each = tf.reshape(tf.maximum(firsts, zero), [-1, 1]) + within
        images = tf.reshape(tf.gather(lines(), of_each), shape)
        if not len(mapped.head):
            return images
        early = tf.where(firsts < zero)
        return tf.tensor_scatter_nd_update(
            images, early, tf.gather(head, tf.gather_nd(rows, early))
        )

    return gather


def _held(array: NDArray[Any]) -> Callable[[], tf.Tensor]:
    """Return what gives an aligned array as a tensor in the same memory.

    It is in a list, as TensorFlow makes a tensor of zeros as large as each input whenever an epoch
    begins.
    """
    shape, place = tf.constant(array.shape, tf.int32), tf.constant(0)
    kind = {"element_shape": shape, "element_dtype": tf.as_dtype(array.dtype)}
    tensor = tf.raw_ops.Identity(input=array)  # tf.constant would copy it
    empty = tf.raw_ops.EmptyTensorList(max_num_elements=tf.constant(1), **kind)
    held = tf.raw_ops.TensorListPushBack(input_handle=empty, tensor=tensor)
    return lambda: tf.raw_ops.TensorListGetItem(input_handle=held, index=place, **kind)


class Mapped(NamedTuple):
    """Images in a mapped file, as lines of bytes in memory that TensorFlow takes as it is.

    Attributes
    ----------
    lines : uint8 array (lines, bytes)
        From the first line that is aligned as tensors are.
    each : int
        Lines of an image: one, unless the whole images can never be aligned.
    skipped : int
        Lines of images before the first of `lines`.
    head : uint8 array (images, ...)
        A copy of the images that begin in those.
    """

    lines: NDArray[np.uint8]
    each: int
    skipped: int
    head: NDArray[np.uint8]


def mapped_lines(images: Any) -> Mapped | None:
    """Return images (n, ...) as lines of the mapped file that they are in.

    None if they are in memory, are not uint8 in C order, or if the lines would be too short or few.
    """
    base = images
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap) or images.dtype != np.uint8 or not images.flags.c_contiguous:
        return None
    nbytes, address = math.prod(images.shape[1:]), images.ctypes.data
    for each in range(1, nbytes // SHORTEST_LINE + 1):
        length = nbytes // each
        if nbytes % each == 0 and address % math.gcd(length, CACHE_LINE) == 0:
            break
    else:
        return None
    skipped = next(k for k in range(CACHE_LINE) if (address + k * length) % CACHE_LINE == 0)
    lines = images.reshape(-1, length)[skipped:]
    if len(lines) < each:  # the first images are gathered from lines too, and then overwritten
        return None
    return Mapped(lines, each, skipped, images[: -(-skipped // each)].copy())
