"""Side by side: independent columns or blocks of rows, each worked at by a thread of its own.

NumPy and Arrow let other threads run while they work. What is done to one item depends on no other,
so nothing can depend on the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

__all__ = ["Each", "in_order", "side_by_side"]

Item = TypeVar("Item")
Made = TypeVar("Made")

Each: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
"""(function, items) -> the answers in the order of the items; the first item's error is raised."""


@contextmanager
def side_by_side(n_threads: int) -> Iterator[Each]:
    """Give what calls a function for each of many items.

    Parameters
    ----------
    n_threads : int
        1 works in the calling thread.

    Yields
    ------
    Each
    """
    if n_threads == 1:
        yield lambda function, items: [function(item) for item in items]
        return
    with ThreadPoolExecutor(n_threads, thread_name_prefix="gpusynth") as pool:
        yield lambda function, items: list(pool.map(function, items))


def in_order(
    make: Callable[[Item], Made],
    items: Iterable[Item],
    take: Callable[[Made], None],
    *,
    n_threads: int,
) -> None:
    """Make something of each item, some side by side, and take it in the order of the items.

    At most `n_threads` answers are there at a time.

    Parameters
    ----------
    make : callable
        Called from any thread.
    items : iterable
    take : callable
        Called in this thread.
    n_threads : int
        1 works in the calling thread.
    """
    if n_threads == 1:
        for item in items:
            take(make(item))
        return
    made: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(n_threads, thread_name_prefix="gpusynth") as pool:
        try:
            for item in items:
                if len(made) == n_threads:
                    take(made.popleft().result())
                made.append(pool.submit(make, item))
            while made:
                take(made.popleft().result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
