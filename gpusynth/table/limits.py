"""Limits of what a survey file and its schema may be: beyond them a mistake is more likely."""

from __future__ import annotations

from typing import Final

from gpusynth.arrays import MOST_CODES

__all__ = ["MOST_COLUMNS", "MOST_LEVELS"]

MOST_COLUMNS: Final = 5_000
"""Columns of a file. A step reads all columns before it, so that time grows with their square."""

MOST_LEVELS: Final = MOST_CODES
"""Levels of a column, each of which is a code."""
