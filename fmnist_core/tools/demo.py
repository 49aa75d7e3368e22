"""`fmnist demo`: the same batches in four frameworks, and the same network trained on them.

Each framework runs in its own process, one after another, so that they share neither memory nor
threads nor the accelerator. If one is missing or crashes, the others are still shown.
"""

import json
import multiprocessing
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from fmnist_core.dataset import Dataset
from fmnist_core.errors import FmnistError
from fmnist_core.files import write_output
from fmnist_core.loading import load
from fmnist_core.tools.demo_worker import (
    FRAMEWORKS,
    HASHED_EPOCHS,
    TIMED_EPOCHS,
    Activity,
    Advance,
    BatchReport,
    Failure,
    Message,
    TrainReport,
    hint,
    work,
)
from fmnist_core.tools.output import make_room
from fmnist_core.tools.progress import ProgressLine, open_console, say

SHOWN_DIGITS = 16


@dataclass(frozen=True)
class Outcome:
    """The outcome of one framework."""

    name: str
    batches: BatchReport | None = None
    training: TrainReport | None = None
    failure: Failure | None = None

    @property
    def complete(self) -> bool:
        """Whether the framework reported every result."""
        trained = self.training is not None or not FRAMEWORKS[self.name].trainer
        return self.batches is not None and trained


def run_demo(root: Path | None, output: Path | None = None, *, force: bool = False) -> None:
    """Load, measure, train and print.

    Parameters
    ----------
    root : path, optional
        A folder with Fashion-MNIST's files; without it, the dataset "synthetic".
    output : path, optional
        Where to write the reports as JSON.
    force : bool
        Whether to replace that file.

    Raises
    ------
    FmnistError
        If the data cannot be loaded, a framework gives no result, or the batches differ; or if the
        file exists or cannot be written.
    """
    if output is not None:
        make_room(output.parent, [output.name], force)
    console = open_console()
    with ProgressLine(console) as progress:
        train, test = load_splits(root, progress)
        say(
            console,
            f"fmnist demo: {train.info.title}, {len(train):,} train and {len(test):,} test images",
        )
        outcomes = [run_framework(name, train, test, progress) for name in FRAMEWORKS]
    show(console, outcomes)
    if output is not None:
        report = {o.name: [asdict(r) for r in (o.batches, o.training) if r] for o in outcomes}
        write_output(output, [json.dumps(report, indent=1).encode()])
    if problems := [*failures(outcomes), *disagreement(outcomes)]:
        raise FmnistError("\n".join(problems))


def load_splits(root: Path | None, progress: ProgressLine) -> tuple[Dataset, Dataset]:
    """Return train and test of the data to show."""
    name = "synthetic" if root is None else "fashion-mnist"
    drawn = ", drawn on first use" if root is None else ""
    progress.begin(f"loading {name}{drawn}")
    train, test = (load(name, split, root=root) for split in ("train", "test"))
    progress.finish(f"{name}: loaded")
    return train, test


def run_framework(name: str, train: Dataset, test: Dataset, progress: ProgressLine) -> Outcome:
    """Run one framework in its own process."""
    progress.begin(f"{name}: starting")
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    outcome = Outcome(name)
    with receiver, tempfile.TemporaryDirectory(prefix="fmnist-demo-") as folder:
        log = Path(folder, "log")
        process = context.Process(
            target=work, args=(sender.send, name, train, test, str(log)), daemon=True
        )
        process.start()
        # Only the child holds this end now, so it closes when the child ends, however it does.
        sender.close()
        try:
            for message in _messages(receiver):
                outcome = _updated(outcome, message, progress)
            process.join()
        finally:
            process.kill()
            process.join()  # Windows removes no folder in which a process has a file open
        if not outcome.complete and outcome.failure is None:
            outcome = replace(outcome, failure=_crash(name, process.exitcode, log))
    return outcome


def _messages(receiver: "Connection[Message, Message]") -> Iterator[Message]:
    while True:
        try:
            yield receiver.recv()
        except (EOFError, OSError):  # OSError if it ended within a message
            return


def _updated(outcome: Outcome, message: Message, progress: ProgressLine) -> Outcome:
    match message:
        case Activity():
            progress.begin(f"{outcome.name}: {message.text}", message.total)
        case Advance():
            progress.advance(message.examples)
        case BatchReport():
            progress.finish(f"{outcome.name}: batches")
            return replace(outcome, batches=message)
        case TrainReport():
            progress.finish(f"{outcome.name}: training")
            return replace(outcome, training=message)
        case Failure():
            progress.finish(f"{outcome.name}: {message.state}")
            return replace(outcome, failure=message)
    return outcome


def _crash(name: str, exit_code: int | None, log: Path) -> Failure:
    """Describe a child process that ended without a report."""
    if exit_code is not None and exit_code < 0:
        how = f"was stopped by {_signal_name(-exit_code)}"
    else:
        how = f"ended with exit status {exit_code}"
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    last_words = f", after saying {last!r}" if last else ""
    return Failure("crashed", f"the process {how}{last_words}. {hint(name)}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal, of which only the first and the last have names
        return f"signal {number}"


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print both tables, and between them the digest that the batches agree on."""
    console.print(batch_table(outcomes))
    digests = {o.name: o.batches.digest for o in outcomes if o.batches}
    if len(digests) > 1 and len(set(digests.values())) == 1:
        names, (digest,) = ", ".join(digests), set(digests.values())
        say(console, f"The same bits from {names}:\n{digest}", "bold green")
    say(console, BATCH_NOTES, "dim")
    console.print(training_table(outcomes))
    if words := training_words(outcomes):
        say(console, words, "bold green")
    say(console, TRAINING_NOTES, "dim")


BATCH_NOTES = (
    f"SHA-256 (its first {SHOWN_DIGITS} digits): images, labels and indices of {HASHED_EPOCHS} "
    "shuffled epochs, labels as int32,\nalthough torch has int64. "
    f"examples/s: the best of {TIMED_EPOCHS} epochs of iteration alone."
)

CLOSE_STEPS = 10
"""First steps, whose losses are shown to agree closely; rounding then grows step by step."""

TRAINING_NOTES = (
    "The same small ConvNet from the same first weights on the same batches, one epoch. What "
    "differs\nis each framework's rounding, which training amplifies. seconds include compiling."
)


def loss_differences(outcomes: Sequence[Outcome]) -> tuple[float, float, float] | None:
    """Return the largest relative differences of losses: of the first step, the first 10, of all.

    None where fewer than two frameworks trained.
    """
    curves = [outcome.training.losses for outcome in outcomes if outcome.training]
    if len(curves) < 2 or not all(curves):
        return None
    lowest, highest = np.min(curves, axis=0), np.max(curves, axis=0)
    apart = (highest - lowest) / lowest
    return float(apart[0]), float(apart[:CLOSE_STEPS].max()), float(apart.max())


def training_words(outcomes: Sequence[Outcome]) -> str:
    """Return in words how close the frameworks' training came."""
    accuracies = [outcome.training.accuracy for outcome in outcomes if outcome.training]
    differences = loss_differences(outcomes)
    if differences is None:
        return ""
    first, close, most = differences
    return (
        f"Losses differ by {first:.1g} of their size at step 1, by at most {close:.1g} in the "
        f"first {CLOSE_STEPS}, {most:.1g} in all {len(_losses(outcomes))};\n"
        f"accuracies by {100 * (max(accuracies) - min(accuracies)):.2f} points."
    )


def _losses(outcomes: Sequence[Outcome]) -> list[float]:
    return next(outcome.training.losses for outcome in outcomes if outcome.training)


def batch_table(outcomes: Sequence[Outcome]) -> Table:
    """Return what each adapter's batches are."""
    table = _table("adapter", "loader", "images", "labels", "examples/s", "SHA-256")
    for outcome in outcomes:
        if batches := outcome.batches:
            rate, digest = f"{batches.rate:,.0f}", batches.digest[:SHOWN_DIGITS]
            table.add_row(
                outcome.name, batches.loader, batches.images, batches.labels, rate, digest
            )
        else:
            table.add_row(outcome.name, _state(outcome))
    return table


def training_table(outcomes: Sequence[Outcome]) -> Table:
    """Return how well each framework's network does."""
    table = _table(
        "framework", "trained by", "loss 1", "loss 10", "last", "test accuracy", "seconds"
    )
    for outcome in outcomes:
        if training := outcome.training:
            places = (0, min(CLOSE_STEPS, len(training.losses)) - 1, -1)
            losses = [f"{training.losses[place]:.6f}" for place in places]
            accuracy, seconds = f"{training.accuracy:.2%}", f"{training.seconds:.1f}"
            how = FRAMEWORKS[outcome.name].training
            table.add_row(outcome.name, how, *losses, accuracy, seconds)
        elif FRAMEWORKS[outcome.name].trainer:
            table.add_row(outcome.name, _state(outcome))
    return table


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for each framework that gave no result."""
    return [f"{outcome.name}: {outcome.failure.reason}" for outcome in outcomes if outcome.failure]


def disagreement(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line that says whose batches differ, if any do."""
    names: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.batches:
            names.setdefault(outcome.batches.digest[:SHOWN_DIGITS], []).append(outcome.name)
    if len(names) < 2:
        return []
    differences = "; ".join(f"{', '.join(same)} gave {digest}" for digest, same in names.items())
    return [
        f"expected the same bits from every adapter, found that {differences}. "
        "Try: the checks of fmnist_core.testing on these adapters, which say what differs"
    ]


def _state(outcome: Outcome) -> str:
    return outcome.failure.state if outcome.failure else "no result"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        numeric = column.startswith(("loss", "last", "examples/s", "test", "seconds"))
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    return table
