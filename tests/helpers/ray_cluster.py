"""A Ray cluster of two CPUs on this machine, which runs until its standard input is closed.

Ray forks when it starts, and a process that has used JAX must not fork: tests connect to this one.
"""

import logging
import sys

import ray

context = ray.init(
    _node_ip_address="127.0.0.1",
    num_cpus=2,
    include_dashboard=False,
    log_to_driver=False,
    logging_level=logging.ERROR,
    object_store_memory=400 * 2**20,
)
print("address:", context.address_info["address"], flush=True)
sys.stdin.read()
ray.shutdown()
