"""Two workers of Ray Train: what `prepare_data_loader` does to the torch loader."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import ray
from ray.train.torch import TorchTrainer, prepare_data_loader

from fmnist_core.testing import made_dataset


def work(config: dict[str, Any]) -> None:
    """Read two epochs of loaders that the plan shards, and one that Ray shards."""
    dataset = made_dataset()
    options: dict[str, Any] = {"batch_size": 4, "fields": ("label", "index"), "seed": 3}
    report: dict[str, Any] = {}
    shared = prepare_data_loader(dataset.to("torch", shuffle=True, shard="auto", **options))
    report["plan"] = [[index.tolist() for _, index in shared] for _ in range(2)]
    for name, shuffle in (("in order", False), ("shuffled", True)):
        by_ray = prepare_data_loader(dataset.to("torch", shuffle=shuffle, **options))
        report[name] = [[part.tolist() for part in batch] for batch in by_ray]
    rank = ray.train.get_context().get_world_rank()
    Path(config["folder"], f"{rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    folder = sys.argv[1]
    ray.init(
        _node_ip_address="127.0.0.1",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=200 * 2**20,
    )
    TorchTrainer(
        work,
        train_loop_config={"folder": folder},
        scaling_config=ray.train.ScalingConfig(num_workers=2),
        run_config=ray.train.RunConfig(storage_path=str(Path(folder, "runs"))),
    ).fit()
    ray.shutdown()
