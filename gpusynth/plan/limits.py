"""Limits of what a plan may list: more would take hours before the first fit."""

from __future__ import annotations

from typing import Final

__all__ = ["MOST_CALIBRATIONS", "MOST_CONDITIONS", "MOST_MARGINS", "MOST_STRATA", "said"]

MOST_CONDITIONS: Final = 10_000
"""Rules, and edits: each is tried on every row."""

MOST_STRATA: Final = 100_000
"""Sizes of strata that a plan lists."""

MOST_CALIBRATIONS: Final = 100
"""Weights that are calibrated."""

MOST_MARGINS: Final = 1_000
"""Margins of one weight."""

_TABLE = "must be a table: { ... }, or lines under a heading in brackets"
_IN_TOML = {"dict_type": _TABLE, "model_type": _TABLE, "tuple_type": "must be a list: [ ... ]"}


def said(message: str, kind: str, context: dict[str, object]) -> str:
    """Say what TOML has in TOML's words, and that a list is too long; other messages stay.

    Parameters
    ----------
    message, kind : str
        Of pydantic's error.
    context : dict
        Of the same error.

    Returns
    -------
    str
    """
    if kind in _IN_TOML:
        return _IN_TOML[kind]
    if kind != "too_long":
        return message
    most = context.get("max_length")
    return f"there are more than {most:,} entries, and that is the most; leave some out"
