"""Packages of the extra ``inference``: imported when first needed, missed with one clear line."""

from __future__ import annotations

import importlib
from typing import Any

from gpusynth.errors import BackendUnavailableError

__all__ = ["imported"]


def imported(module: str) -> Any:
    """Import a module of the extra ``inference``.

    Parameters
    ----------
    module : str
        For example ``"scipy.stats"``.

    Returns
    -------
    module

    Raises
    ------
    BackendUnavailableError
        If the package is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise BackendUnavailableError(
            f"the package {package!r} is not installed, which inference needs. "
            'Install it with: pip install "gpusynth[inference]"'
        ) from None
