"""Our adapters under the same checks as a stranger's."""

from collections.abc import Callable

import pytest

from fmnist_core import Adapter
from fmnist_core.testing import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_adapter_conforms(adapter: Adapter, check: Callable[[Adapter], None]) -> None:
    check(adapter)
