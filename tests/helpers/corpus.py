"""Hostile files, generated: small or sparse on disk, and large or slow to read."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

Maker = Callable[[Path], object]

MIB = 1 << 20
IMAGES = struct.pack(">2xBB3I", 8, 3, 10_000, 28, 28)
"""The header of Fashion-MNIST's test images."""

PAYLOAD = struct.pack(">2xBB3I", 8, 3, 2, 3, 4) + bytes(range(24))
CLAIMS_5_GB = struct.pack(">2xBB3I", 8, 3, 7_000_000, 28, 28)


def written(content: bytes) -> Maker:
    return lambda path: path.write_bytes(content)


def sparse(header: bytes, nbytes: int) -> Maker:
    """Return a maker of a raw file that is one hole after its header."""

    def make(path: Path) -> None:
        path.write_bytes(header)
        os.truncate(path, nbytes)

    return make


def repeated(
    pack: Callable[[bytes], bytes], header: bytes, mebibytes: int, byte: bytes = b"\0"
) -> Maker:
    """Return a maker of consecutive compressed streams: a header, then some MiB of one byte."""

    def make(path: Path) -> None:
        block = pack(byte * (16 * MIB))
        path.write_bytes(pack(header) + block * (mebibytes // 16))

    return make


def zipped(method: int = zipfile.ZIP_DEFLATED, **contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def named(*names: str) -> bytes:
    """Return a zip file whose members have these names; `zipfile` would correct some."""
    stand_ins = {
        f"stand-in-{n:04}".ljust(max(len(name.encode()), 14), "_"): name
        for n, name in enumerate(names)
    }
    data = zipped(zipfile.ZIP_STORED, **dict.fromkeys(stand_ins, PAYLOAD))
    for stand_in, name in stand_ins.items():
        encoded = name.encode("utf-8", "surrogatepass")
        if len(encoded) == len(stand_in):
            data = data.replace(stand_in.encode(), encoded)
        else:
            data = _renamed(data, stand_in.encode(), encoded)
    return data


def _renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Shorten the name of a zip file's only member, and correct the offsets."""
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    out = bytearray(data)
    for start, length_at, name_at in ((central, 28, 46), (local, 26, 30)):
        out[start + length_at : start + length_at + 2] = struct.pack("<H", len(new))
        out[start + name_at : start + name_at + len(old)] = new
    end = out.index(b"PK\x05\x06")
    saved = len(old) - len(new)
    size = struct.unpack_from("<I", out, end + 12)[0] - saved
    struct.pack_into("<II", out, end + 12, size, central - saved)
    return bytes(out)


def zip_bomb(mebibytes: int, method: int = zipfile.ZIP_DEFLATED) -> Maker:
    def make(path: Path) -> None:
        with (
            zipfile.ZipFile(path, "w", method) as archive,
            archive.open("x", "w", force_zip64=True) as member,
        ):
            member.write(CLAIMS_5_GB)
            for _ in range(mebibytes):
                member.write(bytes(MIB))

    return make


def many_members(count: int, content: bytes) -> Maker:
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for number in range(count):
                archive.writestr(f"{number}-idx3-ubyte", content)

    return make


def directory_of(count: int) -> bytes:
    """Return a zip file that has only its list of members, a long one."""
    return _only_directory((_RECORD % struct.pack("<HHH", 1, 0, 0)) * count)


def directory_of_extras(nbytes: int) -> bytes:
    """Return a zip file that has only its list of members, full of empty extra fields.

    Python's zipfile takes time that grows with the square of a member's extra fields.
    """
    extra = b"\x99\x99\0\0" * (65_532 // 4)
    record = _RECORD % struct.pack("<HHH", 1, len(extra), 0) + extra
    return _only_directory(record * (nbytes // len(record)))


def _only_directory(directory: bytes) -> bytes:
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 4, 0)
    return b"PK\x03\x04" + directory + end


_RECORD = b"PK\x01\x02" + bytes(24) + b"%b" + bytes(12) + b"x"


def patched(data: bytes, at: int, value: bytes) -> bytes:
    """Return a zip file with bytes of its first central record replaced."""
    start = data.index(b"PK\x01\x02") + at
    return data[:start] + value + data[start + len(value) :]


def overlapping(count: int, content: bytes = CLAIMS_5_GB + bytes(MIB)) -> bytes:
    """Return a zip file whose members are all the same bytes of the file."""
    one = zipped(x=content)
    central, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    directory = one[central:end] * count
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), central, 0)
    return one[:central] + directory + tail


def npy(header: bytes, data: bytes = bytes(9), version: bytes = b"\x01\x00") -> bytes:
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


def shaped(shape: str, descr: str = "'|u1'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    return npy(text.encode())


def plist_of_lists(levels: int, width: int) -> bytes:
    """Return a property list of nested lists: small, but endless when written out."""
    name = b"NSURLNameKey"
    objects = [b"\x5c" + name, b"\x51a"]
    for level in range(levels):
        objects.append(b"\xaf\x10" + bytes([width]) + bytes([level + 1]) * width)
    objects.append(b"\xd1\0" + bytes([levels + 1]))
    body, offsets = b"bplist00", b""
    for packed in objects:
        offsets += struct.pack(">H", len(body))
        body += packed
    trailer = struct.pack(">6xBB3Q", 2, 1, len(objects), len(objects) - 1, len(body))
    return body + offsets + trailer


class Trap:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("unpickled",)


def npy_of_objects(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([Trap()]))


DEFLATED = zipped(x=PAYLOAD)
ROW = b"7," * 784 + b"7\n"
GZIP_NAME = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * (20 * MIB) + b"\0"

QUICK: dict[str, Maker] = {
    # -- raw ---------------------------------------------------------------------------------------
    "nothing": written(b""),
    "one byte": written(b"\0"),
    "a hole of 40 GB": sparse(IMAGES, 40_000_000_000),
    "a hole of 40 GB that its header calls for": sparse(
        struct.pack(">2xBB3I", 8, 3, 51_020_408, 28, 28), 16 + 51_020_408 * 784
    ),
    "a hole of 40 GB without a header": sparse(b"", 40_000_000_000),
    "a header for 2**128 bytes": written(struct.pack(">2xBB4I", 8, 4, *[2**32 - 1] * 4)),
    "255 axes": written(struct.pack(">2xBB255I", 8, 255, *[1] * 255) + b"\0"),
    "255 axes of 2**32": written(struct.pack(">2xBB255I", 14, 255, *[2**32 - 1] * 255)),
    "no rows": written(struct.pack(">2xBB3I", 8, 3, 0, 2**32 - 1, 2**32 - 1)),
    "a header that is cut": written(IMAGES[:9]),
    "hexadecimal digits": written(b"00 00 08 03 " * (2 * MIB)),
    "hexadecimal digits in one line": written(b"00000803ffffffffffffffffffffffff" * MIB),
    "a page": written(b"<!DOCTYPE html>\x1b[2J" + b"<" * MIB),
    "a page whose title is all spaces": written(b"<html><title>" + b" " * 4080),
    "a page of titles": written(b"<html>" + b"<title>" * 100 + b" " * 3300),
    "an iCloud placeholder of lists of lists": written(plist_of_lists(12, 100)),
    "an LFS pointer with escapes": written(
        b"version https://git-lfs.github.com/spec/v1\x1b[2J\noid sha256:" + b"0" * 64 + b"\n"
    ),
    "a pickle": written(pickle.dumps(Trap())),
    # -- gzip --------------------------------------------------------------------------------------
    "gzip bomb": repeated(gzip.compress, CLAIMS_5_GB, 160),
    "gzip bomb with an honest header": repeated(gzip.compress, IMAGES, 160),
    "gzip bomb without a header": repeated(gzip.compress, b"", 160),
    "gzip of 50,000 empty streams": written(gzip.compress(b"") * 50_000),
    "gzip with a name of 20 MB": written(GZIP_NAME + gzip.compress(PAYLOAD)[10:]),
    "gzip with padding of 1 GB": lambda path: sparse(gzip.compress(PAYLOAD), 1_000_000_000)(path),
    "gzip that is cut": written(gzip.compress(PAYLOAD)[:-9]),
    "gzip with another CRC": written(gzip.compress(PAYLOAD)[:-8] + bytes(8)),
    "gzip in gzip": written(gzip.compress(gzip.compress(PAYLOAD))),
    "gzip with a dictionary's flag": written(b"\x1f\x8b\x08\xff" + bytes(100)),
    # -- xz ----------------------------------------------------------------------------------------
    "xz bomb": repeated(lzma.compress, CLAIMS_5_GB, 160),
    "xz of 15,000 empty streams": written(lzma.compress(b"") * 15_000),
    "xz that is cut": written(lzma.compress(PAYLOAD)[:-9]),
    "xz with a flipped bit": written(lzma.compress(PAYLOAD)[:30] + b"\xff" * 20),
    # -- zip ---------------------------------------------------------------------------------------
    "zip bomb": zip_bomb(160),
    "zip bomb by bzip2": zip_bomb(64, zipfile.ZIP_BZIP2),
    "zip bomb by LZMA": zip_bomb(64, zipfile.ZIP_LZMA),
    "zip of 4,000 members": many_members(4000, PAYLOAD),
    "zip of 10,000 empty members": many_members(10_000, b""),
    "zip with a list of 1 MB": written(directory_of(MIB // 47)),
    "zip with a list of 16 MB": written(directory_of(16 * MIB // 47)),
    "zip with a list of 8 MB of extra fields": written(directory_of_extras(8 * MIB - 66_000)),
    "zip of 40 members that are one": written(overlapping(40)),
    "zip with nothing in it": written(b"PK\x05\x06" + bytes(18)),
    "zip that begins and ends": written(b"PK\x03\x04" + bytes(40)),
    "zip with a member without a name": written(named("")),
    "zip with a name that climbs": written(named("../../../climbed")),
    "zip with a name from the root": written(named("/etc/fmnist-was-here")),
    "zip with a name of two lines": written(named("a\nb: Fashion-MNIST images, genuine")),
    "zip with a name that clears the screen": written(named("\x1b[2J\x1b]0;x\x07-idx3-ubyte")),
    "zip with a name to the left": written(named("\u202egnp.sega mi")),
    "zip with a name of 60,000 letters": written(named("x" * 60_000)),
    "zip with a name that is no text": written(named("x" * 20).replace(b"x" * 20, b"\xff" * 20)),
    "zip with a name of a folder": written(named("folder/folder/")),
    "zip that is encrypted": written(patched(DEFLATED, 8, b"\x01\x00")),
    "zip by method 99": written(patched(DEFLATED, 10, b"\x63\x00")),
    "zip with a member of 4 GB": written(patched(DEFLATED, 20, b"\xff\xff\xff\x7f" * 2)),
    "zip with a member elsewhere": written(patched(DEFLATED, 42, b"\xff\xff\xff\x7f")),
    "zip with a member before itself": written(patched(DEFLATED, 42, b"\xf0\xff\xff\xff")),
    "zip with another CRC": written(patched(DEFLATED, 16, b"\xde\xad\xbe\xef")),
    "zip with a comment of 64 KB": written(DEFLATED[:-2] + b"\xff\xff" + b"PK\x05\x06" * 16_384),
    "zip in zip": written(zipped(x=zipped(x=zipped(x=PAYLOAD)))),
    "zip of gzip bombs": lambda path: path.write_bytes(
        zipped(
            zipfile.ZIP_STORED, **{f"{n}.gz": gzip.compress(bytes(16 * MIB)) * 8 for n in range(8)}
        )
    ),
    "zip of a member of each damage": written(
        zipped(
            a=gzip.compress(PAYLOAD)[:-9],
            b=lzma.compress(PAYLOAD)[:30],
            c=bz2.compress(PAYLOAD),
            d=shaped("(-1, 28)"),
            e=b"",
        )
    ),
    # -- tables ----------------------------------------------------------------------------------
    "zipped table without an end": written(zipped(**{"a.csv": ROW * (48 * MIB // len(ROW))})),
    "zipped table that takes long": written(
        zipped(**{"a.csv": ROW.replace(b",", b".0,") * (48 * MIB // len(ROW))})
    ),
    "zipped table of one line": written(zipped(**{"a.csv": b"7," * (16 * MIB)})),
    "table of one line": written(b"7," * (32 * MIB)),
    # -- npy ---------------------------------------------------------------------------------------
    "npy of 2**60": written(shaped("(2**60,)")),
    "npy of 10**18": written(shaped("(1000000000000000000, 28, 28)")),
    "npy of minus one": written(shaped("(-1, 28, 28)")),
    "npy of a huge number": written(shaped(f"({'9' * 60},)")),
    "npy of an element of 2 GB": written(shaped("(1,)", "'|V2147483647'")),
    "npy of nested types": written(npy(b"{'descr': " + b"[('a'," * 15)),
    "npy of brackets": written(npy(b"(" * 110)),
    "npy with a header of 64 KB": written(b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535),
    "npy 2.0 with a header of 4 GB": written(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
    "npy of objects": npy_of_objects,
    "npy that is cut": written(shaped("(28, 28)")[:60]),
    # -- deflate by itself -------------------------------------------------------------------------
    "zlib": written(zlib.compress(PAYLOAD)),
    "bzip2": written(bz2.compress(PAYLOAD)),
}
"""Each in a second or two; FMNIST_FAULTS=all has larger ones of the same kinds."""

LARGE: dict[str, Maker] = {
    "gzip of 500,000 empty streams": written(gzip.compress(b"") * 500_000),
    "gzip bomb of 8 GB": repeated(gzip.compress, CLAIMS_5_GB, 8192),
    "xz bomb of 8 GB": repeated(lzma.compress, CLAIMS_5_GB, 8192),
    "zip bomb of 4 GB": zip_bomb(4096),
    "zip of 60,000 members": many_members(60_000, PAYLOAD),
    "zip with a list of 2 MB of extra fields": written(directory_of_extras(2 * MIB)),
    "zip of 20,000 members that are one": written(overlapping(20_000)),
    "zip of 1,000 members that are the same digits": written(
        overlapping(1000, b"00 00 08 01 " * (2 * MIB))
    ),
    "gzip of digits and 16 GB of spaces": repeated(gzip.compress, b"00 00 08 01 ", 16_384, b" "),
    "a hole of 4 TB": sparse(IMAGES, 4_000_000_000_000),
    "hexadecimal digits of 400 MB": lambda path: path.write_bytes(b"00 00 08 03 " * (34 * MIB)),
}
