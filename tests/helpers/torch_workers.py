"""Run by test_fmnist_torch.py in a separate process: two epochs through worker processes.

Prints the digest of the batches. A fork of the test process, which holds TensorFlow's and JAX's
threads, would prove nothing.
"""

import hashlib
import sys
import warnings

import fmnist_core as fm
import fmnist_torch


def main(images: str, labels: str, method: str, workers: int, persistent: bool) -> None:
    warnings.simplefilter("error")
    train, _ = fm.open_idx(images, labels).split(0.9, seed=1)
    loader = fmnist_torch.data_loader(
        train,
        batch_size=16,
        shuffle=True,
        seed=3,
        remainder="pad",
        fields=("image", "label", "weight", "index"),
        num_workers=workers,
        persistent_workers=persistent,
        multiprocessing_context=method if workers else None,
    )
    digest = hashlib.sha256()
    for _ in range(2):
        for batch in loader:
            for array in fmnist_torch.ADAPTER.to_numpy(batch):
                digest.update(array.tobytes())
    print(digest.hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]), sys.argv[5] == "persistent")
