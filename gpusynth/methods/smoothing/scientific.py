"""SciPy, which only smoothing needs on this floor: an extra of the installation."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gpusynth.errors import BackendUnavailableError

__all__ = ["scientific"]


def scientific(module: str) -> Any:
    """Import a module of the extra "parametric".

    Parameters
    ----------
    module : str
        Such as "scipy.special".

    Returns
    -------
    module

    Raises
    ------
    BackendUnavailableError
        If it is not installed; the message names the extra.
    """
    try:
        return import_module(module)
    except ImportError:
        raise BackendUnavailableError(
            f"smoothing needs {module.split('.')[0]}, which is not installed: "
            'pip install "gpusynth[parametric]"'
        ) from None
