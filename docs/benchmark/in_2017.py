"""The table's classifiers with the scikit-learn of 2017, on today's files.

    python3.6 -m venv old
    old/bin/pip install scikit-learn==0.19.0 numpy==1.13.1 scipy==0.19.1
    old/bin/python docs/benchmark/in_2017.py FOLDER [NAME ...]

Like the paper's own script, it scales all pixels, shuffles the training examples before each run,
and uses 0.19.0's defaults for options that the table does not name.
"""

import gzip
import sys
import time
import warnings

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import PassiveAggressiveClassifier, Perceptron, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils import shuffle

RUNS = {
    "gaussian-nb": (5, GaussianNB, {"priors": [0.1] * 10}),
    "extra-tree": (
        5,
        ExtraTreeClassifier,
        {"criterion": "gini", "max_depth": 10, "splitter": "best"},
    ),
    "sgd": (5, SGDClassifier, {"loss": "hinge", "penalty": "l2"}),
    "passive-aggressive": (5, PassiveAggressiveClassifier, {"C": 1.0}),
    "perceptron": (5, Perceptron, {"penalty": "l1"}),
    "decision-tree": (5, DecisionTreeClassifier, {"criterion": "entropy", "max_depth": 10}),
    "random-forest": (
        1,
        RandomForestClassifier,
        {"n_estimators": 100, "criterion": "entropy", "max_depth": 100},
    ),
}
# Trees, to be compared run by run. The others have what the paper's script gave them: no seed.
SEEDED = ("extra-tree", "decision-tree", "random-forest")


def read(path, header):
    """Return the bytes after an IDX file's header."""
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8)[header:]


def main(folder, names):
    """Print each classifier's test accuracy, run by run."""
    splits = []
    for split in ("train", "t10k"):
        labels = read(folder + "/" + split + "-labels-idx1-ubyte.gz", 8)
        images = read(folder + "/" + split + "-images-idx3-ubyte.gz", 16)
        splits.append((images.reshape(len(labels), -1), labels))
    (train, labels), (test, test_labels) = splits
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    for name in names or RUNS:
        repeats, make, options = RUNS[name]
        start = time.time()
        scores = []
        for seed in range(repeats):
            np.random.seed(seed)
            model = make(**options)
            if name in SEEDED:
                model.set_params(random_state=seed)
            model.fit(*shuffle(train, labels))
            scores.append(model.score(test, test_labels))
        runs = " ".join(f"{score:.4f}" for score in scores)
        seconds = (time.time() - start) / repeats
        print(f"{name:<20} mean {np.mean(scores):.4f}  {runs}  ({seconds:.0f} s each)", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1], sys.argv[2:])
