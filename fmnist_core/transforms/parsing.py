"""Parse a chain from a text, such as a command-line argument; no code in it runs."""

import ast
from typing import Any

from fmnist_core.errors import OptionError, brief
from fmnist_core.transforms.chain import Chain
from fmnist_core.transforms.masks import Cutout, RandomErasing
from fmnist_core.transforms.mixes import CutMix, MixUp
from fmnist_core.transforms.moves import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)
from fmnist_core.transforms.tones import ColorJitter, GaussianNoise, RandomInvert
from fmnist_core.transforms.warps import RandomAffine, RandomResizedCrop, RandomRotation, Resize

KNOWN = {
    kind.__name__: kind
    for kind in (
        CenterCrop,
        ColorJitter,
        CutMix,
        Cutout,
        GaussianNoise,
        MixUp,
        Pad,
        RandomAffine,
        RandomCrop,
        RandomErasing,
        RandomHorizontalFlip,
        RandomInvert,
        RandomResizedCrop,
        RandomRotation,
        RandomVerticalFlip,
        Resize,
    )
}
"""Every transform, by name."""


def parse(text: str) -> Chain:
    """Return the chain that a text describes.

    Parameters
    ----------
    text : str
        For instance ``"RandomCrop(28, padding=4), RandomHorizontalFlip()"``.

    Raises
    ------
    OptionError
        If it is not a list of transforms with plain numbers and strings as options.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _unreadable(text) from error
    calls = tree.elts if isinstance(tree, ast.Tuple | ast.List) else [tree]
    return Chain(tuple(_called(call, text) for call in calls))


def _called(call: ast.expr, text: str) -> Any:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise _unreadable(text)
    if any(pair.arg is None for pair in call.keywords):
        raise _unreadable(text)
    name = call.func.id
    if name not in KNOWN:
        raise OptionError(f"there is no transform {brief(name)}. Try one of: {', '.join(KNOWN)}")
    try:
        values = [ast.literal_eval(value) for value in call.args]
        named = {str(pair.arg): ast.literal_eval(pair.value) for pair in call.keywords}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise _unreadable(text) from error
    try:
        return KNOWN[name](*values, **named)
    except TypeError as error:
        raise OptionError(f"{name} has other options: {error}. Try: help({name})") from error


def _unreadable(text: str) -> OptionError:
    return OptionError(
        f"expected transforms with plain numbers as options, found {brief(text)}. "
        'Try: "RandomCrop(28, padding=4), RandomHorizontalFlip()"'
    )
