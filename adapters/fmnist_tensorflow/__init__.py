"""The TensorFlow adapter: a tf.data pipeline of graph operations only."""

from fmnist_tensorflow.adapter import ADAPTER, TensorFlowAdapter, fmnist_adapter, tf_dataset

__all__ = ["ADAPTER", "TensorFlowAdapter", "fmnist_adapter", "tf_dataset"]
