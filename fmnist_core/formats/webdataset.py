"""Tar shards as WebDataset streams them, in clip-benchmark's folders: ``train/0.tar``.

The files of an example follow one another and share a name: ``00000.png``, ``00000.cls``.
"""

import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from fmnist_core.errors import DataMismatchError, printable
from fmnist_core.formats.pictures import encoded
from fmnist_core.formats.rows import Rows, rows_of_pictures, split_in
from fmnist_core.formats.split import Split
from fmnist_core.formats.target import class_lines, write_text
from fmnist_core.idx.zips import foreign

SHARD = 10_000
"""Examples in a shard."""

_PICTURES = ("png", "jpg", "jpeg", "webp")
_LARGEST = 1 << 24


def write(splits: Sequence[Split], folder: Path) -> None:
    """Write the shards of each split, their number, and the names of the classes."""
    for split in splits:
        (folder / split.name).mkdir(parents=True)
        shards = _write_shards(split, folder / split.name)
        write_text(folder / split.name / "nshards.txt", f"{shards}\n")
    write_text(folder / "classnames.txt", class_lines(splits[0].dataset.classes))
    write_text(folder / "zeroshot_classification_templates.txt", "a photo of a {c}.\n")


def _write_shards(split: Split, folder: Path) -> int:
    number, width = 0, max(5, len(str(len(split) - 1)))
    with ExitStack() as stack:
        for images, labels in split.blocks():
            for image, label in zip(images, labels, strict=True):
                if number % SHARD == 0:
                    stack.close()
                    path = folder / f"{number // SHARD}.tar"
                    shard = stack.enter_context(
                        tarfile.open(path, "x", format=tarfile.USTAR_FORMAT)
                    )
                _add(shard, f"{number:0{width}}.png", encoded(image))
                _add(shard, f"{number:0{width}}.cls", str(label).encode())
                number += 1
    return -(-number // SHARD)


def _add(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # of time 0 and no owner: the same data give the same file
    member.size = len(data)
    shard.addfile(member, io.BytesIO(data))


def read(path: Path) -> Iterator[Rows]:
    """Yield the examples of a tar shard; nothing is unpacked to disk.

    Raises
    ------
    DataMismatchError
        If a member leads out of the archive or is not a plain file, or a picture has no label.
    """
    split = split_in(path.name) or split_in(path.parent.name)
    yield rows_of_pictures(_pictures(path), str(path), split)


def _pictures(path: Path) -> Iterator[tuple[bytes, int]]:
    stem, picture, label = "", None, None
    for name, data in _members(path):
        folder, slash, file = name.rpartition("/")  # a folder's name may have dots
        base, _, suffix = file.partition(".")
        base = folder + slash + base
        if base != stem:
            if picture is not None:
                yield picture, _checked(label, f"{path}, {stem}")
            stem, picture, label = base, None, None
        if suffix.lower() in _PICTURES:
            picture = data
        elif suffix in ("cls", "label.txt"):
            label = data
    if picture is not None:
        yield picture, _checked(label, f"{path}, {stem}")


class _Archive(io.BufferedReader):
    """A file that is read in parts; a header may ask for as many bytes as the file has."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _LARGEST:
            raise DataMismatchError(
                f"{self.name}: expected short headers, found one of {size:,} bytes"
            )
        return super().read(size)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    # "r:" unpacks nothing: the head of a .gz or .xz file can look like an archive's too.
    with (
        foreign(str(path)),
        _Archive(io.FileIO(path)) as file,
        tarfile.open(fileobj=file, mode="r:") as shard,
    ):
        for member in shard:
            parts = re.split(r"[/\\]", member.name)
            if ".." in parts or member.name[:1] in "/\\" or not (member.isreg() or member.isdir()):
                raise DataMismatchError(
                    f"{path}: expected plain files within the archive, found "
                    f"{printable(member.name[:80])!r}; nothing was unpacked"
                )
            if member.isreg() and member.size <= _LARGEST:
                yield member.name, shard.extractfile(member).read()  # type: ignore[union-attr]


def _checked(label: bytes | None, where: str) -> int:
    if label is None or not re.fullmatch(rb"\s*\d{1,9}\s*", label):
        raise DataMismatchError(f"{where}: expected a .cls with the label as a number")
    return int(label)
