"""Linear algebra on one thread, so that a fit has the same bytes on every number of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from gpusynth.errors import BackendUnavailableError

__all__ = ["one_thread", "require_libraries", "scipy_special"]

_lock = threading.Lock()
_users = 0
_limits: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the threads of BLAS at one while any fit is running.

    The limit belongs to the process. Fits that overlap in time share it: the first sets it, the
    last one gives it back.

    Raises
    ------
    BackendUnavailableError
        If threadpoolctl or SciPy is not installed.
    """
    global _users, _limits
    require_libraries()
    with _lock:
        if not _users:
            _limits = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _limits.restore_original_limits()
                _limits = None


@cache
def _controller() -> Any:
    """Return the threads of the libraries that fits use; finding them takes milliseconds."""
    import scipy.linalg
    import scipy.optimize  # noqa: F401 - loaded, so that its BLAS is found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def require_libraries() -> None:
    """Check that the libraries of parametric methods are installed.

    Raises
    ------
    BackendUnavailableError
        If threadpoolctl or SciPy is not installed.
    """
    scipy_special()
    try:
        import threadpoolctl  # noqa: F401 - whether it is there
    except ImportError as error:
        raise _unavailable(error) from None


def scipy_special() -> Any:
    """Return the module `scipy.special`.

    Raises
    ------
    BackendUnavailableError
        If SciPy is not installed.
    """
    try:
        from scipy import special
    except ImportError as error:
        raise _unavailable(error) from None
    return special


def _unavailable(error: ImportError) -> BackendUnavailableError:
    return BackendUnavailableError(
        f"parametric methods need {error.name}, which is not installed. "
        'Run pip install "gpusynth[parametric]", or use the method cart.'
    )
