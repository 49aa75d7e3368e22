"""Check the signature of an adapter's typed function."""

import inspect
from collections.abc import Callable
from typing import Any

from fmnist_core import Dataset


def check_options(function: Callable[..., Any]) -> None:
    """Check that a typed function names every option of `Dataset.to`, with the same default."""
    parameters = inspect.signature(function).parameters
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())
    expected = dict(inspect.signature(Dataset.to).parameters)
    for name in ("self", "adapter", "framework_options"):
        del expected[name]
    for name, parameter in expected.items():
        assert parameters[name].default == parameter.default, name
