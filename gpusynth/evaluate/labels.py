"""Words for codes: what a level, a missing code or a bin is called in results."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from gpusynth.evaluate.coded import CodedColumn

__all__ = ["CodeKind", "code_kinds", "code_labels", "number_label"]

CodeKind = Literal["missing", "spike", "level", "bin"]
"""What a code stands for; "level" in a column of numbers is an answer that is no number."""


def number_label(value: float, kind: str) -> str:
    """Write a number of a column of the given kind: dates and times in ISO 8601."""
    try:
        if kind == "date":
            return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
        if kind == "timestamp":
            return (datetime(1970, 1, 1) + timedelta(microseconds=value)).isoformat(" ")
    except OverflowError:
        pass  # a year beyond 9999 has no date; its number is shown
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def code_labels(column: CodedColumn) -> tuple[str, ...]:
    """Return the label of each code; null is "(missing)", a bin is an interval.

    Returns
    -------
    tuple of str, length n_codes
    """
    labels = tuple(
        "(missing)" if column.has_null and code == 0 else label
        for code, label in enumerate(column.labels)
    )
    return labels if column.cuts is None else labels + _bin_labels(column)


def _bin_labels(column: CodedColumn) -> tuple[str, ...]:
    if column.cuts is None or len(column.cuts) == 0:
        return ("any number",)
    cuts = [number_label(float(cut), column.kind) for cut in column.cuts]
    is_right = column.closed == "right"
    inner = [f"({low}, {high}]" if is_right else f"[{low}, {high})" for low, high in pairwise(cuts)]
    if column.joins_outside:
        return (f"outside [{cuts[0]}, {cuts[-1]})", *inner)
    first, last = ("\u2264", ">") if is_right else ("<", "\u2265")
    return (f"{first} {cuts[0]}", *inner, f"{last} {cuts[-1]}")


def code_kinds(column: CodedColumn) -> tuple[CodeKind, ...]:
    """Return what each code stands for, length n_codes."""
    kinds: list[CodeKind] = []
    for code, label in enumerate(column.labels):
        if code < column.n_missing:
            kinds.append("missing")
        elif column.numbers is not None and _is_number(label):
            kinds.append("spike")
        else:
            kinds.append("level")
    bins: list[CodeKind] = ["bin"] * (column.n_codes - len(kinds))
    return (*kinds, *bins)


def _is_number(label: str) -> bool:
    """Return whether a level of a column of numbers is a finite number, that is, a spike."""
    try:
        return abs(float(label)) != float("inf")
    except ValueError:
        return False
