"""The TensorFlow adapter: a tf.data pipeline of graph operations only."""

from fmnist_core import llvm

llvm.keep_private()  # before TensorFlow is imported

from fmnist_tensorflow.adapter import ADAPTER, TensorFlowAdapter, fmnist_adapter, tf_dataset  # noqa: E402

__all__ = ["ADAPTER", "TensorFlowAdapter", "fmnist_adapter", "tf_dataset"]
