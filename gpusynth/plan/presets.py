"""Presets: choices that belong together, each of which can be overridden by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from gpusynth.errors import PlanError

__all__ = ["Preset", "with_preset"]

Preset: TypeAlias = Literal["release"]
"""release: what docs/study-frontier.md finds for files that leave the enclave."""

_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "release": {
        # Leaves of 15 rows: up to there matches fall most and utility least (the study).
        # Five different firms in each, wherever the plan names the unit.
        "default": {"method": "cart", "min_leaf": 15, "min_distinct_units": 5},
        "output": {"shuffle_rows": True},
        # A whole record that only one real row has is drawn again from its last columns on.
        "replicated_uniques": {"keys": "all", "among": "all", "redraw_last": 5},
    }
}


def with_preset(given: Any) -> Any:
    """Add the choices of a preset to those that are given, which count more.

    Parameters
    ----------
    given : mapping
        What a plan says. Tables are joined entry by entry, but a method is replaced as a whole.

    Returns
    -------
    mapping
        With `replicated_uniques` None where it is given as false.

    Raises
    ------
    PlanError
        If there is no such preset.
    """
    if not isinstance(given, Mapping):
        return given
    chosen = dict(given)
    if chosen.get("replicated_uniques") is False:
        chosen["replicated_uniques"] = None
    name = chosen.get("preset")
    if name is None:
        return chosen
    if not isinstance(name, str) or name not in _PRESETS:
        raise PlanError(f"unknown preset {name!r}: choose one of {', '.join(_PRESETS)}")
    for entry, choice in _PRESETS[name].items():
        own = chosen.get(entry)
        if entry not in chosen:
            chosen[entry] = dict(choice)
        elif entry == "output" and isinstance(own, Mapping):
            chosen[entry] = {**choice, **own}
    return chosen
