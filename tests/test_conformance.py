"""The project's adapters pass the checks that are meant for other people's."""

import importlib
from collections.abc import Callable

import pytest

from fmnist_core import Adapter
from fmnist_core.testing import CHECKS
from tests.helpers.signatures import check_options


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_adapter_conforms(adapter: Adapter, check: Callable[[Adapter], None]) -> None:
    check(adapter)


def test_typed_function_spells_out_every_option(adapter: Adapter) -> None:
    names = {"torch": "data_loader", "tensorflow": "tf_dataset", "keras": "plan_dataset"}
    package = importlib.import_module(f"fmnist_{adapter.name}")
    check_options(getattr(package, names.get(adapter.name, "batches")))
