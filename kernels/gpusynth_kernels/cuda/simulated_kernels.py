"""Kernels as Numba's simulator can run them: plain Python functions, with their callees."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.types import Type
from numba.np.numpy_support import as_dtype

__all__ = ["quiet", "share_once", "simulated"]


class _CurrentContext:
    """Stands for `numba.cuda` within simulated kernels: whatever launch is running."""

    def __getattr__(self, name: str) -> Any:
        from numba.cuda.simulator.kernel import _get_kernel_context

        return getattr(_get_kernel_context(), name)


_CONTEXT = _CurrentContext()


def simulated(function: Any, cuda: Any, done: dict[int, Any] | None = None) -> Any:
    """Return a kernel's Python function, whose callees are Python functions too.

    Parameters
    ----------
    function : function
    cuda : module
        What kernels call `cuda`; a running launch takes its place.
    done : dict, optional
        Functions that were made already, by the numbers of what they were made of.

    Returns
    -------
    function
    """
    done = {} if done is None else done
    plain = function.py_func if isinstance(function, Dispatcher) else function
    if id(plain) in done:
        return done[id(plain)]
    names = dict(plain.__globals__)
    again = types.FunctionType(
        plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__
    )
    done[id(plain)] = again
    for name in _names_used(plain.__code__):
        value = names.get(name)
        if value is cuda:
            names[name] = _CONTEXT
        elif isinstance(value, Dispatcher) or (
            isinstance(value, types.FunctionType)
            and value.__module__.startswith("gpusynth_kernels.")
        ):
            names[name] = simulated(value, cuda, done)
    return again


def _names_used(code: types.CodeType) -> set[str]:
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*(_names_used(part) for part in inner))


def quiet(function: Callable[..., Any]) -> Callable[..., None]:
    """Let integers wrap around without a warning, as they do on a GPU (each thread has its own).

    While a kernel runs the simulator exchanges every `cuda` among its function's globals. These
    must not be a module's: another thread may import a module of kernels meanwhile.

    Parameters
    ----------
    function : function

    Returns
    -------
    function
    """

    def run(*arguments: Any) -> None:
        with np.errstate(over="ignore"):
            function(*arguments)

    own = {"np": np, "__builtins__": __builtins__}
    return types.FunctionType(run.__code__, own, "run", None, run.__closure__)


def share_once() -> None:
    """Let all threads of a simulated block have one shared array, whoever asks first.

    Numba's simulator knows a shared array by the line that asks for it. Two threads that ask at
    once both find none there, and each makes its own.
    """
    from numba.cuda.simulator import kernelapi

    dynamic, turn = kernelapi.FakeCUDAShared.array, threading.Lock()

    def array(memory: Any, shape: Any, dtype: Any) -> Any:
        if shape == 0:
            return dynamic(memory, shape, dtype)
        asked = sys._getframe(1)
        place = asked.f_code.co_filename, asked.f_lineno
        with turn:
            if place not in memory._allocations:
                plain = as_dtype(dtype) if isinstance(dtype, Type) else dtype
                memory._allocations[place] = np.empty(shape, plain)
            return memory._allocations[place]

    kernelapi.FakeCUDAShared.array = array
