"""Where payloads live on this machine.

One folder, ``FMNIST_HOME`` or the platform's cache directory, holds a folder of raw IDX files for
each revision of each dataset. A payload is hashed when it comes in; afterwards it is trusted for as
long as its size and modification time are those noted then.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from fmnist_core.errors import DataMismatchError, FileAccessError, IdxError
from fmnist_core.files import BLOCK, expanded, file_digest, write_whole
from fmnist_core.idx.containers import container_of, unpacked
from fmnist_core.idx.header import ByteStream, parse_header, read_exactly
from fmnist_core.records import DatasetInfo, FileInfo

_NOTES = "verified.json"


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
        "the store has no place, as this user has no home folder. Try: set FMNIST_HOME to a folder"
    )


def folder(info: DatasetInfo) -> Path:
    """Return the folder of a dataset's current revision; it need not exist."""
    return home() / (info.family or info.name).lower() / (info.released or "current")


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Make a dataset's folder and hold its lock, so that one process at a time fills it.

    Raises
    ------
    FileAccessError
        If the store cannot be written.
    """
    from filelock import FileLock

    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / ".lock")
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileAccessError(
            f"{place}: the store cannot be written ({reason}). "
            "Try: set FMNIST_HOME to a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_verified(path: Path, file: FileInfo) -> bool:
    """Whether a payload was verified before and has not been touched since; reads no data."""
    digest = _note(path, as_it_is_now=True)
    return digest is not None and file.payload.sha256 in (None, digest)


def is_genuine(path: Path, file: FileInfo, member: str = "") -> bool:
    """Hash a file and say whether it holds the payload, in whatever container.

    Where the catalog knows no digest of the payload, the one noted when it came into the store
    decides, or that of the published file.

    Raises
    ------
    FileAccessError, IdxError
        If the file cannot be read or unpacked.
    """
    # Another folder's notes are not ours: it could vouch for itself.
    wanted = file.payload.sha256 or (_note(path) if path.name == file.name else None)
    if wanted is None:
        return is_published(path, file)
    return payload_sha256(path, file.payload.nbytes, member) == wanted


def is_published(path: Path, file: FileInfo, *, missing_ok: bool = False) -> bool:
    """Hash a file as it lies and say whether it is the one that is published.

    Its SHA-256 decides; MD5, which shows damage but no malice, only where no more is known.

    Raises
    ------
    FileAccessError
        If it cannot be read, unless it is only missing and that is `missing_ok`.
    """
    if missing_ok and not path.exists():
        return False
    kind = "sha256" if file.packed.sha256 else "md5"
    wanted = file.packed.sha256 or file.packed.md5
    if wanted is None:
        return False
    return _note(path, as_it_is_now=True) == wanted or file_digest(path, kind) == wanted


def mark_verified(path: Path, digest: str) -> None:
    """Note that a file is verified as it is now; the caller holds the lock."""
    size, modified = _state(path)
    notes = _notes(path.parent) | {path.name: [size, modified, digest]}
    # Not waited for: notes that a power cut takes cost one more hash.
    write_whole(path.parent / _NOTES, [json.dumps(notes, indent=1).encode()], sync=False)


def mark_published_verified(path: Path, file: FileInfo) -> None:
    """Note that a published file is verified as it is now; the caller holds the lock."""
    mark_verified(path, file.packed.sha256 or file.packed.md5 or "")


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
        raise _not_it(packed, file)
    digest = hashlib.sha256()

    def blocks() -> Iterator[bytes]:
        with unpacked(packed, member) as stream:
            left = file.payload.nbytes
            for block in (
                _transposed(stream) if file.transposed else iter(lambda: stream.read1(BLOCK), b"")
            ):
                digest.update(block)
                if left is not None and (left := left - len(block)) < 0:
                    raise _not_it(packed, file)
                yield block
        if left or file.payload.sha256 not in (None, digest.hexdigest()):
            raise _not_it(packed, file)

    write_whole(target, blocks())
    mark_verified(target, digest.hexdigest())


def _transposed(stream: ByteStream) -> Iterator[bytes]:
    """Yield a payload of one-byte images with each image transposed, some images at a time."""
    start = read_exactly(stream, 16)
    header = parse_header(start)
    if header is None or len(header.shape) != 3 or header.dtype.itemsize != 1:
        raise IdxError(f"expected a stack of one-byte images, found {start.hex(' ')}")
    yield header.to_bytes()
    height, width = header.shape[1:]
    some = max(BLOCK // max(height * width, 1), 1) * height * width
    while block := read_exactly(stream, some):
        if len(block) % (height * width):
            raise IdxError(f"the last image is cut short, after {len(block)} of its bytes")
        images = np.frombuffer(block, np.uint8).reshape(-1, height, width)
        yield images.swapaxes(1, 2).tobytes()


def left_behind(path: Path, file: FileInfo) -> list[Path]:
    """Return what killed processes left beside a payload that is in the store."""
    names = {path.name, _NOTES} | ({file.packed_name} if file.payload.sha256 else set())
    return [
        other
        for other in path.parent.iterdir()
        if (other.name == file.packed_name != path.name and file.payload.sha256)
        or any(other.name.startswith(f".{name}.") for name in names)
    ]


def remove_leftovers(path: Path, file: FileInfo) -> None:
    """Remove what killed processes left beside a payload; the caller holds the lock."""
    for left in left_behind(path, file):
        with suppress(OSError):
            left.unlink()


def payload_sha256(path: Path, limit: int | None = None, member: str = "") -> str | None:
    """Hash a file's payload, whatever it is packed in; None if it is longer than `limit` bytes."""
    if container_of(path) == "raw":
        return file_digest(path)
    digest, size = hashlib.sha256(), 0
    with unpacked(path, member) as stream:
        while block := stream.read1(BLOCK):
            digest.update(block)
            size += len(block)
            if limit is not None and size > limit:
                return None
    return digest.hexdigest()


def _not_it(packed: Path, file: FileInfo) -> DataMismatchError:
    return DataMismatchError(f"{packed}: this is not {file.name}")


def _note(path: Path, *, as_it_is_now: bool = False) -> str | None:
    """Return the digest noted for a file of the store, perhaps only if it has not been touched."""
    if not _is_inside(path):
        return None
    match _notes(path.parent).get(path.name):
        case [size, modified, str(digest)]:
            if not as_it_is_now or (path.exists() and _state(path) == (size, modified)):
                return digest
    return None


def _is_inside(path: Path) -> bool:
    with suppress(FileAccessError):
        return path.absolute().is_relative_to(home().absolute())
    return False


def _notes(place: Path) -> dict[str, Any]:
    try:
        notes = json.loads((place / _NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Lost or torn notes cost one more hash, no more.
        return {}
    return notes if isinstance(notes, dict) else {}


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
