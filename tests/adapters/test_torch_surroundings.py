"""The torch loader among a program's other random numbers, and under torch's global settings."""

import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fmnist_core import Dataset
from fmnist_core.testing import CHECKS, made_dataset
from fmnist_core.transforms import CutMix, RandomCrop

torch = pytest.importorskip("torch")
fmnist_torch = pytest.importorskip("fmnist_torch")
DataLoader = torch.utils.data.DataLoader

# torch itself warns, on machines without an accelerator, that there is nothing to pin for.
pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory:UserWarning")

WAYS: list[dict[str, Any]] = [
    {},
    {"pin_memory": True},
    {"device": "cpu"},
    {"num_workers": 1, "multiprocessing_context": "fork"},
    {"num_workers": 2, "multiprocessing_context": "fork"},
    {"num_workers": 1, "multiprocessing_context": "fork", "persistent_workers": True},
]


# -- random numbers --------------------------------------------------------------------------------


def draws_between(loader: Any, generator: Any = None) -> list[float]:
    """Return what a program draws in two epochs, as dropout would."""
    drawn = []
    for _ in range(2):
        iterator = iter(loader)
        drawn.append(torch.rand((), generator=generator).item())
        for _ in iterator:
            drawn.append(torch.rand((), generator=generator).item())
    return drawn


@pytest.mark.parametrize("own_generator", [False, True], ids=["global generator", "generator="])
def test_a_programs_random_draws_are_the_same_as_with_a_plain_loader(own_generator: bool) -> None:
    def drawn(make: Callable[[Any], Any]) -> tuple[list[float], list[float]]:
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(1) if own_generator else None
        loader = make(generator)
        return draws_between(loader), draws_between(loader, generator)

    plain = drawn(lambda generator: DataLoader(range(23), batch_size=5, generator=generator))
    for options in WAYS:
        ours = drawn(
            lambda generator, options=options: made_dataset().to(
                "torch", batch_size=5, generator=generator, **options
            )
        )
        assert ours == plain, options


def seeds_of_workers(loader: Any) -> list[int]:
    for worker_seed in SEEDS:
        worker_seed.value = 0
    torch.manual_seed(0)
    iterator = iter(loader)
    torch.rand(3)
    next(iterator)
    until = time.monotonic() + 60
    while not all(worker_seed.value for worker_seed in SEEDS) and time.monotonic() < until:
        time.sleep(0.01)  # the batch is of one worker; the other may not have begun
    return [worker_seed.value for worker_seed in SEEDS]


SEEDS = [torch.multiprocessing.get_context("fork").Value("q") for _ in range(2)]


def note_seed(worker: int) -> None:
    SEEDS[worker].value = torch.initial_seed()


def test_workers_get_the_seeds_of_a_plain_loader() -> None:
    options = {"num_workers": 2, "multiprocessing_context": "fork", "worker_init_fn": note_seed}
    plain = seeds_of_workers(DataLoader(range(23), batch_size=5, **options))
    assert seeds_of_workers(made_dataset().to("torch", batch_size=5, **options)) == plain


def test_an_unused_iterator_costs_no_epoch() -> None:
    for options in WAYS:
        loader = made_dataset().to("torch", batch_size=23, fields="index", shuffle=True, **options)
        expected = made_dataset().to("numpy", batch_size=23, fields="index", shuffle=True)
        iter(loader)
        unused = iter(loader)
        actual = [index.tolist() for _ in range(2) for index in loader]
        assert actual == [index.tolist() for _ in range(2) for index in expected], options
        assert unused is not None


def test_the_length_is_that_of_the_next_iteration() -> None:
    loader = made_dataset().to("torch", batch_size=5, start=10)
    assert len(loader) == 3
    waiting = iter(loader)
    assert (len(loader), len(waiting)) == (5, 3)
    del waiting
    assert len(loader) == 3
    assert len(list(loader)) == 3
    assert len(loader) == 5


# -- transforms, everywhere ------------------------------------------------------------------------


@pytest.mark.parametrize("options", WAYS, ids=str)
def test_transforms_are_the_same_in_workers_and_on_a_device(options: dict[str, Any]) -> None:
    plan = {
        "batch_size": 4,
        "shuffle": True,
        "seed": 3,
        "remainder": "pad",
        "fields": ("image", "view", "label", "weight"),
        "labels": "one_hot",
        "transform": [RandomCrop((5, 4), padding=2), CutMix(alpha=1.0)],
    }
    ours = made_dataset().to("torch", **plan, **options)
    theirs = made_dataset().to("numpy", layout="NCHW", **plan)
    for _ in range(2):
        for actual, expected in zip(ours, theirs, strict=True):
            for one, other in zip(actual, expected, strict=True):
                assert one.numpy().tobytes() == other.tobytes()
    (plain, _, _, _), *_ = DataLoader(ours.dataset, batch_size=4)
    assert torch.equal(plain[:, 0], torch.tensor(made_dataset().images[:4] / 255).float())


# -- global settings -------------------------------------------------------------------------------


def in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def on_meta() -> Iterator[None]:
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(params=[in_float64, on_meta, deterministic, without_gradients])
def setting(request: pytest.FixtureRequest) -> Iterator[None]:
    """A global setting of torch that a program may have made."""
    yield from request.param()


class OnDevice(fmnist_torch.TorchAdapter):  # type: ignore[misc, name-defined]
    """The adapter with its data on the device."""

    def loader(self, *made: Any, epoch: int = 0, start: int = 0) -> Any:
        return super().loader(*made, epoch=epoch, start=start, device="cpu")


class InAWorker(fmnist_torch.TorchAdapter):  # type: ignore[misc, name-defined]
    """The adapter with a worker."""

    def loader(self, *made: Any, epoch: int = 0, start: int = 0) -> Any:
        options = {"num_workers": 1, "multiprocessing_context": "fork"}
        return super().loader(*made, epoch=epoch, start=start, **options)


@pytest.mark.usefixtures("setting")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("adapter", [fmnist_torch.ADAPTER, OnDevice()], ids=["host", "device"])
def test_conformance_under_global_settings(check: Callable[[Any], None], adapter: Any) -> None:
    check(adapter)


@pytest.mark.usefixtures("setting")
def test_workers_under_global_settings() -> None:
    loader = made_dataset().to(InAWorker(), batch_size=23, labels="one_hot")
    expected = made_dataset().to("numpy", batch_size=23, labels="one_hot", layout="NCHW")
    for actual, batch in zip(loader, expected, strict=True):
        for one, other in zip(actual, batch, strict=True):
            assert one.numpy().tobytes() == other.tobytes()


# -- the typed function ----------------------------------------------------------------------------


def test_the_typed_function_has_every_option() -> None:
    parameters = inspect.signature(fmnist_torch.data_loader).parameters
    shared = set(inspect.signature(Dataset.to).parameters) - {"self", "adapter"}
    torchs = set(inspect.signature(DataLoader.__init__).parameters) - {"self", "dataset"}
    planned = {"sampler", "batch_sampler", "collate_fn", "drop_last", "in_order"}
    expected = shared - {"framework_options"} | torchs - planned | {"dataset", "device"}
    assert set(parameters) == expected
    documented = inspect.getdoc(fmnist_torch.data_loader)
    assert documented is not None
    for name in expected:
        assert name in documented


def test_the_typed_function_has_the_same_defaults() -> None:
    parameters = inspect.signature(fmnist_torch.data_loader).parameters
    for function in (Dataset.to, DataLoader.__init__):
        for name, parameter in inspect.signature(function).parameters.items():
            if name in parameters and name not in ("dataset", "batch_size", "shuffle"):
                assert parameters[name].default == parameter.default, name
