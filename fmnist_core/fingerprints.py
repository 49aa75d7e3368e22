"""Fingerprint: digests of what a run received, to merge, save and compare."""

import json
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist_core.encoding import Layout
from fmnist_core.epoch_fingerprint import BYTES_PER_EXAMPLE, EpochFingerprint
from fmnist_core.errors import (
    DataMismatchError,
    OptionError,
    brief,
    check_epoch,
    check_range,
    check_seed,
    printable,
)
from fmnist_core.files import as_path, expanded, read_json, write_output
from fmnist_core.order import MAX_EXAMPLES
from fmnist_core.plan import Field
from fmnist_core.provenance import Provenance, provenance_of

FINGERPRINT_VERSION = 1
"""Version of the formula and of the file."""

MAX_BYTES = 1 << 28
"""Largest size of a fingerprint's file, in bytes."""

UNPACKED_AT_LEAST = 1 << 28
"""Bytes that the epochs of any file may always unpack to."""

UNPACKED_PER_BYTE = 16
"""Further bytes that they may unpack to, for each byte of the file."""

FIELDS: tuple[Field, ...] = ("image", "label", "index")
"""Fields that a batch needs to be fingerprinted."""

_KINDS: dict[str, tuple[type, ...]] = {
    "data": (str,),
    "digest": (str,),
    "num_examples": (int,),
    "order": (int,),
    "shuffle": (bool,),
    "seed": (int, type(None)),
    "dtype": (str,),
    "scale": (str,),
    "mean": (float, list, type(None)),
    "std": (float, list, type(None)),
    "channels": (int,),
    "labels": (str,),
    "transform": (list,),
}
"""The names of a fingerprint's settings, with their types."""


class Fingerprint:
    """Digests of what a run received in each epoch; it grows like a hash of hashlib.

    ``Fingerprint(loader)`` has received nothing yet; `watch` passes on a loader's batches and
    records them.

    Parameters
    ----------
    loader : iterable
        What `Dataset.to` returned, with image, label and index among its fields.

    Attributes
    ----------
    settings : dict
        What determines the content: data, order, encoding.
    parts : list of dict
        How it was received: adapter, batch size, shard, remainder.
    epochs : dict of int to EpochFingerprint

    Raises
    ------
    OptionError
        If the loader has no `provenance`, or its batches lack a field.
    """

    def __init__(self, loader: object) -> None:
        origin = _checked(provenance_of(loader))
        self._set(origin.settings(), [origin.part()], {}, origin)

    def _set(
        self,
        settings: dict[str, Any],
        parts: list[dict[str, Any]],
        epochs: dict[int, EpochFingerprint],
        origin: Provenance | None = None,
    ) -> None:
        self.settings, self.parts, self.epochs, self._origin = settings, parts, epochs, origin

    @classmethod
    def of_parts(
        cls,
        settings: Mapping[str, Any],
        parts: Iterable[dict[str, Any]],
        epochs: Mapping[int, EpochFingerprint],
    ) -> "Fingerprint":
        """Return a fingerprint of a run elsewhere; it cannot `watch`."""
        run = cls.__new__(cls)
        run._set(dict(settings), list(parts), dict(epochs))
        return run

    @property
    def digests(self) -> dict[int, str]:
        """`EpochFingerprint.digest` of each epoch; equal for equal batches."""
        return {epoch: self.epochs[epoch].digest for epoch in sorted(self.epochs)}

    def watch(self, loader: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of a loader's next epoch, and record each one.

        Parameters
        ----------
        loader : iterable
            The loader of this fingerprint, or an iterable that passes on its batches, changed or
            not.

        Raises
        ------
        DataMismatchError
            If a batch has the wrong number of examples, or there are too many batches.
        OptionError
            If an example was already received, or this fingerprint came from a file.
        """
        if (origin := self._origin) is None:
            raise OptionError(
                "this fingerprint has no loader. Try: Fingerprint(loader), then merge both"
            )
        plan = origin.plan
        epoch, start = origin.upcoming()
        steps = plan.num_steps(start)
        for step, batch in enumerate(origin.batches(loader)):
            if step == steps:
                raise DataMismatchError(f"expected {steps} batches in epoch {epoch}, found more")
            arrays = origin.adapter.to_numpy(plan.in_order(batch))
            positions = plan.positions(step, start)
            if len(arrays) != len(plan.fields) or any(len(a) != len(positions) for a in arrays):
                raise DataMismatchError(
                    f"epoch {epoch}, step {step}: expected {len(positions)} examples of "
                    f"{', '.join(plan.fields)}; found arrays of the shapes "
                    f"{', '.join(str(array.shape) for array in arrays)}"
                )
            named = dict(zip(plan.fields, arrays, strict=True))
            if "weight" in named:  # a filler is not an example
                real = named["weight"] != 0
                positions = positions[real]
                named = {name: array[real] for name, array in named.items()}
            named["image"] = _channels_last(named["image"], origin.encoding.layout)
            received = (named[name] for name in FIELDS)
            if epoch not in self.epochs:
                self.epochs[epoch] = EpochFingerprint.empty(plan.num_examples)
            self.epochs[epoch].add(positions, *received)
            yield batch

    def merge(self, *others: "Fingerprint") -> "Fingerprint":
        """Return the fingerprint of all of them together: shards, pieces of an epoch, more epochs.

        Raises
        ------
        DataMismatchError
            If they differ in data, order or encoding.
        OptionError
            If a position of an epoch was received twice.
        """
        parts, epochs = list(self.parts), dict(self.epochs)
        for other in others:
            if differing := self.different_settings(other):
                name, (ours, theirs) = next(iter(differing.items()))
                raise DataMismatchError(
                    f"fingerprints of one run have the same {name}; found {ours!r} and {theirs!r}"
                )
            parts += [part for part in other.parts if part not in parts]
            for epoch, more in other.epochs.items():
                try:
                    epochs[epoch] = epochs[epoch].merged(more) if epoch in epochs else more
                except OptionError as error:
                    raise OptionError(f"epoch {epoch}: {error}") from error
        return Fingerprint.of_parts(self.settings, parts, epochs)

    def different_settings(self, other: "Fingerprint") -> dict[str, tuple[Any, Any]]:
        """Return the settings that differ from another's, with both values."""
        return {
            name: (value, other.settings[name])
            for name, value in self.settings.items()
            if value != other.settings[name]
        }

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fingerprint to a JSON file, completely or not at all.

        Raises
        ------
        FileAccessError
            If the file cannot be written.
        """
        content = {
            "fingerprint": FINGERPRINT_VERSION,
            "settings": self.settings,
            "parts": self.parts,
            "epochs": {str(epoch): self.epochs[epoch].record() for epoch in sorted(self.epochs)},
        }
        text = json.dumps(content, indent=1) + "\n"
        write_output(expanded(as_path(path)), [text.encode()])

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Fingerprint":
        """Return a fingerprint that `save` wrote.

        Raises
        ------
        FileAccessError
            If the file cannot be read.
        DataMismatchError
            If the file is not a fingerprint, is truncated, or has another version.
        """
        file = expanded(as_path(path))
        try:
            return _parsed(_json(file), file.stat().st_size)
        except DataMismatchError as error:
            raise DataMismatchError(f"{printable(path)}: {error}") from error

    def __repr__(self) -> str:
        title = self.settings["data"] or f"data {self.settings['digest'][:16]}"
        lines = [
            f"epoch {epoch}: {one.examples} of {len(one.index)} examples, {one.digest}"
            for epoch, one in sorted(self.epochs.items())
        ]
        return f"<Fingerprint of {title}, {'; '.join(lines) or 'nothing received yet'}>"


def fingerprint(loader: Iterable[Any], *, epochs: int = 1) -> Fingerprint:
    """Read the next epochs of a loader, and return their fingerprint.

    This reads epochs as any iteration does, so the loader's next epoch is the one after them.

    Parameters
    ----------
    loader : iterable
        What `Dataset.to` returned, with image, label and index among its fields.
    epochs : int
        How many epochs to read.

    Returns
    -------
    Fingerprint
        The same in every framework, for any batch size, layout and number of workers.

    Raises
    ------
    OptionError
        If the loader has no `provenance`, or its batches lack a field.
    """
    run = Fingerprint(loader)
    for _ in range(check_range("epochs", epochs, 1, 2**32)):
        for _ in run.watch(loader):
            pass
    return run


def _checked(origin: Provenance) -> Provenance:
    fields = origin.plan.fields
    if missing := [name for name in FIELDS if name not in fields]:
        all_fields = (*fields, *missing)
        raise OptionError(
            f"a fingerprint needs image, label and index as they were received; the batches of "
            f"this loader lack {' and '.join(missing)}. Try: fields={all_fields!r}"
        )
    return origin


def _channels_last(images: NDArray[Any], layout: Layout | None) -> NDArray[Any]:
    return np.moveaxis(images, 1, -1) if layout == "NCHW" and images.ndim == 4 else images


def _json(path: Path) -> object:
    try:
        return read_json(path, MAX_BYTES)
    except DataMismatchError as error:
        raise DataMismatchError(
            f"expected a fingerprint, found no complete JSON ({error}). "
            "Try: write it again; it may be truncated"
        ) from error


def _parsed(content: object, nbytes: int) -> Fingerprint:
    if not isinstance(content, dict) or "fingerprint" not in content:
        raise DataMismatchError(
            "expected a fingerprint, found other JSON. "
            "Try: fmnist fingerprint NAME --output FILE, which writes one"
        )
    if content["fingerprint"] != FINGERPRINT_VERSION:
        raise DataMismatchError(
            f"expected a fingerprint of version {FINGERPRINT_VERSION}, found version "
            f"{brief(content['fingerprint'])}. Try: the release of fmnist that wrote it"
        )
    settings, epochs = _mapping(content, "settings"), _mapping(content, "epochs")
    if settings.keys() != _KINDS.keys():
        raise DataMismatchError(
            f"expected the settings {', '.join(_KINDS)}, found {brief(settings)}"
        )
    parts = content.get("parts")
    if not isinstance(parts, list) or not all(map(_is_part, parts)):
        raise DataMismatchError(f"expected a list of parts, found {brief(parts)}")
    for name, kinds in _KINDS.items():
        value = settings[name]
        if type(value) not in kinds or (isinstance(value, str) and not value.isprintable()):
            raise DataMismatchError(f"found {brief(value)} as its {name}")
    try:
        count = check_range("num_examples", settings["num_examples"], 0, MAX_EXAMPLES)
        check_range("order", settings["order"], 0, 2**32)
        check_seed(0 if settings["seed"] is None else settings["seed"])
    except OptionError as error:
        raise DataMismatchError(str(error)) from error
    # Missing examples compress to almost nothing, so a small file could unpack to any size.
    most = UNPACKED_AT_LEAST + UNPACKED_PER_BYTE * nbytes
    if len(epochs) * count * BYTES_PER_EXAMPLE > most:
        raise DataMismatchError(
            f"expected {len(epochs)} epochs that this file can hold, found {count} examples "
            "in each. Try: merge fewer epochs into one file"
        )
    parsed = {}
    for number, record in epochs.items():
        try:
            parsed[check_epoch(int(number))] = EpochFingerprint.from_record(record, count)
        except (ValueError, DataMismatchError) as error:
            raise DataMismatchError(f"epoch {printable(number[:40])}: {error}") from error
    return Fingerprint.of_parts(settings, parts, parsed)


def _is_part(part: object) -> bool:
    """Whether a value has the form of `Provenance.part`: names, numbers and pairs of numbers."""
    if not isinstance(part, dict):
        return False
    values = [
        one for value in part.values() for one in (value if isinstance(value, list) else [value])
    ]
    return all(isinstance(one, str | int | float | None) for one in values)


def _mapping(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    if not isinstance(value, dict):
        raise DataMismatchError(f"expected {name} of a fingerprint, found {brief(value)}")
    return value
