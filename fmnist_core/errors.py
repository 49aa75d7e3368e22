"""Every exception that fmnist raises on purpose, argument checks that raise them, and functions
that make values safe to print in a message.

Each exception also derives from the builtin a caller would expect, so ``except ValueError`` and
``except FmnistError`` both work.
"""

import reprlib

import numpy as np

MAX_REPR = 80
"""Maximum length of a value in a message, in characters."""

_WIDE = 256
"""Whole numbers with more bits are described by their length, not their digits."""


def printable(value: object) -> str:
    """Return text from elsewhere, or a path, fit for one line of a terminal or a log.

    Control characters, line breaks, marks of writing direction and lone surrogates are escaped, so
    a file name can neither control the terminal nor forge another line.

    Examples
    --------
    >>> printable("a\\x1b[2Jb\\nc")
    'a\\\\x1b[2Jb\\\\nc'
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def brief(value: object) -> str:
    """Describe a value from a caller or a file in one short line; never raises or takes long.

    Examples
    --------
    >>> brief(bytes(47_040_016))
    'bytes of length 47,040,016'
    >>> brief(np.zeros((60_000, 28, 28), np.uint8))
    'an array of uint8, shape (60000, 28, 28)'
    >>> brief(10**5000)
    'a whole number of 16610 bits'
    >>> brief("val")
    "'val'"
    """
    if isinstance(value, bytes | bytearray | memoryview) and len(value) > MAX_REPR // 4:
        return f"{type(value).__name__} of length {len(value):,}"
    if isinstance(value, np.ndarray) and value.size > 1:
        return f"an array of {value.dtype}, shape {value.shape}"
    if isinstance(value, int) and value.bit_length() > _WIDE:
        return f"a whole number of {value.bit_length()} bits"
    try:
        text = " ".join(_REPR.repr(value).split())
    except Exception:  # a huge number deep inside, or a repr that fails
        text = f"<{type(value).__name__}>"
    return printable(text if len(text) <= MAX_REPR else f"{text[: MAX_REPR - 3]}...")


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = MAX_REPR


class FmnistError(Exception):
    """Base class of every error that fmnist raises on purpose.

    Parameters
    ----------
    problem : str
        What was expected, what was found, and where.
    advice : str
        What to do next, if `problem` does not say it.
    command : str
        The advice for the command line, if it differs.

    Attributes
    ----------
    for_commands : str
        The message on the command line.
    """

    def __init__(self, problem: object = "", *, advice: str = "", command: str = "") -> None:
        super().__init__(_with_advice(problem, advice) if advice else problem)
        self._on_command_line = _with_advice(problem, command) if command else ""

    def __str__(self) -> str:
        # Quoted text may be untrusted; the message's own line breaks stay.
        return _printable_lines(super().__str__())

    @property
    def for_commands(self) -> str:
        return _printable_lines(self._on_command_line) or str(self)


def _with_advice(problem: object, advice: str) -> str:
    end = "" if str(problem).endswith((".", "?")) else "."
    return f"{problem}{end} Try: {advice}"


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


class OptionError(FmnistError, ValueError):
    """An option has a value that is not allowed."""


class RowOutsideError(FmnistError, IndexError):
    """A row number is outside the dataset."""


class IdxError(FmnistError, ValueError):
    """The bytes are not a complete, well-formed IDX payload."""


class FileAccessError(FmnistError, OSError):
    """A file is missing, is not a regular file, or cannot be read or written."""


class DiskFullError(FileAccessError):
    """A file cannot be written because the disk, or this user's quota, is full."""


class FetchError(FmnistError, OSError):
    """No mirror serves a file; the message says what each of them did."""


class DataMismatchError(FmnistError, ValueError):
    """The data are well-formed but are not what they should be."""


class UnknownDatasetError(FmnistError, LookupError):
    """No catalog has a dataset, revision or split of that name."""


class AdapterNotFoundError(FmnistError, LookupError):
    """No installed package provides an adapter of that name."""


class AdapterConflictError(FmnistError, LookupError):
    """Several installed packages provide an adapter, or a dataset, of the same name."""


class AdapterInvalidError(FmnistError, TypeError):
    """A plugin was found but does not provide a valid adapter."""


class FrameworkMissingError(FmnistError, ImportError):
    """The code is installed, but a package that it needs is not."""


def check_range(name: str, value: object, low: int, high: int) -> int:
    """Return a whole number as a Python int, which cannot overflow.

    Raises
    ------
    OptionError
        Unless `value` is a whole number (not a bool) in [low, high].
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise OptionError(f"{name} must be a whole number from {low} to {high}, not {brief(value)}")
    if not low <= value <= high:
        raise OptionError(f"{name} must be from {low} to {high}, not {brief(int(value))}")
    return int(value)


def check_seed(seed: object) -> int:
    """Return a seed as an int, or raise OptionError if it is out of range."""
    return check_range("seed", seed, 0, 2**64 - 1)


def check_epoch(epoch: object) -> int:
    """Return an epoch as an int, or raise OptionError if it is out of range."""
    return check_range("epoch", epoch, 0, 2**32 - 1)


def check_flag(name: str, value: object) -> None:
    """Raise OptionError unless a value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{name} must be True or False, not {brief(value)}")
