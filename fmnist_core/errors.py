"""Every exception that fmnist raises on purpose.

Each kind also derives from the builtin a caller would expect, so ``except ValueError`` and
``except FmnistError`` both work.
"""


class FmnistError(Exception):
    """Base class of every error that fmnist raises on purpose."""


class OptionError(FmnistError, ValueError):
    """An option has a value that cannot be honoured."""


class RowOutsideError(FmnistError, IndexError):
    """A row number is outside the dataset."""


class IdxError(FmnistError, ValueError):
    """The bytes are not a whole, well-formed IDX payload."""


class FileUnreadableError(FmnistError, OSError):
    """A file is missing, is not a regular file, or cannot be read or written."""


class FetchError(FmnistError, OSError):
    """No mirror gives a file; the message says what each of them did."""


class DataMismatchError(FmnistError, ValueError):
    """The data are well-formed but are not what they should be."""


class UnknownDatasetError(FmnistError, LookupError):
    """No catalog has a dataset, revision or split of that name."""


class AdapterNotFoundError(FmnistError, LookupError):
    """No installed package offers an adapter under that name."""


class AdapterConflictError(FmnistError, LookupError):
    """Several installed packages offer an adapter, or a dataset, under one name."""


class AdapterInvalidError(FmnistError, TypeError):
    """A plugin was found but does not give an adapter."""


class FrameworkMissingError(FmnistError, ImportError):
    """The code is installed, but a package that it drives is not."""
