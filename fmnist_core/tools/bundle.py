"""A dataset in one zip file, for machines without a network: payloads, licence, citation."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

from fmnist_core import store
from fmnist_core.errors import DataMismatchError, FileUnreadableError
from fmnist_core.files import BLOCK, file_sha256, write_whole, written_whole
from fmnist_core.obtain import Report, obtain
from fmnist_core.records import DatasetInfo, FileInfo

_MANIFEST = "manifest.json"


def write_bundle(info: DatasetInfo, path: Path, report: Report | None = None) -> None:
    """Write a zip file of a dataset's verified payloads, fetching them first if need be.

    Raises
    ------
    FmnistError
        If the data cannot be had, or the file cannot be written; nothing is left behind then.
    """
    payloads: dict[str, Path] = {}
    for split in info.splits:
        found = obtain(info, split, store.folder(info), report=report)
        payloads |= dict(zip((file.name for file in _files(info, split)), found, strict=True))
    digests = {name: file_sha256(payload) for name, payload in payloads.items()}
    manifest = {"dataset": info.name, "released": info.released, "sha256": digests}
    with written_whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in payloads.items():
            archive.write(payload, name)
        archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
        archive.writestr("LICENCE.txt", f"{info.title}: {info.licence}\n{info.homepage}\n")
        archive.writestr("CITATION.bib", info.citation)


def read_bundle(info: DatasetInfo, path: Path) -> None:
    """Take a dataset's payloads out of a bundle into the store; each is verified on the way.

    Raises
    ------
    DataMismatchError
        If the file is no bundle of this dataset, or a payload is not the genuine one.
    FileUnreadableError
        If it cannot be read, or the store cannot be written.
    """
    place = store.folder(info)
    try:
        with zipfile.ZipFile(path) as archive, store.locked(place):
            for split in info.splits:
                for file in _files(info, split):
                    # Under a name of ours: a member's own could lead out of the folder.
                    part = place / f".{file.name}.part"
                    try:
                        write_whole(part, _member_blocks(archive, file))
                        store.take_in(part, place / file.name, file)
                    finally:
                        part.unlink(missing_ok=True)
    except KeyError as error:
        raise DataMismatchError(
            f"{path}: expected a bundle of {info.title}, found no {error.args[0]}"
        ) from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise DataMismatchError(f"{path}: expected a bundle, found {error}") from error
    except OSError as error:
        if isinstance(error, FileUnreadableError):
            raise
        raise FileUnreadableError(f"{path}: cannot be read ({error.strerror})") from error


def _files(info: DatasetInfo, split: str) -> tuple[FileInfo, FileInfo]:
    return info.split(split).images, info.split(split).labels


def _member_blocks(archive: zipfile.ZipFile, file: FileInfo) -> Iterator[bytes]:
    left = file.payload.nbytes
    with archive.open(file.name) as member:
        while block := member.read(BLOCK):
            yield block
            if left is not None and (left := left - len(block)) < 0:
                raise DataMismatchError(f"{archive.filename}: {file.name} is too long")
