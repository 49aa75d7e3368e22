"""The classifiers of `fmnist benchmark`: the published table's, and a user's own.

The table is the third of arXiv:1708.07747. It has many settings of each classifier; these are the
best of each. Its figures were made with scikit-learn 0.19: where a default has changed since, the
old one is set.
"""

import operator
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fmnist_core.errors import FmnistError, OptionError


@dataclass(frozen=True)
class Entry:
    """A classifier to measure.

    Attributes
    ----------
    name : str
    published : float, optional
        Its test accuracy in the published table.
    make : callable
        Called without arguments; returns an object with ``fit``, and ``predict`` or ``score``.
    settings : str
        A description of its arguments.
    """

    name: str
    published: float | None
    make: Callable[[], Any]
    settings: str = ""


def _entry(name: str, published: float, path: str, **settings: Any) -> Entry:
    """Return an entry whose class is imported from scikit-learn only when it is made."""
    module, class_name = path.split(".")

    def make() -> Any:
        return getattr(import_module(f"sklearn.{module}"), class_name)(**settings)

    words = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return Entry(name, published, make, f"{class_name}({words})")


FIVE_EPOCHS = {"max_iter": 5, "tol": None, "random_state": 0}
"""scikit-learn 0.19's default length of training by stochastic gradient descent."""

ENTRIES = (
    _entry("gaussian-nb", 0.511, "naive_bayes.GaussianNB"),
    _entry(
        "extra-tree",
        0.775,
        "tree.ExtraTreeClassifier",
        criterion="gini",
        splitter="best",
        max_depth=10,
        random_state=0,
    ),
    _entry("sgd", 0.819, "linear_model.SGDClassifier", loss="hinge", penalty="l2", **FIVE_EPOCHS),
    _entry(
        "passive-aggressive",
        0.776,
        "linear_model.SGDClassifier",
        learning_rate="pa1",
        eta0=1.0,
        penalty=None,
        **FIVE_EPOCHS,
    ),
    _entry("perceptron", 0.782, "linear_model.Perceptron", penalty="l1", **FIVE_EPOCHS),
    _entry(
        "decision-tree",
        0.798,
        "tree.DecisionTreeClassifier",
        criterion="entropy",
        splitter="best",
        max_depth=10,
        random_state=0,
    ),
    _entry("logistic-regression", 0.842, "linear_model.LogisticRegression", C=1.0, random_state=0),
    _entry(
        "random-forest",
        0.873,
        "ensemble.RandomForestClassifier",
        criterion="entropy",
        n_estimators=100,
        max_depth=100,
        random_state=0,
    ),
    _entry(
        "mlp",
        0.871,
        "neural_network.MLPClassifier",
        activation="relu",
        hidden_layer_sizes=(100,),
        random_state=0,
    ),
    _entry(
        "k-nn",
        0.854,
        "neighbors.KNeighborsClassifier",
        n_neighbors=5,
        weights="distance",
        p=1,
    ),
    _entry("svc", 0.897, "svm.SVC", C=10.0, kernel="rbf", gamma="auto", random_state=0),
    _entry("linear-svc", 0.836, "svm.LinearSVC", loss="hinge", C=1.0, random_state=0),
)
"""The published classifiers, cheapest first."""


def chosen(names: Iterable[str]) -> list[Entry]:
    """Return the published entries of these names, or all where none is named, cheapest first.

    Raises
    ------
    OptionError
        If there is no such entry.
    """
    all_names = [entry.name for entry in ENTRIES]
    chosen_names = set(names)
    if unknown := sorted(chosen_names.difference(all_names)):
        raise OptionError(
            f"expected a classifier of {', '.join(all_names)}; found {', '.join(unknown)}. "
            "For a model of yours, try: --model PACKAGE.MODULE:CALLABLE"
        )
    return [entry for entry in ENTRIES if entry.name in (chosen_names or all_names)]


def own(spec: str) -> Entry:
    """Return an entry for a user's model, imported from Python's path or the working folder.

    Parameters
    ----------
    spec : str
        PACKAGE.MODULE:CALLABLE

    Raises
    ------
    OptionError
        If that is not an import path, or does not lead to a callable.
    FmnistError
        If the module is broken.
    """
    module, _, attribute = spec.partition(":")
    if not module or not attribute:
        raise OptionError(f"expected a model as PACKAGE.MODULE:CALLABLE, found {spec!r}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        make = operator.attrgetter(attribute)(import_module(module))
    except ModuleNotFoundError as error:
        raise OptionError(
            f"model {spec}: no module named {error.name!r}, on Python's path or in this folder"
        ) from error
    except AttributeError as error:
        raise OptionError(f"model {spec}: {error}") from error
    except Exception as error:
        raise FmnistError(f"model {spec}: {type(error).__name__}: {error}") from error
    if not callable(make):
        raise OptionError(f"model {spec}: expected something to call, found {make!r}")
    return Entry(spec, None, make, spec)
