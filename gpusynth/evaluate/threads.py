"""Keep a library to one thread, so that its last digits do not depend on their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP use one thread, by threadpoolctl, which scikit-learn brings.

    Without it nothing is limited: results of linear algebra may then differ in their last digits
    between machines with different numbers of cores.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=1):
        yield
