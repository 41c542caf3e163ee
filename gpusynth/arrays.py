"""What "array" means on every floor: NumPy or CuPy, always on one device.

Shapes and dtypes live in docstrings and in the kernels' specification, not in types.
"""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Array"]

Array: TypeAlias = Any
