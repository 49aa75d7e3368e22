"""What the data commands show: datasets, files and the store, as records that can be JSON."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from fmnist_core import store
from fmnist_core.catalog import CATALOG
from fmnist_core.errors import FmnistError, UnknownDatasetError
from fmnist_core.identify import Identity, identify
from fmnist_core.loading import load
from fmnist_core.obtain import check_genuine, in_other_library
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.registry import find_dataset
from fmnist_core.tools.progress import ProgressLine


class Transfer:
    """Shows a download on a progress line."""

    def __init__(self, line: ProgressLine) -> None:
        self._line = line
        self._name, self._done = "", 0

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Report `done` of `total` bytes of a file, as `load` calls it."""
        if name != self._name or done < self._done:
            self._line.begin(f"fetching {name}", total)
            self._name, self._done = name, 0
        self._line.advance(done - self._done)
        self._done = done


def fetch_all(info: DatasetInfo, source_url: str | None, line: ProgressLine) -> list[str]:
    """Bring every split into the store; return a line about each."""
    said = []
    for split in info.splits:
        line.begin(f"{info.name}/{split}: looking")
        dataset = load(info.name, split, source_url=source_url, report=Transfer(line))
        line.finish(f"{info.name}/{split}: here")
        said.append(f"{info.name}/{split}: {len(dataset):,} examples, genuine")
    return said


def files_of(info: DatasetInfo) -> list[FileInfo]:
    """Return all files of a dataset's current revision."""
    return [file for split in info.splits.values() for file in (split.images, split.labels)]


def state_of(info: DatasetInfo, file: FileInfo) -> tuple[str, str]:
    """Return where a payload stands on this machine, and what would be done next.

    The store's own is judged by its notes; another library's is hashed.
    """
    path = store.folder(info) / file.name
    if store.is_trusted(path, file):
        return f"verified, in {path.parent}", "nothing"
    if path.exists():
        return f"in {path.parent}, changed or not verified yet", "hash it at the next load"
    if info.name == "synthetic":
        return "not drawn yet", "draw it at the next load"
    if (found := in_other_library(info, file)) is not None:
        return f"genuine in {found.parent}", "use it at the next load"
    part = path.with_name(f".{file.name}.gz.part")
    if part.exists():
        return f"{part.stat().st_size:,} bytes fetched so far", f"fmnist fetch {info.name}"
    return "not here", f"fmnist fetch {info.name}"


def as_record(info: DatasetInfo) -> dict[str, Any]:
    """Return what is known of a dataset in plain types."""
    record = asdict(replace(info, splits={}))  # a mapping proxy cannot be copied
    record["splits"] = {name: asdict(split) for name, split in info.splits.items()}
    sums = info.splits["train"].sums if "train" in info.splits else None
    record["mean"], record["std"] = (sums.mean, sums.std) if sums else (None, None)
    return record


def list_table() -> Table:
    """Return the catalog as a table."""
    table = Table("name", "dataset", "train", "test", "classes", "on this machine")
    for info in CATALOG.values():
        sizes = (f"{info.splits[split].num_examples:,}" for split in ("train", "test"))
        here = all(store.is_trusted(store.folder(info) / f.name, f) for f in files_of(info))
        table.add_row(
            info.name, info.title, *sizes, str(len(info.classes)), "verified" if here else "no"
        )
    return table


def info_lines(info: DatasetInfo) -> list[str]:
    """Return what is known of a dataset, for people."""
    lines = [f"{info.title} ({info.name}), released {info.released or 'at an unknown date'}"]
    lines += [f"  classes  {', '.join(info.classes)}", f"  licence  {info.licence}"]
    lines += [f"  see      {info.homepage}"] if info.homepage else []
    for name, split in info.splits.items():
        lines.append(f"  {name}: {split.num_examples:,} examples")
        if split.sums:
            lines.append(
                f"    mean {split.sums.mean:.16g}, std {split.sums.std:.16g} of x / 255 "
                f"(sums {split.sums.total}, {split.sums.squares} over {split.sums.count} pixels)"
            )
        for file in (split.images, split.labels):
            lines.append(f"    {file.name}: payload SHA-256 {file.payload.sha256}")
            if file.packed.md5:
                lines.append(f"      .gz of {file.packed.nbytes:,} bytes, MD5 {file.packed.md5}")
    lines += [f"  mirror   {mirror}" for mirror in info.mirrors]
    lines += [f"  older    {old.released}: {old.note}" for old in info.old_revisions]
    return lines


def verify_target(target: str) -> list[str]:
    """Hash a dataset in the store, or the files of a folder or path; return what was found.

    Raises
    ------
    FmnistError
        If something is not genuine, with a line for each such file.
    """
    try:
        info = find_dataset(target)
    except UnknownDatasetError:
        if not Path(target).exists():
            raise
        return _verify_paths(identities([Path(target)]))
    good, bad = [], []
    for file in files_of(info):
        path = store.folder(info) / file.name
        try:
            check_genuine(path, info, file)
            good.append(f"{path}: {info.title} {file.name}, genuine")
        except FmnistError as error:
            bad.append(str(error))
    if bad:
        raise FmnistError("\n".join([*good, *bad, f"Run: fmnist fetch {info.name}"]))
    return good


def identities(paths: Iterable[Path]) -> list[Identity]:
    """Identify files, and the files of folders, in the order given."""
    files: list[Path] = []
    for path in paths:
        inside = sorted(child for child in path.rglob("*") if child.is_file())
        files += inside if path.is_dir() else [path]
    return [identity for file in files for identity in identify(file)]


def _verify_paths(found: Sequence[Identity]) -> list[str]:
    lines = [str(identity) for identity in found]
    if not found or any(identity.verdict != "genuine" for identity in found):
        raise FmnistError("\n".join(lines) or "no file was found there")
    return lines


def remove(info: DatasetInfo) -> str:
    """Remove a dataset's folder from the store; return a line about it."""
    place = store.home() / info.name
    if not place.exists():
        return f"{place}: nothing there"
    try:
        shutil.rmtree(place)
    except OSError as error:
        raise FmnistError(f"{place}: cannot be removed ({error.strerror})") from error
    return f"{place}: removed"


def doctor_lines() -> list[str]:
    """Return where the store is, what is found where, and what would be done next."""
    home = store.home()
    lines = [f"store    {home}" + ("" if home.exists() else " (not made yet)")]
    if home.exists():
        lines.append(f"free     {shutil.disk_usage(home).free / 1e9:,.1f} GB")
    for info in CATALOG.values():
        states = [(file, *state_of(info, file)) for file in files_of(info)]
        lines.append(f"{info.name}")
        if len({(where, then) for _, where, then in states}) == 1:
            _, where, then = states[0]
            lines.append(f"  all {len(states)} files: {where}. Next: {then}")
        else:
            lines += [f"  {file.name}: {where}. Next: {then}" for file, where, then in states]
    return lines


def as_json(data: object) -> str:
    """Return plain data as indented JSON."""
    return json.dumps(data, indent=2)
