"""Obtain a dataset's payloads: from the store, from what lies on this machine, from mirrors."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from warnings import warn

from fmnist_core import store, synthetic
from fmnist_core.catalog import SYNTHETIC
from fmnist_core.errors import DataMismatchError, FmnistError, IdxError
from fmnist_core.files import container_of
from fmnist_core.identify import Identity, identify
from fmnist_core.idx import write_idx
from fmnist_core.records import DatasetInfo, FileInfo

Report = Callable[[str, int, int | None], None]
"""Told now and then of a download: the file's name, bytes done, bytes in all or None."""


def obtain(
    info: DatasetInfo,
    split: str,
    place: Path,
    *,
    source_url: str | None = None,
    verify: bool = False,
    report: Report | None = None,
) -> tuple[Path, Path]:
    """Return verified files of a split's images and labels, raw or packed.

    Parameters
    ----------
    info, split : DatasetInfo, str
    place : path
        The store's folder for this dataset; filled if need be.
    source_url : str, optional
        The only mirror to fetch from; by default FMNIST_MIRROR, else the catalog's.
    verify : bool
        Hash what is in the store again, even where it has not been touched.
    report : callable, optional
        Told of downloads.

    Raises
    ------
    FetchError
        If a file is nowhere on this machine and no mirror gives it.
    FileUnreadableError
        If the store cannot be written.
    """
    files = info.split(split).images, info.split(split).labels
    paths = place / files[0].name, place / files[1].name
    if not verify and all(map(store.is_trusted, paths, files)):
        return paths
    mirrors = _mirrors(info, source_url)
    with store.locked(place):
        here = dict(zip(paths, map(_in_store, paths, files, repeat(verify)), strict=True))
        if info is SYNTHETIC and not all(here.values()):
            _draw(split, paths, files)
            here = dict.fromkeys(paths, True)
        images, labels = (
            path if here[path] else _brought(path, info, file, mirrors, report)
            for path, file in zip(paths, files, strict=True)
        )
        for path in paths:
            store.sweep(path)
        return images, labels


def find_genuine(places: Sequence[Path], info: DatasetInfo, file: FileInfo) -> Path | None:
    """Return the first file of some folders that holds a payload, raw ones first.

    Raises
    ------
    DataMismatchError, IdxError, FileUnreadableError
        If there are files of its name and none holds it; what the first of them is instead.
    """
    wrong: FmnistError | None = None
    for path in candidates(places, file.name):
        try:
            check_genuine(path, info, file)
            return path
        except FmnistError as error:
            if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                wrong = wrong or error
    if wrong is not None:
        raise wrong
    return None


def check_genuine(path: Path, info: DatasetInfo, file: FileInfo) -> None:
    """Raise DataMismatchError or IdxError unless a file holds the payload; say what it is."""
    with suppress(IdxError):  # identify says it better
        if store.is_genuine(path, file):
            return
    found = _what(path)
    kind = IdxError if found.verdict in ("damaged", "foreign") else DataMismatchError
    digest = f" (SHA-256 {found.digest})" if found.digest else ""
    advice = found.advice or "Get the right file"
    raise kind(
        f"{path}: expected {info.title} {file.name} (SHA-256 {file.payload.sha256}), found "
        f"{found.found}{digest}. {advice} (see {info.homepage or 'where it came from'}), or use it "
        "as it is with open_idx(images_path, labels_path)"
    )


def _what(path: Path) -> Identity:
    """Return what a file is; of a zip file no more than that, as its members are not looked for."""
    match identify(path):
        case [Identity(container="gzip" | "xz" | "raw") as found]:
            return found
    return Identity(str(path), "zip", "foreign", "a zip file", "Unpack it")


def local_folders(info: DatasetInfo, root: Path) -> list[Path]:
    """Return where a dataset's files may lie under a folder: in it, or as torchvision has them."""
    return [root, root / info.title.replace("-", "") / "raw"]


def candidates(places: Sequence[Path], name: str) -> Iterator[Path]:
    """Yield where some folders may hold a file: raw, .gz or .xz, with or without a dot."""
    dotted = name.replace("-idx", ".idx")
    for suffix in ("", ".gz", ".xz"):
        for place in places:
            yield place / f"{name}{suffix}"
            yield place / f"{dotted}{suffix}"


def _in_store(path: Path, file: FileInfo, verify: bool) -> bool:
    """Whether the store has a payload; one that is not genuine is taken for absent, aloud."""
    if not path.exists():
        return False
    if not verify and store.is_trusted(path, file):
        return True
    with suppress(IdxError):
        if store.is_genuine(path, file):
            store.trust(path, file.payload.sha256 or store.payload_sha256(path) or "")
            return True
    # The caller of `load` is told: from here it is the fourth.
    warn(f"{_what(path)}. The genuine {file.name} is to replace it", stacklevel=4)
    return False


def _draw(split: str, paths: Sequence[Path], files: Sequence[FileInfo]) -> None:
    for path, file, array in zip(paths, files, synthetic.draw(split), strict=True):
        part = path.with_name(f".{path.name}.part")
        try:
            write_idx(part, array)
            check_genuine(part, SYNTHETIC, file)
            store.take_in(part, path, file)
        finally:
            part.unlink(missing_ok=True)


def _brought(
    path: Path,
    info: DatasetInfo,
    file: FileInfo,
    mirrors: Sequence[str],
    report: Report | None,
) -> Path:
    """Return where a payload is after it was brought here."""
    other = in_other_library(info, file)
    if other is None:
        _fetch(path, info, file, mirrors, report)
    elif container_of(other) == "raw":
        return other
    else:
        store.take_in(other, path, file)
    return path


def in_other_library(info: DatasetInfo, file: FileInfo) -> Path | None:
    """Return a genuine file that torchvision, Keras or a hand left on this machine, or None."""
    keras = Path(os.path.expanduser(os.environ.get("KERAS_HOME", "~/.keras")))
    places = [*local_folders(info, Path("data"))[1:], keras / "datasets" / info.name]
    with suppress(FmnistError):
        # A store that cannot be written may still hold it.
        places.insert(0, store.folder(info))
    with suppress(FmnistError):  # what is not genuine there is not ours to complain of
        return find_genuine([place.absolute() for place in places], info, file)
    return None


def _mirrors(info: DatasetInfo, source_url: str | None) -> Sequence[str]:
    own = source_url or os.environ.get("FMNIST_MIRROR")
    return [own] if own else info.mirrors


def _fetch(
    path: Path,
    info: DatasetInfo,
    file: FileInfo,
    mirrors: Sequence[str],
    report: Report | None,
) -> None:
    """Fetch a packed file from the first mirror that has it, and take its payload in."""
    from fmnist_core.fetch import fetch

    packed = path.with_name(f"{file.name}.gz")

    def check_and_take_in(part: Path) -> None:
        try:
            store.take_in(part, path, file)
        except (DataMismatchError, IdxError):
            check_genuine(part, info, file)
            raise

    fetch(
        [f"{mirror.rstrip('/')}/{packed.name}" for mirror in mirrors],
        packed,
        check_and_take_in,
        # A mirror of one's own may have packed the same payload otherwise.
        nbytes=file.packed.nbytes if mirrors is info.mirrors else None,
        report=report and (lambda done, total: report(file.name, done, total)),
    )
    packed.unlink(missing_ok=True)
