"""Measure rows side by side: all take part in every round, one after the other.

Each framework has a process of its own, as its users have, so that neither threads nor memory nor
forks of one disturb another; but only one process works at a time.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import fmnist_core as fm
from tests.bench.rows import ROWS, Batches, Setting, run

Answer = float | str
Ask = Callable[[str, Setting], Answer]


@dataclass
class Result:
    """The seconds of each row, round by round, in one setting; and why others have none."""

    setting: Setting
    seconds: dict[str, list[float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def ratios(self, over: str, under: str) -> list[float]:
        """Return seconds of one row divided by another's, round by round."""
        pairs = zip(self.seconds[over], self.seconds[under], strict=False)  # some run fewer rounds
        return [slow / fast for slow, fast in pairs]


def load(root: str | None) -> fm.Dataset:
    """Return the training images: Fashion-MNIST in a folder, or those drawn by "synthetic"."""
    return fm.load("fashion-mnist", root=root) if root else fm.load("synthetic")


@contextmanager
def workers(names: list[str], root: str | None) -> Iterator[Ask]:
    """Start a process for each framework; yield what has a row run there and gives its seconds."""
    context = multiprocessing.get_context("spawn")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pipes: dict[str, Connection] = {}

    def ask(name: str, setting: Setting) -> Answer:
        pipe = pipes[ROWS[name].framework]
        try:
            pipe.send((name, setting))
            answer: Answer = pipe.recv()
        except (EOFError, OSError):
            return f"the process of {ROWS[name].framework} ended"
        return answer

    with ExitStack() as stack:
        for framework in dict.fromkeys(ROWS[name].framework for name in names):
            pipes[framework], theirs = context.Pipe()
            method = multiprocessing.get_start_method()
            process = context.Process(target=serve, args=(theirs, root, method))
            process.start()
            stack.callback(process.join)
            stack.callback(pipes[framework].close)  # the process ends when it can hear no more
            theirs.close()
        yield ask


def serve(pipe: Connection, root: str | None, start_method: str) -> None:
    """Run epochs for another process: answer each row's name with seconds or with an error."""
    # Loaders with workers of their own start them as in a user's process, not as this one was.
    multiprocessing.set_start_method(start_method, force=True)
    # Frameworks talk while they are imported; what goes wrong is answered, not printed.
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    train = load(root)
    current: Setting | None = None
    prepared: dict[str, Callable[[], Batches]] = {}
    while True:
        try:
            name, setting = pipe.recv()
        except EOFError:
            return
        if setting != current:
            current, prepared = setting, {}
        try:
            if name not in prepared:
                prepared[name] = ROWS[name].epochs(train, setting)
            begun = time.perf_counter()
            run(prepared[name]())
            pipe.send(time.perf_counter() - begun)
        except Exception as error:  # a peer that breaks must not end the run of the others
            pipe.send(f"{type(error).__name__}: {error}")


def measure(
    names: list[str], setting: Setting, rounds: int, ask: Ask, advance: Callable[[str], None]
) -> Result:
    """Run every row once to warm up, then in rounds; `advance` hears what is being run."""
    result = Result(setting)
    for turn in range(rounds + 1):
        for name in names:
            most = ROWS[name].rounds
            advance(name)
            if name in result.skipped or (most is not None and turn > most):
                continue
            if isinstance(answer := ask(name, setting), str):
                result.skipped[name] = answer
                result.seconds.pop(name, None)
            elif turn:
                result.seconds.setdefault(name, []).append(answer)
    return result
