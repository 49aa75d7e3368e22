"""A dataset in one zip file, for machines without a network: its files, licence, citation."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from fmnist_core.errors import DataMismatchError, FileAccessError, FmnistError, IdxError
from fmnist_core.files import BLOCK, file_digest, write_whole, written_whole
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.storage import store
from fmnist_core.storage.identify import identify
from fmnist_core.storage.locks import locked
from fmnist_core.storage.obtain import FileProgress, ensure_files, find_published, spellings

_MANIFEST = "manifest.json"


def write_bundle(info: DatasetInfo, path: Path, report: FileProgress | None = None) -> None:
    """Write a zip file of a dataset's verified files, fetching them first if need be.

    It holds the raw payload where its digest is known, else the published file.

    Raises
    ------
    FmnistError
        If the data cannot be had, or the file cannot be written; nothing is left behind then.
    """
    files: dict[str, Path] = {}
    for split in info.splits:
        paths = ensure_files(info, split, store.folder(info), upright=False, report=report)
        for file, payload in zip(info.split(split).files, paths, strict=True):
            name = _name_in_bundle(file)
            files[name] = payload if file.payload.sha256 else find_published(info, file)
    digests = {name: file_digest(found) for name, found in files.items()}
    manifest = {"dataset": info.name, "released": info.released, "sha256": digests}
    with (
        written_whole(path) as output,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as zipped,
    ):
        for name, found in files.items():
            zipped.write(found, name)
        zipped.writestr(_MANIFEST, json.dumps(manifest, indent=1))
        zipped.writestr("LICENCE.txt", f"{info.title}: {info.licence}\n{info.homepage}\n")
        zipped.writestr("CITATION.bib", info.citation)


def read_bundle(info: DatasetInfo, path: Path) -> None:
    """Take a dataset's files out of a zip file into the store; each is verified on the way.

    It may be a bundle, the published zip file, or anyone's zip file of the dataset's files, in
    whatever folder of it and packed or not.

    Raises
    ------
    DataMismatchError
        If the dataset's files are not in it, or one is not the genuine one.
    FileAccessError
        If it cannot be read, or the store cannot be written.
    """
    place = store.folder(info)
    with _zip_errors(path), zipfile.ZipFile(path) as archive, locked(place):
        for split in info.splits.values():
            for file in split.files:
                if file.payload.sha256:
                    _take_payload(archive, path, place / file.name, info, file)
                elif not store.is_published(place / file.packed_name, file, missing_ok=True):
                    _take_published(archive, path, place / file.packed_name, info, file)


def _name_in_bundle(file: FileInfo) -> str:
    return file.name if file.payload.sha256 else file.packed_name


def _take_payload(
    archive: zipfile.ZipFile, path: Path, target: Path, info: DatasetInfo, file: FileInfo
) -> None:
    """Take a payload in from the first member of its name that holds it."""
    found = _members(archive, spellings(file.name), info)
    for member in found:
        try:
            store.unpack_verified(path, target, file, member)
            return
        except (DataMismatchError, IdxError):
            continue
    what = {one.path: one.found for one in identify(path)}.get(
        f"{path}!{found[0]}", "something else"
    )
    raise DataMismatchError(
        f"{path}: this is not {file.name} of {info.title}; its {found[0]} is {what}"
    )


def _take_published(
    archive: zipfile.ZipFile, path: Path, target: Path, info: DatasetInfo, file: FileInfo
) -> None:
    """Bring a published file into the store, from a zip file or because it is that file."""

    def blocks() -> Iterator[bytes]:
        if store.is_published(path, file):
            source = path.open("rb")
        else:
            # Under a name of ours: a member's own could lead out of the folder.
            source = archive.open(_members(archive, [file.packed_name], info)[0])  # type: ignore[assignment]
        left = file.packed.nbytes
        with source:
            while block := _read(source, path):
                if left is not None and (left := left - len(block)) < 0:
                    break
                yield block

    part = target.with_name(f".{target.name}.part")
    try:
        write_whole(part, blocks())
        if not store.is_published(part, file):
            raise DataMismatchError(f"{path}: its {target.name} is not the one that is published")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    store.mark_published_verified(target, file)


def _read(source: IO[bytes], path: Path) -> bytes:
    try:
        return source.read(BLOCK)
    except Exception as error:  # a damaged member; this disk's own errors come from writing
        raise DataMismatchError(f"{path}: a member cannot be unpacked ({error})") from error


def _members(archive: zipfile.ZipFile, names: list[str], info: DatasetInfo) -> list[str]:
    """Return the members that have one of some names, in whatever folder, the first name first."""
    members = archive.namelist()
    found = [member for name in names for member in members if PurePosixPath(member).name == name]
    if not found:
        raise DataMismatchError(
            f"{archive.filename}: expected a bundle of {info.title}, found no {names[0]}"
        )
    return found


@contextmanager
def _zip_errors(path: Path) -> Iterator[None]:
    """Give zipfile's errors our words."""
    try:
        yield
    except FmnistError:
        raise
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError) as error:
        raise DataMismatchError(f"{path}: expected a bundle, found {error}") from error
    except OSError as error:
        raise FileAccessError(f"{path}: cannot be read ({error.strerror})") from error
