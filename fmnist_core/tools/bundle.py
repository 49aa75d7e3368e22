"""A dataset in one zip file, for machines without a network: its files, licence, citation."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fmnist_core.errors import DataMismatchError, IdxError, printable
from fmnist_core.files import BLOCK, file_digest, open_regular, written_output
from fmnist_core.idx.containers import opened_members, unpacked_member
from fmnist_core.idx.zips import Guarded, Member
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.storage import store
from fmnist_core.storage.identify import identify
from fmnist_core.storage.locks import locked
from fmnist_core.storage.obtain import FileProgress, ensure_files, find_published, spellings
from fmnist_core.storage.scan import blocks_of
from fmnist_core.tools.output import make_room

MAX_CANDIDATES = 8
"""Most members with one name that are tried; each may take the time of a whole payload."""

MANIFEST = "manifest.json"
_LICENCE, _CITATION = "LICENCE.txt", "CITATION.bib"
NOTES = (MANIFEST, _LICENCE, _CITATION)
"""Names of a bundle's members other than the dataset's files."""


def write_bundle(
    info: DatasetInfo, path: Path, report: FileProgress | None = None, *, force: bool = False
) -> None:
    """Write a zip file of a dataset's verified files, fetching them first if necessary.

    It holds the raw payload if its digest is known, otherwise the published file.

    Raises
    ------
    OptionError
        If the file exists and `force` is false.
    FmnistError
        If the data cannot be obtained, or the file cannot be written; nothing is left behind.
    """
    make_room(path.parent, [path.name], force)
    files: dict[str, Path] = {}
    for split in info.splits:
        paths = ensure_files(info, split, store.folder(info), upright=False, report=report)
        for file, payload in zip(info.split(split).files, paths, strict=True):
            name = file.name if file.payload.sha256 else file.packed_name
            files[name] = payload if file.payload.sha256 else find_published(info, file)
    digests = {name: file_digest(source) for name, source in files.items()}
    manifest = {"dataset": info.name, "released": info.released, "sha256": digests}
    with (
        written_output(path) as output,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as zipped,
    ):
        for name, source in files.items():
            zipped.write(source, name)
        zipped.writestr(MANIFEST, json.dumps(manifest, indent=1))
        zipped.writestr(_LICENCE, f"{info.title}: {info.licence}\n{info.homepage}\n")
        zipped.writestr(_CITATION, info.citation)


def read_bundle(info: DatasetInfo, path: Path) -> None:
    """Import a dataset's files from a zip file into the store, verifying each.

    The zip file may be a bundle, the published one, or any other with the dataset's files, in any
    folder, packed or not.

    Raises
    ------
    DataMismatchError
        If it lacks the dataset's files, or one of them is not genuine.
    IdxError, FileAccessError
        If it is damaged or cannot be read, or the store cannot be written.
    """
    place = store.folder(info)
    with opened_members(path) as members, locked(place):
        for split in info.splits.values():
            for file in split.files:
                if file.payload.sha256:
                    _take_payload(members, path, place / file.name, info, file)
                elif not store.is_published(place / file.packed_name, file, missing_ok=True):
                    _take_published(members, path, place / file.packed_name, info, file)


def _take_payload(
    members: Sequence[Member], path: Path, target: Path, info: DatasetInfo, file: FileInfo
) -> None:
    """Import a payload from the first member with its name that holds it."""
    named = _named(members, spellings(file.name), path, info)
    for member in named[:MAX_CANDIDATES]:
        try:
            with unpacked_member(member) as stream:
                store.write_verified(blocks_of(stream), target, file)
            return
        except (DataMismatchError, IdxError):
            continue
    identities = {identity.path: identity.found for identity in identify(path)}
    what = identities.get(f"{path}!{named[0].name}", "something else")
    raise DataMismatchError(
        f"{printable(path)}: this is not {file.name} of {info.title}; its "
        f"{printable(named[0].name)} is "
        f"{printable(what)}"
    )


def _take_published(
    members: Sequence[Member], path: Path, target: Path, info: DatasetInfo, file: FileInfo
) -> None:
    """Import a published file: from a zip file, or the zip file itself."""
    if store.is_published(path, file):
        with open_regular(path) as source:
            store.copy_published(iter(lambda: source.read1(BLOCK), b""), target, file)
        return
    # Under our own name: the member's name could lead out of the folder.
    member = _named(members, [file.packed_name], path, info)[0]
    with member.opened() as packed:
        stream = Guarded(packed, member.label)
        store.copy_published(iter(lambda: stream.read1(BLOCK), b""), target, file)


def _named(
    members: Sequence[Member], names: Sequence[str], path: Path, info: DatasetInfo
) -> list[Member]:
    """Return the members with any of these names, in any folder, in the order of the names."""
    matching = [
        member for name in names for member in members if PurePosixPath(member.name).name == name
    ]
    if not matching:
        what = f"found no {names[0]}" if members else "found no zip file"
        raise DataMismatchError(f"{printable(path)}: expected a bundle of {info.title}, {what}")
    return matching
