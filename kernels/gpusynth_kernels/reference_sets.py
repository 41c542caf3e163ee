"""Candidate splits as sets of rows, in plain Python: what the kernels on sets must equal.

A set is a whole number whose bit i tells whether it has row i.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpusynth_kernels.reference_splits import gini

__all__ = ["best_set", "bound", "cut_sets", "kept_sets", "share"]


def kept_sets(
    sets: Sequence[int],
    names: Sequence[int],
    rows: int,
    limits: tuple[int, int],
    *,
    distinct: bool,
) -> list[tuple[int, int]]:
    """Return what sets with names (not -1) have of some rows, if not too few nor too many of them.

    With `distinct`, not what the set before it, of a lower name, has as well.
    """
    kept = []
    for i, (own, name) in enumerate(zip(sets, names, strict=True)):
        here = own & rows
        again = distinct and i > 0 and sets[i - 1] & rows == here and 0 <= names[i - 1] <= name
        if name >= 0 and limits[0] <= here.bit_count() <= limits[1] and not again:
            kept.append((here, name))
    return kept


def best_set(
    sets: Sequence[int],
    names: Sequence[int],
    members: Sequence[int],
    min_leaf: int,
    least: tuple[float, int],
) -> tuple[float, int]:
    """Return the highest score by Gini, and its place: of equal ones that of the lowest name.

    It must exceed the score of `least`, or equal it with a lower name; else -1 is the place.
    """
    (best, best_name), place = least, -1
    for i, (own, name) in enumerate(zip(sets, names, strict=True)):
        right = [(own & member).bit_count() for member in members]
        left = [member.bit_count() - c for member, c in zip(members, right, strict=True)]
        if min(sum(left), sum(right)) < min_leaf:
            continue
        score = gini(left, right)
        if score > best or (score == best and name < best_name):
            best, best_name, place = score, name, i
    return best, place


def bound(level: int, members: Sequence[int]) -> float:
    """Return the sum of squares of the classes' rows in a level, divided by its rows."""
    return sum((level & member).bit_count() ** 2 for member in members) / level.bit_count()


def share(level: int, rows: int) -> float:
    """Return the share of a level's rows that are in a set."""
    return (level & rows).bit_count() / level.bit_count()


def cut_sets(levels: Sequence[int], keys: Sequence[float], rows: int) -> list[int]:
    """Return, by level, the rows that come after it in order of key, equal ones by place."""
    cuts = []
    for here, key in enumerate(keys):
        right = rows
        for place, level in enumerate(levels):
            if (keys[place], place) <= (key, here):
                right &= ~level
        cuts.append(right)
    return cuts
