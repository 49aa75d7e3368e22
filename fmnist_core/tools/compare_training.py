"""`fmnist compare-training`: the first step in which two trainings on the same data diverge."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fmnist_core.errors import DataMismatchError, brief
from fmnist_core.traces import Trace

CLOSE_STEPS = 10
"""Number of first steps whose largest difference has its own column in the table."""


@dataclass(frozen=True)
class Parting:
    """Where two trainings diverge.

    Attributes
    ----------
    step, epoch : int
        Which step, counted from 0 over all epochs, and the epoch that it belongs to.
    name : str
        The first value of that step, in the order of the computation, that differs.
    values : pair of float
    agreeing : tuple of str
        The values of that step before it.
    """

    step: int
    epoch: int
    name: str
    values: tuple[float, float]
    agreeing: tuple[str, ...]


@dataclass(frozen=True)
class TrainingComparison:
    """What two traces have in common, and where they diverge.

    Attributes
    ----------
    steps : int
        How many steps from the first had the same data in both; only they are compared.
    other_data : int, optional
        The first step whose data differ, if one does.
    settings : dict
        The settings of the data that differ: name -> both values.
    parting : Parting, optional
        None if all values agree.
    differences : dict of str to list of float
        The relative difference of each value that both recorded, by step.
    missing : pair of tuples of str
        Names that the one lacks and the other has.
    """

    steps: int
    other_data: int | None
    settings: dict[str, tuple[Any, Any]]
    parting: Parting | None
    differences: dict[str, list[float]]
    missing: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def same(self) -> bool:
        """Whether both had the same data and computed the same, as far as both went."""
        return self.parting is None and self.other_data is None

    def record(self) -> dict[str, Any]:
        """Return the comparison in a form that JSON can hold, None for numbers not finite."""
        record: dict[str, Any] = _finite(asdict(self))
        return record


def compare_training(ours: Trace, theirs: Trace, tolerance: float) -> TrainingComparison:
    """Return where two trainings diverge, as far as both went.

    Parameters
    ----------
    ours, theirs : Trace
    tolerance : float
        Values differ if they are apart by more than this share of the larger one.

    Raises
    ------
    DataMismatchError
        If they have no value in common.
    """
    pairs = list(zip(ours.steps, theirs.steps, strict=False))
    other_data = next((n for n, (one, other) in enumerate(pairs) if one.data != other.data), None)
    names, other_names = _names(ours), _names(theirs)
    if not set(names) & set(other_names):
        raise DataMismatchError(
            f"expected values of the same names, found {', '.join(names) or 'none'} and "
            f"{', '.join(other_names) or 'none'}. Try: trace.note(loss=loss) in both programs"
        )
    differences: dict[str, list[float]] = {name: [] for name in names if name in other_names}
    parting = None
    for number, (one, other) in enumerate(pairs[:other_data]):
        agreeing: list[str] = []
        for name in (name for name in one.values if name in other.values):
            values = one.values[name], other.values[name]
            differences[name].append(apart(*values))
            if parting is None and apart(*values) > tolerance:
                parting = Parting(number, one.epoch, name, values, tuple(agreeing))
            agreeing.append(name)
    return TrainingComparison(
        steps=len(pairs[:other_data]),
        other_data=other_data,
        settings={
            name: (value, theirs.settings.get(name))
            for name, value in ours.settings.items()
            if value != theirs.settings.get(name)
        },
        parting=parting,
        differences=differences,
        missing=(
            tuple(name for name in other_names if name not in names),
            tuple(name for name in names if name not in other_names),
        ),
    )


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _names(trace: Trace) -> list[str]:
    """Return the names that a trace has in any step, in the order of the computation."""
    return list(dict.fromkeys(name for step in trace.steps for name in step.values))


def apart(one: float, other: float) -> float:
    """Return the difference of two numbers as a share of the larger; infinite beside a NaN."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    share = abs(one - other) / max(abs(one), abs(other))
    return share if math.isfinite(share) else math.inf


def in_words(comparison: TrainingComparison, names: tuple[str, str]) -> Iterator[str]:
    """Yield lines for people; `names` are what to call the two."""
    yield f"The same data in {_steps(comparison.steps)}."
    if comparison.other_data is not None:
        yield f"Step {comparison.other_data} has other data, so nothing is compared from there on."
        for name, (ours, theirs) in comparison.settings.items():
            yield f"  {name}: {brief(ours)} in {names[0]}, {brief(theirs)} in {names[1]}"
    if parting := comparison.parting:
        ours, theirs = parting.values
        yield (
            f"They diverge at step {parting.step}, in epoch {parting.epoch}: {parting.name} is "
            f"{ours:.7g} in {names[0]}, {theirs:.7g} in {names[1]}."
        )
        if parting.agreeing:
            yield f"  Equal in that step: {', '.join(parting.agreeing)}"
    elif comparison.steps:
        yield "All values agree."
    for name, missing in zip(names, comparison.missing, strict=True):
        if missing:
            yield f"  missing from {name}: {', '.join(missing)}"
    if comparison.steps:
        yield from _table(comparison)


def _table(comparison: TrainingComparison) -> Iterator[str]:
    """Yield the difference of each value: at the first step, in the first steps, in all."""
    width = max(len("largest difference"), *map(len, comparison.differences))
    yield f"{'largest difference':<{width}}   step 0  first {CLOSE_STEPS}  all {comparison.steps}"
    for name, by_step in comparison.differences.items():
        if by_step:
            most = by_step[0], max(by_step[:CLOSE_STEPS]), max(by_step)
            yield f"{name:<{width}}  {most[0]:7.0e}  {most[1]:8.0e}  {most[2]:.0e}"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"
