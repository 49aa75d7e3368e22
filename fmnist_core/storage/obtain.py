"""Obtain a dataset's payloads: from the store, from elsewhere on this machine, from mirrors."""

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import warn

from fmnist_core.catalog import SYNTHETIC
from fmnist_core.errors import (
    DataMismatchError,
    FileAccessError,
    FmnistError,
    IdxError,
    brief,
    printable,
)
from fmnist_core.idx.containers import container_of, members
from fmnist_core.idx.format import write_idx
from fmnist_core.records import DatasetInfo, FileInfo
from fmnist_core.storage import store
from fmnist_core.storage.locks import locked

if TYPE_CHECKING:
    from fmnist_core.storage.identify import Identity

FileProgress = Callable[[str, int, int | None], None]
"""Called during a download: the file's name, bytes done, total bytes or None."""

FileOrMember = tuple[Path, str]
"""A file, and its member if it is a zip file, otherwise ""."""


def ensure_files(
    info: DatasetInfo,
    split: str,
    place: Path,
    *,
    upright: bool = True,
    source_url: str | None = None,
    verify: bool = False,
    report: FileProgress | None = None,
) -> tuple[Path, Path]:
    """Return verified raw files of a split's images and labels.

    Parameters
    ----------
    info, split : DatasetInfo, str
    place : path
        The store's folder for this dataset; filled if necessary.
    upright : bool
        Whether to transpose images that are published transposed.
    source_url : str, optional
        The only mirror to fetch from; by default FMNIST_MIRROR, else the catalog's.
    verify : bool
        Hash the store's files again, even if they have not changed.
    report : callable, optional
        Called during downloads.

    Raises
    ------
    FetchError
        If a file is not on this machine and no mirror serves it.
    FileAccessError
        If the store cannot be written.
    """
    files = files_of(info, split, upright=upright)
    paths = place / files[0].name, place / files[1].name
    targets = list(zip(paths, files, strict=True))
    if not verify and all(store.is_verified(path, file) for path, file in targets):
        if any(store.left_behind(path, file) for path, file in targets):
            with suppress(FmnistError), locked(place):
                for path, file in targets:
                    store.remove_leftovers(path, file)
        return paths
    mirrors = _mirrors(info, source_url)
    with locked(place):
        missing = []
        for path, file in targets:
            if not _in_store(path, file, verify):
                missing.append(path)
        if missing and info is SYNTHETIC:
            _draw(split, paths, files)
            missing = []
        images, labels = (
            _import_or_fetch(path, info, file, mirrors, report) if path in missing else path
            for path, file in targets
        )
        for path, file in targets:
            store.remove_leftovers(path, file)
        return images, labels


def files_of(info: DatasetInfo, split: str, *, upright: bool = True) -> tuple[FileInfo, FileInfo]:
    """Return a split's images and labels as the store keeps them.

    Raises
    ------
    UnknownDatasetError
        If there is no such split.
    """
    images, labels = info.split(split).files
    return images.as_transposed() if upright and info.transposed else images, labels


def find_genuine(places: Sequence[Path], info: DatasetInfo, file: FileInfo) -> FileOrMember | None:
    """Return the first file of some folders that holds a payload, raw ones first.

    Raises
    ------
    DataMismatchError, IdxError, FileAccessError
        If no file with its name holds it; the message says what the first one is instead.
    """
    genuine, wrong = _first_genuine(places, file)
    if isinstance(wrong, Path):
        wrong = _not_genuine(wrong, info, file)
    if wrong is not None:
        raise wrong
    return genuine


def _first_genuine(
    places: Sequence[Path], file: FileInfo
) -> tuple[FileOrMember | None, Path | FmnistError | None]:
    """Return the first genuine file, otherwise the first wrong one or why it cannot be read.

    It does not identify the wrong one, which would read it once more.
    """
    wrong: Path | FmnistError | None = None
    for path, member in _candidates(places, file):
        try:
            if store.is_genuine(path, file, member):
                return (path, member), None
            if os.path.isfile(path):  # else the published file beside it is the wrong one
                wrong = wrong or path
        except IdxError:
            wrong = wrong or path
        except FmnistError as error:
            if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                wrong = wrong or error
    return None, wrong


def check_genuine(path: Path, info: DatasetInfo, file: FileInfo, member: str = "") -> None:
    """Raise DataMismatchError or IdxError, which says what a file is, unless it is the payload."""
    with suppress(IdxError):  # the message of identify is better
        if store.is_genuine(path, file, member):
            return
    raise _not_genuine(path, info, file)


def _not_genuine(path: Path, info: DatasetInfo, file: FileInfo) -> FmnistError:
    """Return the error for a file that is not the genuine one; it says what the file is."""
    identity = _what(path)
    digest = f" (SHA-256 {identity.digest})" if identity.digest else ""
    problem = (
        f"{printable(path)}: expected {info.title} {_expected(file)}, found "
        f"{printable(identity.found)}{digest}"
    )
    source = info.homepage or "where it came from"
    if identity.verdict in ("damaged", "foreign"):
        return IdxError(f"{problem}. {identity.advice}; the dataset's page is {source}")
    right = f"the right file (see {source})"
    advice = f"{right}, or this one as it is: {_open_idx_call(info)}"
    return DataMismatchError(problem, advice=advice, command=right)


def _open_idx_call(info: DatasetInfo) -> str:
    """Return how to read files of a dataset that cannot be verified."""
    options = ""
    if info.transposed:
        options = f', classes={len(info.classes)}, orientation="upright"'
    if info.first_label:
        options += ", zero_based=True"
    return f"open_idx(images_path, labels_path{options})"


def _expected(file: FileInfo) -> str:
    """Describe the expected bytes: the payload if its digest is known, else the published file."""
    if file.payload.sha256:
        return f"{file.name} (SHA-256 {file.payload.sha256})"
    packed = file.packed
    digest = f"SHA-256 {packed.sha256}" if packed.sha256 else f"MD5 {packed.md5}"
    return f"{file.packed_name} as it is published ({digest}), the only digest that is known"


def _what(path: Path) -> "Identity":
    """Return what a file is; for a zip file, name its first members only."""
    from fmnist_core.storage.identify import Identity, identify  # only where a file is wrong

    identities = identify(path)
    if len(identities) == 1 and identities[0].container not in ("zip", "npz"):
        return identities[0]
    try:
        names = ", ".join(brief(name) for name in members(path)[:4])
    except IdxError:
        return identities[0]  # so damaged that it lists no members
    return Identity(
        str(path), "zip", "unknown", f"a zip file of {len(identities)} files: {names} ..."
    )


def local_folders(info: DatasetInfo, root: Path) -> list[Path]:
    """Return where a dataset's files may be: in a folder, or in torchvision's subfolder of it."""
    return [root, root / (info.family or info.title).replace("-", "") / "raw"]


def _candidates(places: Sequence[Path], file: FileInfo) -> Iterator[FileOrMember]:
    for name in spellings(file.name):
        for place in places:
            yield file_in(place, name), ""
    for name, member in ((file.packed_name, file.member), *file.elsewhere):
        for place in places:
            yield file_in(place, name), member


def file_in(folder: Path, name: str) -> Path:
    """Return where a file is in a folder, or in a folder of its name there, as Kaggle unpacks."""
    path = folder / name
    # Not Path.is_dir, which raises where a folder may not be looked into.
    return path / name if os.path.isdir(path) else path


def spellings(name: str) -> list[str]:
    """Return what a payload's file may be called: as it is or dotted, raw first, .gz, .xz, .zip."""
    dotted = name.replace("-idx", ".idx")
    return [f"{stem}{suffix}" for suffix in ("", ".gz", ".xz", ".zip") for stem in (name, dotted)]


def _in_store(path: Path, file: FileInfo, verify: bool) -> bool:
    """Whether the store has a genuine payload; warn about one that is not genuine."""
    if not os.path.exists(path):
        return False
    if not verify and store.is_verified(path, file):
        return True
    with suppress(IdxError):
        if store.is_genuine(path, file):
            store.mark_verified(path, file.payload.sha256 or store.payload_sha256(path) or "")
            return True
    # The warning names the caller of `load`, which is the fifth from here.
    warn(f"{_what(path)}. The genuine {file.name} will replace it", stacklevel=5)
    return False


def _draw(split: str, paths: Sequence[Path], files: Sequence[FileInfo]) -> None:
    from fmnist_core import synthetic  # only once for a store

    for path, file, array in zip(paths, files, synthetic.draw(split), strict=True):
        payload = io.BytesIO()
        write_idx(payload, array)
        try:
            store.write_verified([payload.getbuffer()], path, file)
        except DataMismatchError as error:
            raise DataMismatchError(
                f"expected {SYNTHETIC.title} {file.name}, drew other pixels ({error}). "
                "Try: another version of numpy, or report it"
            ) from error


def _import_or_fetch(
    path: Path,
    info: DatasetInfo,
    file: FileInfo,
    mirrors: Sequence[str],
    report: FileProgress | None,
) -> Path:
    """Return where a payload is now: imported from this machine, or fetched."""
    local = find_local(info, file, path.parent)
    if local is None:
        _fetch(path, info, file, mirrors, report)
        return path
    other, member = local
    if container_of(other) == "raw" and not file.transposed:
        return other
    store.unpack_verified(other, path, file, member)
    return path


def find_local(info: DatasetInfo, file: FileInfo, *places: Path) -> FileOrMember | None:
    """Return a genuine file that torchvision, Keras or the user left on this machine, or None.

    Look in `places` first, then in the store, which may be read-only, then in other libraries'
    folders.
    """
    # A wrong file there is the other library's matter.
    return _first_genuine([*places, *_folders(info)], file)[0]


def find_published(info: DatasetInfo, file: FileInfo) -> Path:
    """Return a published file that is on this machine.

    Raises
    ------
    FileAccessError
        If there is none.
    """
    for folder in _folders(info):
        path = folder / file.packed_name
        if store.is_published(path, file, missing_ok=True):
            return path
    raise FileAccessError(
        f"expected {file.packed_name} of {info.title} in {printable(store.folder(info))}, "
        "found none. "
        f"Try: fmnist remove {info.name}; fmnist fetch {info.name}"
    )


def _folders(info: DatasetInfo) -> list[Path]:
    """Return where a dataset's files may be on this machine: the store, then other libraries'."""
    keras = Path(os.path.expanduser(os.environ.get("KERAS_HOME", "~/.keras"))) / "datasets"
    folders = [*local_folders(info, Path("data"))[1:], keras / info.name, keras]
    with suppress(FmnistError):
        folders.insert(0, store.folder(info))
    return [folder.absolute() for folder in folders]


def _mirrors(info: DatasetInfo, source_url: str | None) -> Sequence[str]:
    chosen = source_url or os.environ.get("FMNIST_MIRROR")
    return [chosen] if chosen else info.mirrors


def _fetch(
    path: Path,
    info: DatasetInfo,
    file: FileInfo,
    mirrors: Sequence[str],
    report: FileProgress | None,
) -> None:
    """Fetch a packed file from the first mirror that has it, and unpack it into the store."""
    from fmnist_core.storage.addresses import under
    from fmnist_core.storage.download import MAX_BYTES, fetch

    packed = path.with_name(file.packed_name)
    # In the worst case packing adds a few bytes to each block.
    longest = max((n for n in (file.payload.nbytes, file.packed.nbytes) if n), default=None)

    def unpack(part: Path) -> None:
        try:
            store.unpack_verified(part, path, file, file.member)
        except (DataMismatchError, IdxError):
            check_genuine(part, info, file, file.member)
            raise

    fetch(
        [under(mirror, packed.name) for mirror in mirrors],
        packed,
        unpack,
        # A user's own mirror may have packed the same payload differently.
        nbytes=file.packed.nbytes if mirrors is info.mirrors else None,
        limit=MAX_BYTES if longest is None else longest + longest // 64 + (1 << 20),
        report=report and (lambda done, total: report(file.name, done, total)),
    )
    if file.payload.sha256:
        packed.unlink(missing_ok=True)
    else:
        # Kept: it alone proves what was unpacked from it, and may hold other payloads.
        store.mark_published_verified(packed, file)
