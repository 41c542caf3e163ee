"""What "array" means on every floor: NumPy or CuPy, always on one device.

Shapes and dtypes live in docstrings and in the kernels' specification, not in types.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

__all__ = ["MOST_CODES", "Array", "code_dtype"]

Array: TypeAlias = Any

MOST_CODES = 65_536
"""Codes of a column at most: what 16 bits tell apart."""


def code_dtype(n_codes: int) -> type[np.uint8] | type[np.uint16]:
    """Return the type of codes in ``[0, n_codes)``: the smaller of the two that kernels read."""
    return np.uint8 if n_codes <= 256 else np.uint16
