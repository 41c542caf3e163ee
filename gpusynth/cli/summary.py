"""Summary: what a run did besides drawing columns, one line each; counts and names, no values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["summary_lines"]


def summary_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Return what edits, tails, replicated uniques, calibrations and a resume did.

    Parameters
    ----------
    manifest : mapping
        Of a run.

    Returns
    -------
    list of str
    """
    return [
        *(_edit(edit) for edit in manifest["edits"]),
        *(_tail(tail) for tail in manifest["tails"]),
        *_uniques(manifest["replicated_uniques"]),
        *(_calibration(entry) for entry in manifest.get("calibration", ())),
        *_resumed(manifest["checkpoints"]),
    ]


def _edit(edit: Mapping[str, Any]) -> str:
    return (
        f"edit {edit['edit']}: {edit['failed']:,} rows failed at first, "
        f"{edit['repaired']:,} were repaired"
    )


def _tail(tail: Mapping[str, Any]) -> str:
    return f"tails of {tail['column']}: {tail['kind']}, for {sum(tail['real_rows']):,} real rows"


def _uniques(uniques: Mapping[str, Any] | None) -> list[str]:
    if uniques is None:
        return []
    done = (
        f"{uniques['removed']:,} were removed"
        if uniques["action"] == "remove"
        else f"{uniques['drawn_again']:,} draws were made again, "
        f"{uniques['replaced']:,} rows were replaced"
    )
    keys = ", ".join(uniques["keys"])
    return [f"replicated uniques on {keys}: {uniques['found']:,} rows found, {done}"]


def _calibration(entry: Mapping[str, Any]) -> str:
    fits = [fit for of_one in entry["replicates"] for fit in of_one["margins"]]
    before, after = (
        max((fit[f"worst_deviation_{when}"] for fit in fits), default=0.0)
        for when in ("before", "after")
    )
    return (
        f"calibration of {entry['weight']} ({entry['method']}): "
        f"worst deviation {_percent(before)} before, {_percent(after)} after"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:,.0f} %"


def _resumed(checkpoints: Mapping[str, Any] | None) -> list[str]:
    if checkpoints is None or not checkpoints["times_resumed"]:
        return []
    times, damaged = checkpoints["times_resumed"], len(checkpoints["damaged_files"])
    again = f", {damaged:,} damaged files were made again" if damaged else ""
    return [
        f"resumed {times:,} {'time' if times == 1 else 'times'}: "
        f"{checkpoints['draws_found']:,} columns were found drawn{again}"
    ]
