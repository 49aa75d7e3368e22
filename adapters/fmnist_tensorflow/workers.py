"""Which of the workers that train together this process is."""

import os

import tensorflow as tf

from fmnist_core.agreement import check_shard
from fmnist_core.errors import OptionError, brief


def own_worker() -> tuple[int, int]:
    """Return index and count of this worker from TF_CONFIG, or (0, 1) if it reads no data.

    Raises
    ------
    OptionError
        If TF_CONFIG does not name a task of its cluster.
    """
    config = os.environ.get("TF_CONFIG")
    if not config:
        return 0, 1
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        jobs = resolver.cluster_spec().as_dict()
        job, number = resolver.task_type, resolver.task_id
    except (AttributeError, TypeError, ValueError) as error:
        raise OptionError(
            f"expected TF_CONFIG to be JSON with a cluster and a task, found {brief(config)}: "
            f"{error}"
        ) from error
    if job not in ("chief", "worker"):  # others read no data
        return 0, 1
    where = "the task in the cluster of TF_CONFIG"
    index, _ = check_shard(str(number), str(len(jobs.get(job, ()))), where)
    chiefs, workers = (len(jobs.get(name, ())) for name in ("chief", "worker"))
    return index + chiefs * (job == "worker"), chiefs + workers  # as TensorFlow counts them
