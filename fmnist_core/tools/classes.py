"""Classes as one types them after an option: names or numbers, with commas."""

from collections.abc import Sequence


def class_list(text: str, known: Sequence[str]) -> list[str | int]:
    """Return the names and numbers of a list such as "Sneaker,9"; names go first.

    Examples
    --------
    >>> class_list("Sneaker, 9", ["Sandal", "Sneaker"])
    ['Sneaker', 9]
    """
    given = [name.strip() for name in text.split(",")]
    return [int(name) if name.isdecimal() and name not in known else name for name in given]
