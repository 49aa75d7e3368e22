"""Lists of classes in the options of commands: names or numbers, with commas."""

from collections.abc import Sequence


def class_list(text: str, classes: Sequence[str]) -> list[str | int]:
    """Return the names and numbers of a list such as "Sneaker,9"; names go first.

    Examples
    --------
    >>> class_list("Sneaker, 9", ["Sandal", "Sneaker"])
    ['Sneaker', 9]
    """
    words = [name.strip() for name in text.split(",")]
    return [int(name) if name.isdecimal() and name not in classes else name for name in words]
