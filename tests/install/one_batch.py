"""The first batch of one adapter, out of the installed packages, beside that of numpy.

Run as ``python one_batch.py NAME FOLDER``, the folder being where fmnist must be installed.
"""

import sys
from pathlib import Path

import numpy as np

import fmnist_core as fm


def first_batch(name: str, dataset: fm.Dataset) -> tuple[np.ndarray, ...]:
    adapter = fm.get_adapter(name)
    loader = dataset.to(name, batch_size=4, shuffle=True, seed=1)
    batches = loader.iter_batches(batch_size=4) if name == "ray" else loader
    return adapter.to_numpy(next(iter(batches)))


def start_ray() -> None:
    import ray

    ray.init(_node_ip_address="127.0.0.1", num_cpus=2, include_dashboard=False)


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    assert Path(fm.__file__).is_relative_to(folder), fm.__file__
    images = np.arange(20 * 5 * 4, dtype=np.uint8).reshape(20, 5, 4)
    fm.write_idx("images", images)
    fm.write_idx("labels", np.arange(20, dtype=np.uint8) % 4)
    dataset = fm.open_idx("images", "labels")
    if name == "ray":
        start_ray()
    expected = first_batch("numpy", dataset)
    for array, reference in zip(first_batch(name, dataset), expected, strict=True):
        np.testing.assert_array_equal(array.ravel(), reference.ravel())
    print(name, [array.shape for array in expected])
