"""The reference adapter, against plain numpy indexing."""

import numpy as np

import fmnist_numpy
from fmnist_core.order import whole_order
from fmnist_core.testing import made_dataset


def test_batches_are_plain_indexing() -> None:
    dataset = made_dataset()
    loader = fmnist_numpy.batches(
        dataset, batch_size=5, shuffle=True, seed=9, fields=("image", "label", "index")
    )
    for epoch in range(2):
        order = whole_order(23, 9, epoch)
        for first, (image, label, index) in zip(range(0, 23, 5), loader, strict=True):
            rows = order[first : first + 5]
            assert np.array_equal(image, dataset.images[rows] / np.float32(255))
            assert np.array_equal(label, dataset.labels[rows])
            assert np.array_equal(index, dataset.indices[rows])


def test_repr_says_where_it_is() -> None:
    loader = fmnist_numpy.batches(made_dataset(), batch_size=5, epoch=3)
    next(iter(loader))
    assert repr(loader).startswith("<Batches of <Dataset: 23 of 49 examples,")
    assert repr(loader).endswith("5 batches of 5 in epoch 4>")
