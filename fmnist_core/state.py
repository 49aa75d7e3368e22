"""A position in an epoch as a small dictionary: two integers, and the data and order they count.

It does not depend on batch sizes, workers, shards or frameworks, so any of them may change before
training resumes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, get_origin

import numpy as np

from fmnist_core.catalog import CATALOG
from fmnist_core.errors import (
    DataMismatchError,
    OptionError,
    brief,
    check_epoch,
    check_range,
    check_seed,
)
from fmnist_core.order import MAX_EXAMPLES, ORDER_VERSION
from fmnist_core.selection import selection_digest


class State(TypedDict):
    """The position of a loader; JSON can hold it.

    Attributes
    ----------
    order : int
        Version of the written order (docs/order.md).
    digest : str
        `Dataset.digest`: which examples are counted. "" if unknown.
    shuffle : bool
    seed : int
        Both determine the order of an epoch, and the seed what transforms draw.
    epoch, examples : int
        The position: the epoch, and how many of its examples all shards have consumed.
    transform : list of dict
        `Chain.record` of the transforms; empty without transforms.
    """

    order: int
    digest: str
    shuffle: bool
    seed: int
    epoch: int
    examples: int
    transform: list[dict[str, Any]]


def checked_state(state: object) -> State:
    """Return a state that this version understands.

    Raises
    ------
    OptionError
        If it is not a state, or has another version of the order.
    """
    kinds = State.__annotations__
    if not isinstance(state, Mapping) or not kinds.keys() <= state.keys():
        keys = list(state) if isinstance(state, Mapping) else state
        raise OptionError(
            f"expected what state_dict() returned, a dictionary with {', '.join(kinds)}; "
            f"found {brief(keys)}"
        )
    for name, kind in kinds.items():
        # A bool is an int too, but not a count.
        expected: Any = get_origin(kind) or kind
        if type(state[name]) is not expected:
            raise OptionError(
                f"expected {name} of a state to be {expected.__name__}, found {brief(state[name])}"
            )
    if not all(isinstance(step, Mapping) for step in state["transform"]):
        raise OptionError(
            "expected transform of a state to be a list of dictionaries, found "
            f"{brief(state['transform'])}"
        )
    if state["order"] != ORDER_VERSION:
        raise OptionError(
            f"the state belongs to version {brief(state['order'])} of the order, this is version "
            f"{ORDER_VERSION}. Try: the release of fmnist that wrote it"
        )
    check_epoch(state["epoch"])
    check_seed(state["seed"])
    check_range("examples", state["examples"], 0, MAX_EXAMPLES)
    checked: State = {name: state[name] for name in kinds}  # type: ignore[assignment]
    return checked


def check_same_data(state: State, digest: str, title: str) -> None:
    """Raise DataMismatchError if a state belongs to data with another digest."""
    if state["digest"] and digest and state["digest"] != digest:
        raise DataMismatchError(
            f"the state is of {describe_digest(state['digest'])}; expected one of {title} "
            f"(digest {digest[:16]}). Try: the data and the selection that it was saved with"
        )


def check_same_order(state: State, shuffle: bool, seed: int) -> None:
    """Raise OptionError if a state belongs to another order, or its transforms to another seed."""
    draws = bool(state["transform"])
    theirs = _order_in_words(state["shuffle"], state["seed"], draws)
    if theirs != (ours := _order_in_words(shuffle, seed, draws)):
        raise OptionError(
            f"the state is of a run {theirs}; expected one {ours}. "
            f"Try: shuffle={state['shuffle']}, seed={state['seed']}"
        )


def check_same_transforms(state: State, transform: Sequence[Mapping[str, Any]]) -> None:
    """Raise OptionError if a state belongs to other transforms."""
    theirs, ours = state["transform"], [dict(step) for step in transform]
    if theirs != ours:
        raise OptionError(
            f"the state is of a run with {_chain_in_words(theirs)}; expected one with "
            f"{_chain_in_words(ours)}. Try: the transforms that it was saved with"
        )


def _chain_in_words(transform: list[dict[str, Any]]) -> str:
    steps = []
    for step in transform:
        options = [f"{key}={brief(value)}" for key, value in step.items() if key != "name"]
        steps.append(f"{step.get('name')}({', '.join(options[:8])})")
    return "transform " + ", ".join(steps[:8]) if steps else "no transforms"


def _order_in_words(shuffle: bool, seed: int, draws: bool) -> str:
    if shuffle:
        return f"shuffled with seed {seed}"
    return f"in file order, with transforms of seed {seed}" if draws else "in file order"


def describe_digest(digest: str) -> str:
    """Describe a `Dataset.digest`: a split of the catalog, or only its digits."""
    for info in CATALOG.values():
        for revision in (info.released, *(old.released for old in info.old_revisions)):
            for name, split in info.splits.items():
                rows = np.arange(split.num_examples)
                if selection_digest(info.name, revision, name, rows) == digest:
                    which = "" if revision == info.released else f" of {revision}"
                    return f"{info.name}/{name}{which}"
    return f"data with another digest ({digest[:16]})"
