"""Why a figure differs from the published one: the runs that docs/benchmark.md reports.

python docs/benchmark/checks.py FOLDER [CHECK ...], with Fashion-MNIST's four files in FOLDER; all
checks take about ten minutes on one core.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from fmnist_core import Dataset
from fmnist_core.tools.benchmark import Data, Examples, run, scaled
from fmnist_core.tools.benchmark_entries import Entry, chosen

Splits = tuple[Dataset, Dataset]
SEEDS = range(5)
SEEDED = ("extra-tree", "sgd", "passive-aggressive", "perceptron", "decision-tree")


def accuracy(model: object, train: Examples, test: Examples) -> float:
    """Return the accuracy of a model."""
    return run(Entry(str(model), None, lambda: model), train, test).accuracy


def raw(splits: Splits) -> tuple[Any, Any]:
    """Return both splits with unscaled pixels."""
    train, test = ((split.images.reshape(len(split), -1), split.labels) for split in splits)
    return train, test


def classifier(name: str, seed: int) -> Any:
    """Return the classifier of that name, with another random state."""
    (entry,) = chosen([name])
    return entry.make().set_params(random_state=seed)


def tell(name: str, *accuracies: float) -> None:
    """Print figures, and their mean if there are several."""
    mean = f"  mean {np.mean(accuracies):.4f}" if len(accuracies) > 1 else ""
    print(f"{name:<40}", *(f"{each:.4f}" for each in accuracies), mean, flush=True)


def seeds(splits: Splits) -> None:
    """Other random states."""
    data = scaled(*splits)
    for name in SEEDED:
        tell(f"{name}, seeds 0 to 4", *(accuracy(classifier(name, seed), *data) for seed in SEEDS))


def one_order(splits: Splits) -> None:
    """All ten classes see the examples in the same order, as before scikit-learn 0.21."""
    data = scaled(*splits)
    for name in ("passive-aggressive", "perceptron"):
        models = (OneVsRestClassifier(classifier(name, seed)) for seed in SEEDS)
        tell(f"{name}, one order", *(accuracy(model, *data) for model in models))


def trees(splits: Splits) -> None:
    """Unscaled pixels, and another row of the published table."""
    tell("decision-tree, pixels not scaled", accuracy(classifier("decision-tree", 0), *raw(splits)))
    tree = DecisionTreeClassifier(criterion="gini", max_depth=10, random_state=0)
    tell("decision-tree, gini (published 0.788)", accuracy(tree, *scaled(*splits)))


def naive_bayes(splits: Splits) -> None:
    """Unscaled pixels, pixels that never vary, and other smoothing of the variances."""
    tell("gaussian-nb, pixels not scaled", accuracy(GaussianNB(), *raw(splits)))
    train = splits[0]
    still = sum((np.ptp(train.images[train.labels == label], 0) == 0).sum() for label in range(10))
    print(f"of 10 x 784 pixels of a class, {still} never vary")
    for smoothing in (0, 1e-12, 1e-6, 1e-3):
        model = GaussianNB(var_smoothing=smoothing)
        tell(f"gaussian-nb, var_smoothing={smoothing}", accuracy(model, *scaled(*splits)))


def other_splits(splits: Splits) -> None:
    """Random splits of the 70,000 examples, with the same sizes."""
    images = np.concatenate([split.images for split in splits])
    labels = np.concatenate([split.labels for split in splits])
    accuracies: dict[str, list[float]] = {"gaussian-nb": [], "decision-tree": []}
    without_floor = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(labels))
        parts = np.split(order, [len(splits[0])])
        train, test = scaled(*(Dataset(images[part], labels[part]) for part in parts))
        for entry in chosen(accuracies):
            accuracies[entry.name].append(run(entry, train, test).accuracy)
        without_floor.append(accuracy(GaussianNB(var_smoothing=0), train, test))
    tell("gaussian-nb, var_smoothing=0, other splits", *without_floor)
    for name, each in accuracies.items():
        tell(f"{name}, other splits", *each)


CHECKS = {check.__name__: check for check in (seeds, one_order, trees, naive_bayes, other_splits)}


if __name__ == "__main__":
    both = Data(root=Path(sys.argv[1])).splits()
    for name in sys.argv[2:] or CHECKS:
        CHECKS[name](both)
