"""Where commands write: a console, and a line that shows what is happening now."""

from time import perf_counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from fmnist_core.errors import printable

PIPED_WIDTH = 100
"""Columns of a table that is not shown on a terminal."""


def open_console() -> Console:
    """Return a console on stdout."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def say(console: Console, text: str, style: str = "") -> None:
    """Print a line as it is: unbroken, and with its brackets."""
    console.print(text, style=style, markup=False, soft_wrap=True)


class ProgressLine:
    """One line that shows what is happening now; without a terminal, a line for each step done.

    Use it in a ``with`` statement; when that ends, the line disappears.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._line = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._step_began = perf_counter()

    def __enter__(self) -> "ProgressLine":
        self._line.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.stop()

    def begin(self, text: str, total: int | None = None) -> None:
        """Show what is happening now, and how much of it there is, if known."""
        if self._task is not None:
            self._line.remove_task(self._task)
        self._task = self._line.add_task(printable(text), total=total)

    def advance(self, amount: int) -> None:
        """Show that `amount` more of it is done."""
        if self._task is not None:
            self._line.advance(self._task, amount)

    def finish(self, step: str) -> None:
        """Show that a step is done."""
        now = perf_counter()
        if not self._console.is_terminal:
            say(self._console, f"  {step} ({now - self._step_began:.0f} s)")
        self._step_began = now
