"""Results that threads make ahead, yielded in the order of their calls."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


def made_ahead(
    calls: Iterable[Callable[[], _Result]], threads: int, ahead: int
) -> Iterator[_Result]:
    """Yield the result of each call, in order; up to `ahead` results are made before their use.

    Parameters
    ----------
    calls : iterable of callable
    threads : int
        Number of threads.
    ahead : int
        Most results that wait to be used.
    """
    waiting: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads, "fmnist_keras")
    try:
        for call in calls:
            waiting.append(pool.submit(call))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
