"""A plugin's entry point, found without `importlib.metadata`, which takes 20 ms to import."""

import os
import sys
from collections.abc import Iterator

_OF_A_PACKAGE = (".dist-info", ".egg-info")


def only_value(group: str, name: str) -> str | None:
    """Return the module of the only entry point of a name, or None where it takes a closer look.

    That is where the folders of `sys.path` have no such entry point, or several, or one that names
    more than a module. Zip files and other finders are not looked into.
    """
    head, value = f"[{group}]", None
    for text in _entry_points():
        if head not in text:
            continue
        for line in text.partition(head)[2].splitlines()[1:]:
            if line.startswith("["):
                break
            key, _, target = line.partition("=")
            if key.strip() == name:
                if value is not None:
                    return None
                value = target.strip()
    is_module = value is not None and value.replace(".", "").isidentifier()
    return value if is_module else None


def _entry_points() -> Iterator[str]:
    """Yield the text of each file of entry points in the folders of `sys.path`."""
    for folder in sys.path:
        try:
            packages = [one.path for one in os.scandir(folder or ".") if _is_package(one.name)]
        except OSError:
            continue  # a zip file, or nothing
        for package in packages:
            try:
                with open(os.path.join(package, "entry_points.txt"), encoding="utf-8") as file:
                    yield file.read()
            except (OSError, UnicodeDecodeError):
                continue


def _is_package(name: str) -> bool:
    return name.endswith(_OF_A_PACKAGE)
