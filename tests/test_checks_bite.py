"""A check that cannot fail proves nothing: every planted fault is caught by the check named."""

import pytest

from fmnist_core import get_adapter, testing
from tests.helpers import planted_faults, planted_transform_faults
from tests.helpers.planted_faults import Stateful
from tests.helpers.planted_own_transforms import FAULTS as FAULTS_OF_TRANSFORMS
from tests.helpers.planted_own_transforms import Bars
from tests.helpers.sound_adapter import FAULTS, Sound

MODULES = (planted_faults, planted_transform_faults)


def test_a_sound_state_passes() -> None:
    testing.check_state(Stateful())


def test_the_sound_adapter_passes_every_check() -> None:
    for check in testing.CHECKS:
        check(Sound())


@pytest.mark.parametrize(("check", "fault"), FAULTS, ids=[fault.__name__ for _, fault in FAULTS])
def test_fault_is_caught(check: str, fault: type[Sound]) -> None:
    with pytest.raises(AssertionError):
        getattr(testing, check)(fault())


@pytest.mark.parametrize("fault", FAULTS_OF_TRANSFORMS, ids=lambda fault: fault.__name__)
def test_fault_of_an_own_transform_is_caught(fault: type[Bars]) -> None:
    testing.check_transform(Bars(), Sound())
    with pytest.raises(AssertionError, match=fault.__name__):
        testing.check_transform(fault(), get_adapter("numpy"))


def test_every_check_catches_a_fault() -> None:
    assert {check for check, _ in FAULTS} == {check.__name__ for check in testing.CHECKS}
    of_transforms = [f for _, f in FAULTS if f.__module__ == planted_transform_faults.__name__]
    assert len(of_transforms) >= 15
    assert len(FAULTS) - len(of_transforms) >= 20
