"""Where payloads live on this machine.

One folder, ``FMNIST_HOME`` or the platform's cache directory, holds a folder of raw IDX files for
each revision of each dataset. A payload is hashed when it enters the store, and trusted afterwards
as long as its size and modification time stay as noted.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from fmnist_core.errors import DataMismatchError, FileAccessError, IdxError, printable
from fmnist_core.files import BLOCK, digest_of, expanded, hasher, open_regular, written_whole
from fmnist_core.idx.containers import container_of_file, unpacked, unpacked_stream
from fmnist_core.idx.header import ByteStream, parse_header, read_exactly
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.storage import notes


def home() -> Path:
    """Return the store's folder; it need not exist.

    Raises
    ------
    FileAccessError
        If none is chosen and this user has no home folder, as in many containers.
    """
    if chosen := os.environ.get("FMNIST_HOME"):
        return expanded(Path(chosen))
    from platformdirs import user_cache_path

    with suppress(RuntimeError):
        if (place := user_cache_path("fmnist")).is_absolute():
            return place
    raise FileAccessError(
        "the store has no folder: this user has no home folder. Try: set FMNIST_HOME to a folder"
    )


def folder(info: DatasetInfo) -> Path:
    """Return the folder of a dataset's current revision; it need not exist."""
    return home() / (info.family or info.name).lower() / (info.released or "current")


# -- what is genuine ----------------------------------------------------------------------------


def is_verified(path: Path, file: FileInfo) -> bool:
    """Whether a payload was verified and has not changed since; reads no data."""
    digest = _noted_digest(path)
    return digest is not None and file.payload.sha256 in (None, digest)


def is_genuine(path: Path, file: FileInfo, member: str = "") -> bool:
    """Hash a file and return whether it holds the payload, in any container.

    If the catalog has no digest of the payload, the digest of the published file decides: of this
    file, or of the published file beside it, which is then unpacked and compared.

    Raises
    ------
    FileAccessError, IdxError
        If the file cannot be read or unpacked.
    """
    expected = file.payload.sha256
    published = path.with_name(file.packed_name)
    is_unpacked = path.name == file.name != file.packed_name
    if expected is None and is_unpacked and os.path.isfile(published):
        if not has_published_digest(published, file):
            return False
        expected = _sha256(published, file)
    if expected is None:
        return has_published_digest(path, file)
    return payload_sha256(path, file.payload.nbytes, member) == expected


def is_published(path: Path, file: FileInfo, *, missing_ok: bool = False) -> bool:
    """Return whether a file is the published one; hash it unless a note has the digest.

    The SHA-256 decides; if only the MD5 is known, it decides, but it detects no malice.

    Raises
    ------
    FileAccessError
        If it cannot be read, unless it is only missing and that is `missing_ok`.
    """
    if missing_ok and not os.path.exists(path):
        return False
    _, expected = _published_digest(file)
    return _noted_digest(path) == expected is not None or has_published_digest(path, file)


def has_published_digest(path: Path, file: FileInfo) -> bool:
    """Hash a file and return whether it is the published one; another length is not read.

    Raises
    ------
    FileAccessError
        If it cannot be read.
    """
    kind, expected = _published_digest(file)
    with open_regular(path) as opened:
        nbytes = os.fstat(opened.fileno()).st_size
        if expected is None or file.packed.nbytes not in (None, nbytes):
            return False
        return digest_of(opened, kind) == expected


def _published_digest(file: FileInfo) -> tuple[str, str | None]:
    """Return the kind and the digest by which a published file is known."""
    if file.packed.sha256:
        return "sha256", file.packed.sha256
    return "md5", file.packed.md5


def mark_verified(path: Path, digest: str) -> None:
    """Note that a file is verified as it is now; the caller holds the lock."""
    notes.note(path, digest)


def mark_published_verified(path: Path, file: FileInfo) -> None:
    """Note that a published file is verified as it is now; the caller holds the lock."""
    notes.note(path, _published_digest(file)[1] or "")


def payload_sha256(path: Path, limit: int | None = None, member: str = "") -> str | None:
    """Hash a file's payload, whatever its container; None if it is longer than `limit` bytes."""
    digest, nbytes = hasher(), 0
    with open_regular(path) as file:
        is_raw = container_of_file(file) == "raw"
        if is_raw and limit is not None and os.fstat(file.fileno()).st_size > limit:
            return None
        with unpacked_stream(file, printable(path), member) as stream:
            while block := stream.read1(BLOCK):
                digest.update(block)
                nbytes += len(block)
                if limit is not None and nbytes > limit:
                    return None
    return digest.hexdigest()


# -- what comes in ------------------------------------------------------------------------------


def unpack_verified(packed: Path, target: Path, file: FileInfo, member: str = "") -> None:
    """Unpack a file into the store, verifying it on the way; the caller holds the lock.

    Raises
    ------
    DataMismatchError
        If it is not the payload; nothing is left behind.
    IdxError, FileAccessError
        If it cannot be unpacked, or the store cannot be written.
    """
    if file.payload.sha256 is None and not is_published(packed, file):
        raise _mismatch(packed, file)
    with unpacked(packed, member) as stream:
        blocks = _blocks(stream, transposed=file.transposed)
        try:
            write_verified(blocks, target, file)
        except DataMismatchError as error:
            raise _mismatch(packed, file) from error


def write_verified(blocks: Iterable[bytes | memoryview], target: Path, file: FileInfo) -> None:
    """Write a payload into the store, verifying it on the way; the caller holds the lock.

    Raises
    ------
    DataMismatchError
        If it is not the payload; nothing is left behind.
    FileAccessError
        If the store cannot be written.
    """
    digest = _written(target, blocks, "sha256", file.payload.sha256, file.payload.nbytes)
    if digest is None:
        raise DataMismatchError(f"this is not {file.name}")
    mark_verified(target, digest)


def copy_published(blocks: Iterable[bytes], target: Path, file: FileInfo) -> None:
    """Write a published file into the store, verifying it on the way; the caller holds the lock.

    Raises
    ------
    DataMismatchError
        If it is not that file; nothing is left behind.
    FileAccessError
        If the store cannot be written.
    """
    kind, expected = _published_digest(file)
    digest = expected and _written(target, blocks, kind, expected, file.packed.nbytes)
    if digest is None:
        raise DataMismatchError(f"its {file.packed_name} is not the one that is published")
    mark_verified(target, digest)


def _written(
    target: Path,
    blocks: Iterable[bytes | memoryview],
    kind: str,
    expected: str | None,
    nbytes: int | None,
) -> str | None:
    """Write a file and return its digest; if digest or length is wrong, leave no file: None."""
    digest, count = hasher(kind), 0
    with suppress(_WrongContent), written_whole(target) as output:
        for block in blocks:
            digest.update(block)
            count += len(block)
            if nbytes is not None and count > nbytes:
                raise _WrongContent
            output.write(block)
        if nbytes not in (None, count) or expected not in (None, digest.hexdigest()):
            raise _WrongContent
        return digest.hexdigest()
    return None


class _WrongContent(Exception):
    """The written content is not the expected one, so it is discarded."""


def _sha256(published: Path, file: FileInfo) -> str:
    """Return the digest of what a published file unpacks to, as the store keeps it."""
    digest = hasher()
    with unpacked(published, file.member) as stream:
        for block in _blocks(stream, transposed=file.transposed):
            digest.update(block)
    return digest.hexdigest()


def _blocks(stream: ByteStream, *, transposed: bool) -> Iterator[bytes]:
    if transposed:
        yield from _transposed(stream)
    else:
        while block := stream.read1(BLOCK):
            yield block


def _transposed(stream: ByteStream) -> Iterator[bytes]:
    """Yield a payload of one-byte images with each image transposed, some images at a time."""
    start = read_exactly(stream, 16)
    header = parse_header(start)
    if header is None or len(header.shape) != 3 or header.dtype.itemsize != 1:
        raise IdxError(f"expected a stack of one-byte images, found {start.hex(' ')}")
    yield header.to_bytes()
    height, width = header.shape[1:]
    chunk = max(BLOCK // max(height * width, 1), 1) * height * width
    while block := read_exactly(stream, chunk):
        if len(block) % (height * width):
            raise IdxError(f"the last image is cut short, after {len(block)} of its bytes")
        images = np.frombuffer(block, np.uint8).reshape(-1, height, width)
        yield images.swapaxes(1, 2).tobytes()


# -- what is left over --------------------------------------------------------------------------


def left_behind(path: Path, file: FileInfo) -> list[Path]:
    """Return the files that killed processes left beside a payload in the store."""
    names = {path.name, notes.NAME} | ({file.packed_name} if file.payload.sha256 else set())
    with suppress(OSError):  # gone meanwhile
        return [
            other
            for other in path.parent.iterdir()
            if (other.name == file.packed_name != path.name and file.payload.sha256)
            or any(other.name.startswith(f".{name}.") for name in names)
        ]
    return []


def remove_leftovers(path: Path, file: FileInfo) -> None:
    """Remove the files that killed processes left beside a payload; the caller holds the lock."""
    for left in left_behind(path, file):
        with suppress(OSError):
            left.unlink()


def _mismatch(packed: Path, file: FileInfo) -> DataMismatchError:
    return DataMismatchError(f"{printable(packed)}: this is not {file.name}")


def _noted_digest(path: Path) -> str | None:
    """Return the digest noted for an untouched file of the store.

    Notes of another folder are ignored: it could vouch for itself.
    """
    with suppress(FileAccessError):
        if path.absolute().is_relative_to(home().absolute()):
            return notes.noted_digest(path)
    return None
