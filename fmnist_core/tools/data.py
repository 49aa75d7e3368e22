"""What the data commands print: datasets, files and the store, as records that JSON can hold."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from fmnist_core.catalog import CATALOG
from fmnist_core.errors import (
    FileAccessError,
    FmnistError,
    OptionError,
    UnknownDatasetError,
    printable,
)
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.registry import find_dataset
from fmnist_core.storage import removal, store
from fmnist_core.storage.identify import Identity
from fmnist_core.storage.obtain import check_genuine, ensure_files, files_of, find_local
from fmnist_core.tools.identities import identities
from fmnist_core.tools.progress import ProgressLine

_NOT_HERE = "not here"


class Transfer:
    """Shows the transfer of a file, or of anything with a name, on a progress line."""

    def __init__(self, line: ProgressLine, verb: str = "fetching") -> None:
        self._line, self._verb = line, verb
        self._name, self._done = "", 0

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` bytes or examples are transferred, as `load` reports it."""
        if name != self._name or done < self._done:
            self._line.begin(f"{self._verb} {name}", total)
            self._name, self._done = name, 0
        self._line.advance(done - self._done)
        self._done = done


def fetch_all(info: DatasetInfo, source_url: str | None, line: ProgressLine) -> list[str]:
    """Bring every split into the store; return a line about each."""
    lines = []
    for split in info.splits:
        line.begin(f"{info.name}/{split}: looking")
        # Not `load`, which falls back to memory if the store cannot be written.
        ensure_files(info, split, store.folder(info), source_url=source_url, report=Transfer(line))
        line.finish(f"{info.name}/{split}: here")
        lines.append(f"{info.name}/{split}: {info.split(split).num_examples:,} examples, genuine")
    return lines


def all_files(info: DatasetInfo) -> list[FileInfo]:
    """Return all files of a dataset's current revision, as the store keeps them."""
    return [file for split in info.splits for file in files_of(info, split)]


def state_of(info: DatasetInfo, file: FileInfo) -> tuple[str, str]:
    """Return the state of a payload on this machine, and what `load` would do next.

    A file of the store is judged by its note; a file of another library is hashed.
    """
    path = store.folder(info) / file.name
    if store.is_verified(path, file):
        return f"verified, in {printable(path.parent)}", "nothing"
    if os.path.exists(path):
        return (
            f"in {printable(path.parent)}, changed or not verified yet",
            "hash it at the next load",
        )
    if info.name == "synthetic":
        return "not drawn yet", "draw it at the next load"
    local = find_local(info, file)
    if local is not None:
        return f"genuine in {printable(local[0].parent)}", "use it at the next load"
    part = path.with_name(f".{file.packed_name}.part")
    if os.path.exists(part):
        return f"{part.stat().st_size:,} bytes fetched so far", f"fmnist fetch {info.name}"
    return _NOT_HERE, f"fmnist fetch {info.name}"


def as_record(info: DatasetInfo) -> dict[str, Any]:
    """Return what is known of a dataset in plain types."""
    record = asdict(replace(info, splits={}))  # a mapping proxy cannot be copied
    record["splits"] = {name: asdict(split) for name, split in info.splits.items()}
    sums = info.splits["train"].sums if "train" in info.splits else None
    record["mean"], record["std"] = (sums.mean, sums.std) if sums else (None, None)
    return record


def list_table() -> Table:
    """Return the catalog as a table."""
    table = Table("name", "dataset", "examples", "classes", "on this machine")
    for info in CATALOG.values():
        sizes = ", ".join(f"{split.num_examples:,} {name}" for name, split in info.splits.items())
        here = all(store.is_verified(store.folder(info) / f.name, f) for f in all_files(info))
        table.add_row(
            info.name, info.title, sizes, str(len(info.classes)), "verified" if here else "no"
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
            lines.append(f"    {file.name}: payload SHA-256 {file.payload.sha256 or 'not known'}")
            if file.packed.md5:
                lines.append(f"      {_published(file)}")
    lines += [f"  mirror   {mirror}" for mirror in info.mirrors]
    lines += [f"  older    {old.released}: {old.note}" for old in info.old_revisions]
    return lines


def _published(file: FileInfo) -> str:
    packed = file.packed
    inside = f", its member {file.member}" if file.member else ""
    digest = f"SHA-256 {packed.sha256}, " if packed.sha256 and not file.payload.sha256 else ""
    length = f" of {packed.nbytes:,} bytes" if packed.nbytes is not None else ""
    return f"{file.packed_name}{length}, {digest}MD5 {packed.md5}{inside}"


@dataclass(frozen=True)
class Verified:
    """A file that was hashed, whether it is genuine, and what was found."""

    path: str
    genuine: bool
    found: str


def verify_target(target: str) -> list[Verified]:
    """Hash a dataset in the store, or the files of a folder or path.

    Raises
    ------
    UnknownDatasetError, FileAccessError, OptionError
        If there is no such dataset nor path, or no file there.
    """
    if not target:
        raise OptionError("expected a dataset or a path, found an empty text")
    try:
        info = find_dataset(target)
    except UnknownDatasetError as error:
        path = Path(target)
        if os.path.lexists(path):
            return [_verified(identity) for identity in identities([path])]
        if path.suffix or "/" in target or os.sep in target:
            raise FileAccessError(f"{printable(target)}: no such file or folder") from error
        raise
    files = all_files(info)
    published = {file.packed_name: file for file in files if file.payload.sha256 is None}
    return [
        *(_verify_stored(info, file) for file in files),
        *(_verify_published(info, file) for file in published.values()),
    ]


def _verify_stored(info: DatasetInfo, file: FileInfo) -> Verified:
    path = store.folder(info) / file.name
    try:
        check_genuine(path, info, file)
    except FmnistError as error:
        problem = error.for_commands.removesuffix(".")
        return Verified(str(path), False, f"{problem}. Run: fmnist fetch {info.name}")
    return Verified(str(path), True, f"{printable(path)}: {info.title} {file.name}, genuine")


def _verify_published(info: DatasetInfo, file: FileInfo) -> Verified:
    """Hash a published file that is kept as proof, even if a note has its digest."""
    path = store.folder(info) / file.packed_name
    try:
        genuine = store.has_published_digest(path, file)
    except FmnistError as error:
        return Verified(str(path), False, f"{error} Run: fmnist fetch {info.name}")
    what = "as published" if genuine else f"changed since; fmnist remove {info.name}, then fetch it"
    return Verified(
        str(path), genuine, f"{printable(path)}: {info.title} {file.packed_name}, {what}"
    )


def _verified(identity: Identity) -> Verified:
    genuine = identity.verdict == "genuine"
    return Verified(identity.path, genuine, f"{identity}, genuine" if genuine else str(identity))


def remove(info: DatasetInfo) -> str:
    """Remove a dataset from the store; return a line about it."""
    count, left = removal.remove(info)
    place = printable(store.folder(info))
    line = f"{place}: removed {info.title}" if count else f"{place}: nothing there to remove"
    if left:
        names = ", ".join(map(printable, left[:8])) + ", ..." * (len(left) > 8)
        line += f"; left what the store did not write, or others need: {names}"
    return line


def doctor() -> dict[str, Any]:
    """Return where the store is, where each file is, and what `load` would do next."""
    home = store.home()
    free = shutil.disk_usage(home).free if os.path.exists(home) else None
    datasets = {}
    for info in CATALOG.values():
        states = ((file.name, *state_of(info, file)) for file in all_files(info))
        datasets[info.name] = [dict(zip(("file", "where", "next"), s, strict=True)) for s in states]
    return {"store": str(home), "free_bytes": free, "datasets": datasets}


def doctor_lines(report: dict[str, Any]) -> list[str]:
    """Return what `doctor` found, for people."""
    free = report["free_bytes"]
    lines = [f"store    {printable(report['store'])}" + (" (not made yet)" if free is None else "")]
    lines += [f"free     {free / 1e9:,.1f} GB"] if free is not None else []
    absent = []
    for name, files in report["datasets"].items():
        if all(file["where"] == _NOT_HERE for file in files):
            absent.append(name)
        elif len({(file["where"], file["next"]) for file in files}) == 1:
            lines.append(name)
            lines.append(f"  all {len(files)} files: {files[0]['where']}. Next: {files[0]['next']}")
        else:
            lines.append(name)
            lines += [f"  {file['file']}: {file['where']}. Next: {file['next']}" for file in files]
    if absent:
        lines.append(f"not here: {', '.join(absent)}. Next: fmnist fetch NAME")
    return lines


def as_json(data: object) -> str:
    """Return plain data as indented JSON."""
    return json.dumps(data, indent=2, allow_nan=False)
