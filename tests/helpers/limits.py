"""Limits that the system holds a process to, for a while."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
