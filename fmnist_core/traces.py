"""Trace: what a training run computes, step by step, for comparison with another run.

An array is recorded as its Euclidean norm, which does not depend on the layout: the same kernel has
the same norm as (height, width, in, out) in Keras and as (out, in, height, width) in torch.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from fmnist_core.errors import DataMismatchError, OptionError, brief
from fmnist_core.files import as_path, expanded, read_json, write_output
from fmnist_core.fingerprints import Fingerprint

TRACE_VERSION = 1
"""Version of the file."""

MAX_BYTES = 1 << 26
"""Largest size of a trace's file, in bytes."""

MAX_ITEMS = MAX_BYTES >> 4
"""Most items of a trace's file; a number with its name usually takes more than 16 bytes."""

_MODULUS = 2**256


@dataclass(frozen=True)
class Step:
    """One step of a training.

    Attributes
    ----------
    epoch : int
    data : str
        Digest of the batch: the step's share of the epoch's fingerprint.
    values : dict of str to float
        The recorded values, in this order: a number, or the norm of an array.
    """

    epoch: int
    data: str
    values: dict[str, float] = field(default_factory=dict)


class Trace:
    """The record of a training run: `watch` passes on its batches, `note` records its values.

    Parameters
    ----------
    loader : iterable
        What `Dataset.to` returned, with image, label and index among its fields.

    Attributes
    ----------
    settings : dict
        As `Fingerprint.settings`: data, order, encoding.
    steps : list of Step

    Raises
    ------
    OptionError
        If the loader has no `provenance`, or its batches lack a field.

    Examples
    --------
    >>> import fmnist_core as fm
    >>> train = fm.load("synthetic", "test").take(64)
    >>> loader = train.to("numpy", batch_size=32, fields=("image", "label", "index"))
    >>> trace = Trace(loader)
    >>> for image, label, index in trace.watch(loader):
    ...     trace.note(brightness=image.mean(), image=image)
    >>> len(trace.steps), list(trace.steps[0].values)
    (2, ['brightness', 'image'])
    """

    def __init__(self, loader: object) -> None:
        self._received = Fingerprint(loader)
        self.settings = self._received.settings
        self.steps: list[Step] = []

    def watch(self, loader: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of a loader's next epoch; `note` records values of the latest batch.

        Raises
        ------
        DataMismatchError, OptionError
            As `Fingerprint.watch`.
        """
        epochs = self._received.epochs
        before = {number: epoch.ordered for number, epoch in epochs.items()}
        for batch in self._received.watch(loader):
            now = {number: epoch.ordered for number, epoch in epochs.items()}
            # One epoch changes; a batch without examples changes none.
            changed = [number for number in now if now[number] != before.get(number, 0)]
            (number,) = changed or [max(epochs)]
            share = (now[number] - before.get(number, 0)) % _MODULUS
            self.steps.append(Step(number, f"{share:064x}"))
            before = now
            yield batch

    def note(self, /, **values: Any) -> None:
        """Record what the current step computed, in the order of the computation.

        Parameters
        ----------
        **values
            Numbers or arrays of any framework; `note(**{"conv.weight": weight})` for such names.

        Raises
        ------
        OptionError
            If there is no step yet, a name was already recorded in it, or a value is not numbers.
        """
        if not self.steps:
            raise OptionError("no batch was watched yet. Try: for batch in trace.watch(loader)")
        recorded = self.steps[-1].values
        for name, value in values.items():
            if name in recorded:
                raise OptionError(f"{name!r} was already recorded in step {len(self.steps) - 1}")
            recorded[name] = _number(name, value)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the trace to a JSON file, completely or not at all.

        Raises
        ------
        FileAccessError
            If the file cannot be written.
        """
        content = {
            "trace": TRACE_VERSION,
            "settings": self.settings,
            "steps": [asdict(step) for step in self.steps],
        }
        write_output(expanded(as_path(path)), [(json.dumps(content) + "\n").encode()])

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Trace":
        """Return a trace that `save` wrote; it cannot `watch`.

        Raises
        ------
        FileAccessError
            If the file cannot be read.
        DataMismatchError
            If the file is not a trace, is truncated, or has another version.
        """
        content = read_json(expanded(as_path(path)), MAX_BYTES, MAX_ITEMS)
        if not isinstance(content, dict) or content.get("trace") != TRACE_VERSION:
            raise DataMismatchError(
                f"{path}: expected a trace of version {TRACE_VERSION}, found other JSON. "
                "Try: Trace(loader).save(FILE), which writes one"
            )
        settings, steps = content.get("settings"), content.get("steps")
        if not isinstance(settings, dict) or not isinstance(steps, list):
            raise DataMismatchError(f"{path}: expected settings and steps of a trace")
        trace = cls.__new__(cls)
        trace.settings = settings
        trace.steps = [_step(step, f"{path}: step {number}") for number, step in enumerate(steps)]
        return trace

    def __repr__(self) -> str:
        names = list(self.steps[-1].values) if self.steps else []
        return f"<Trace of {len(self.steps)} steps: {brief(names)}>"


def _number(name: str, value: Any) -> float:
    """Return a number as it is, or the norm of an array."""
    if hasattr(value, "detach"):  # numpy cannot read a tensor with a gradient or on a GPU
        value = value.detach().cpu().double()
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"expected numbers as {name}, found {brief(value)}") from error
    return float(array.item() if array.size == 1 else np.linalg.norm(array))


def _step(record: object, where: str) -> Step:
    """Return the step of a record, or raise DataMismatchError."""
    if isinstance(record, dict) and record.keys() == {"epoch", "data", "values"}:
        epoch, data, values = record["epoch"], record["data"], record["values"]
        if (
            type(epoch) is int
            and isinstance(data, str)
            and re.fullmatch("[0-9a-f]{64}", data)
            and isinstance(values, dict)
            and all(name.isprintable() and type(one) is float for name, one in values.items())
        ):
            return Step(epoch, data, values)
    raise DataMismatchError(f"{where}: expected epoch, data and values, found {brief(record)}")
