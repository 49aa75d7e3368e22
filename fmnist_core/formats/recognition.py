"""Recognise what a file of another format holds: the dataset, splits, revision and order."""

import os
from pathlib import Path

import numpy as np

from fmnist_core.catalog import CATALOG
from fmnist_core.catalog.keys import image_keys, known_keys
from fmnist_core.errors import DataMismatchError, FmnistError, FrameworkMissingError, printable
from fmnist_core.formats.incoming import DataFile, find, kind_of, read_all
from fmnist_core.formats.recovery import (
    in_order,
    is_genuine,
    is_recoverable,
    recovered,
    revision_of,
)
from fmnist_core.formats.rows import Rows, relabelled
from fmnist_core.records import DatasetInfo
from fmnist_core.storage.findings import Finding
from fmnist_core.storage.identify import Identity

_WORSE = ("genuine", "unknown", "old revision")
"""Verdicts on a split; the worst of them is the verdict on the file."""


def recognised(path: Path) -> Identity | None:
    """Return what a file or folder of another format holds, or None if it has none of them.

    A folder counts only as a whole: one that TFDS prepared, or one with pictures by class.
    """
    file = _folder(path) if os.path.isdir(path) else kind_of(path)
    if file is None:
        return None
    try:
        rows = read_all([file])
    except FrameworkMissingError as error:
        return Identity(str(path), file.kind, "foreign", f"{file.kind}; {error}")
    except FmnistError as error:
        reason = str(error).removeprefix(f"{printable(str(path))}: ")
        words = f"{file.kind}, of which no examples can be read: {reason}"
        return Identity(str(path), file.kind, "foreign", words)
    findings = [_finding(each, file.kind) for each in rows]
    worst = max(findings, key=lambda finding: _WORSE.index(finding.verdict))
    words = "; ".join(finding.found for finding in findings)
    return Identity(str(path), file.kind, worst.verdict, words, worst.advice)


def _folder(path: Path) -> DataFile | None:
    files = find(path)
    return files[0] if len(files) == 1 and files[0].path == path else None


def _finding(rows: Rows, kind: str) -> Finding:
    for info in CATALOG.values():
        if is_recoverable(info) and (finding := _of_dataset(info, rows, kind)):
            return finding
    count, height, width = rows.images.shape
    words = f"{kind} with {count:,} examples of {height} x {width} that the catalog does not know"
    return Finding("unknown", words)


def _of_dataset(info: DatasetInfo, rows: Rows, kind: str) -> Finding | None:
    """Return which part of a dataset a copy holds, or None if it is not of this dataset."""
    try:
        rows = relabelled(rows, info.classes, "")
    except DataMismatchError:
        return None
    bare = rows._replace(split="")
    splits = [split for split in info.splits if _is_split(info, split, bare)]
    if splits:
        words = f"{info.title} {' and '.join(splits)} in the original order, as {kind}"
        return Finding("genuine", words, _use(info))
    for split in info.splits:
        ordered = in_order(info, split, [bare])
        if ordered and (old := revision_of(info, split, ordered.labels)):
            words = f"{info.title} {split} of {old.released} ({old.note}), as {kind}"
            return Finding("old revision", words, f"Run: fmnist fetch {info.name}")
    return _by_content(info, rows, kind)


def _is_split(info: DatasetInfo, split: str, rows: Rows) -> bool:
    ordered = in_order(info, split, [rows])
    return ordered is not None and is_genuine(info, split, ordered)


def _by_content(info: DatasetInfo, rows: Rows, kind: str) -> Finding | None:
    keys = known_keys(info)
    image_hashes = image_keys(rows.images)
    counts = {
        split: int(np.isin(image_hashes, split_keys).sum()) for split, split_keys in keys.items()
    }
    splits = [split for split, count in counts.items() if count]
    if not splits:
        return None
    try:
        for split in splits:
            recovered(info, split, [rows._replace(split="")], "")
    except DataMismatchError as error:
        parts = " and ".join(f"{counts[split]:,} of {split}" for split in splits)
        words = f"{kind} with {len(image_hashes):,} images, among them of {info.title} {parts}"
        return Finding("unknown", f"{words} ({str(error).removeprefix(': ')})")
    words = f"{info.title} {' and '.join(splits)} in another order, as {kind}"
    return Finding("genuine", words, _use(info))


def _use(info: DatasetInfo) -> str:
    return f"Use it with load({info.name!r}, root=PATH), or run: fmnist import {info.name} PATH"
