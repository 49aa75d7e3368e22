"""Run actions under limits of the system."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest


@contextmanager
def largest_file(nbytes: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: to a program, the disk is full."""
    if sys.platform == "win32":
        pytest.skip("needs POSIX")
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def memory(nbytes: int) -> Iterator[None]:
    """Let this process have so much more address space than it has now."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


PATIENCE = 15
"""How much longer a process may take than it may compute: a busy machine must not end it."""


@dataclass(frozen=True)
class Outcome:
    """How an action ended in a separate process: "ok", or the name of the error."""

    ended: str
    message: str


def run_limited(action: Callable[[], object], seconds: float, memory_nbytes: int) -> Outcome:
    """Run something in a copy of this process, which is killed after so much processor time."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that a copy would lack
        child = os.fork()
    if not child:
        os.close(reader)
        _report(action, seconds, memory_nbytes, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    if not report:
        return Outcome(f"signal {-os.waitstatus_to_exitcode(status)}", "")
    ended, _, message = report.decode(errors="replace").partition("\n")
    return Outcome(ended, message)


def _report(
    action: Callable[[], object], seconds: float, memory_nbytes: int, writer: int
) -> NoReturn:
    """Run an action within limits, say how it ended, and end this process, whatever happens."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * seconds)
    try:
        with memory(memory_nbytes):
            try:
                report = f"ok\n{action()}"
            except BaseException as error:
                report = f"{type(error).__name__}\n{error}"
        os.write(writer, report.encode(errors="backslashreplace")[:60_000])
    finally:
        os._exit(0)
