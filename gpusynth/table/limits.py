"""Limits of what a survey file and its schema may be: beyond them a mistake is more likely."""

from __future__ import annotations

from typing import Final

__all__ = ["MOST_COLUMNS", "MOST_LEVELS"]

MOST_COLUMNS: Final = 5_000
"""Columns of a file. A step reads all columns before it, so that time grows with their square."""

MOST_LEVELS: Final = 65_536
"""Levels of a column: what a code of 16 bits tells apart."""
