"""Our adapters under the same checks as a stranger's; torch also with worker processes."""

from collections.abc import Callable
from typing import Any

import pytest

from fmnist_core import Adapter
from fmnist_core.testing import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_adapter_conforms(adapter: Adapter, check: Callable[[Adapter], None]) -> None:
    check(adapter)


class WithOptions:
    """An adapter whose every loader gets some of its framework's own options."""

    def __init__(self, adapter: Adapter, **options: Any) -> None:
        self._options = options
        self._adapter = adapter
        self.name, self.layout = adapter.name, adapter.layout
        self.label_dtype, self.writable = adapter.label_dtype, adapter.writable

    def loader(self, *args: Any, **options: Any) -> Any:
        return self._adapter.loader(*args, **self._options, **options)

    def to_numpy(self, batch: Any) -> Any:
        return self._adapter.to_numpy(batch)
