"""Packages whose names are imported on demand, so that importing a package takes no time."""

from collections.abc import Callable, Mapping
from importlib import import_module
from sys import modules
from typing import Any


def names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions `__getattr__` and `__dir__` of a package.

    Type checkers see the names by imports under ``if TYPE_CHECKING`` beside it. The functions
    belong under ``if not TYPE_CHECKING``, or checkers would accept any name.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        For each module in the package, the names that it has for the package, between spaces; ""
        if the module itself is the name.
    """
    home_of = {
        name: module for module, words in homes.items() for name in words.split() or [module]
    }

    def __getattr__(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{home_of[name]}")
        value = module if name == home_of[name] else getattr(module, name)
        setattr(modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(modules[package]), *home_of})

    return __getattr__, __dir__
