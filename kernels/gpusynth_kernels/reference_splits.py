"""What a split is and how good it is: the specification of `README.md` in plain Python.

Whole numbers are Python integers, so nothing can overflow or round; floats are IEEE 754 doubles in
the order that the specification states, so that equal means equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

__all__ = [
    "Column",
    "Criterion",
    "Split",
    "Target",
    "best_split",
    "c_log_c",
    "candidates",
    "entropy",
    "gini",
    "level_order",
    "log2_fixed",
    "principal_scores",
    "score_of_node",
    "variance",
]

Criterion = Literal["gini", "entropy", "weighted gini", "variance"]

_FRACTION_BITS = 24
_POWER_STEPS = 12
_SEARCHED_CODES = 4
"""An unordered column of at most so many codes is searched over all its subsets."""


@dataclass(frozen=True, slots=True)
class Column:
    """One predictor: a code for each row of the table."""

    codes: Sequence[int]
    n_codes: int
    is_ordered: bool


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted: a class or a number for each row, and perhaps a weight (all integers)."""

    criterion: Criterion
    n_classes: int = 0
    classes: Sequence[int] = ()
    numbers: Sequence[int] = ()
    weight: Sequence[int] | None = None

    def of(self, row: int) -> int:
        """Return the class or number of a row."""
        return self.numbers[row] if self.criterion == "variance" else self.classes[row]

    def amount(self, row: int) -> int:
        """Return what a row counts."""
        return 1 if self.weight is None else self.weight[row]


@dataclass(frozen=True, slots=True)
class Split:
    """A way to part the rows of a node in two."""

    score: float
    column: int
    threshold: int | None
    """Codes up to this go left; None for a split by subset."""
    left_codes: frozenset[int]
    """Codes of the node that go left."""


def log2_fixed(c: int) -> int:
    """Return log2(c) in units of 2^-24 by repeated squaring (Knuth, TAOCP 1.2.2, exercise 25)."""
    whole = c.bit_length() - 1
    x = c << (31 - whole)
    result = whole
    for _ in range(_FRACTION_BITS):
        x = (x * x) >> 31
        result *= 2
        if x >= 1 << 32:
            x >>= 1
            result += 1
    return result


def c_log_c(c: int) -> int:
    """Return c log2 c in units of 2^-24; 0 for c = 0."""
    return c * log2_fixed(c) if c else 0


def gini(left: Sequence[int], right: Sequence[int]) -> float:
    """Return ``sum l_k^2 / n_l + sum r_k^2 / n_r`` for class counts."""
    return float(sum(c * c for c in left)) / float(sum(left)) + float(
        sum(c * c for c in right)
    ) / float(sum(right))


def _weighted_gini(left: Sequence[int], right: Sequence[int]) -> float:
    """Return `gini` for class weights; their squares are doubles, added class by class."""

    def part(weights: Sequence[int]) -> float:
        squares = 0.0
        for w in weights:
            squares += float(w) * float(w)
        return squares / float(sum(weights))

    return part(left) + part(right)


def entropy(left: Sequence[int], right: Sequence[int]) -> float:
    """Return ``n log2 n`` minus the entropy risks of both sides, in bits."""
    risk = sum(c_log_c(sum(side)) - sum(map(c_log_c, side)) for side in (left, right))
    return float(c_log_c(sum(left) + sum(right)) - risk) * 2.0**-24


def variance(sum_left: int, weight_left: int, sum_right: int, weight_right: int) -> float:
    """Return ``(mean_l - mean_r)^2 w_l w_r / (w_l + w_r)``: the decrease of the sum of squares."""
    left, right = float(weight_left), float(weight_right)
    difference = float(sum_left) / left - float(sum_right) / right
    return (difference * difference) * (left * (right / (left + right)))


_BY_CLASS: dict[str, Callable[[Sequence[int], Sequence[int]], float]] = {
    "gini": gini,
    "entropy": entropy,
    "weighted gini": _weighted_gini,
}


def _by_class(target: Target, rows: Sequence[int]) -> list[int]:
    counts = [0] * target.n_classes
    for row in rows:
        counts[target.classes[row]] += target.amount(row)
    return counts


def _sums(target: Target, rows: Sequence[int]) -> tuple[int, int]:
    amounts = [target.amount(row) for row in rows]
    return sum(target.numbers[r] * a for r, a in zip(rows, amounts, strict=True)), sum(amounts)


def _score(target: Target, left: Sequence[int], right: Sequence[int]) -> float:
    if target.criterion == "variance":
        return variance(*_sums(target, left), *_sums(target, right))
    return _BY_CLASS[target.criterion](_by_class(target, left), _by_class(target, right))


def score_of_node(target: Target, rows: Sequence[int]) -> float:
    """Return the score of the unsplit node: what a split must exceed."""
    if target.criterion in ("variance", "entropy"):
        return 0.0
    counts = _by_class(target, rows)
    if target.criterion == "gini":
        return float(sum(c * c for c in counts)) / float(sum(counts))
    squares = 0.0
    for w in counts:
        squares += float(w) * float(w)
    return squares / float(sum(counts))


def principal_scores(by_level: Sequence[Sequence[int]]) -> list[float]:
    """Return the score of each level on the first principal component of its class proportions.

    ``by_level[s][k]`` are the rows (or weight) of class k at level s, for classes present. The
    covariance weighs each level by its rows and is divided by its trace; the power method starts at
    the class that varies most (Coppersmith, Hong & Hosking 1999, section 4).
    """
    classes = range(len(by_level[0]))
    totals = [sum(level) for level in by_level]
    everything = float(sum(totals))
    overall = [float(sum(level[k] for level in by_level)) / everything for k in classes]
    centred = [
        [float(level[k]) / float(total) - overall[k] for k in classes]
        for level, total in zip(by_level, totals, strict=True)
    ]
    covariance = [[0.0 for _ in classes] for _ in classes]
    for level, total in zip(centred, totals, strict=True):
        for k in classes:
            for q in range(k + 1):
                covariance[k][q] += (level[k] * float(total)) * level[q]
    trace = 0.0
    for k in classes:
        trace += covariance[k][k]
    if trace <= 0.0:
        return [0.0 for _ in by_level]
    widest = max(classes, key=lambda k: (covariance[k][k], -k))
    matrix = [[covariance[max(k, q)][min(k, q)] / trace for q in classes] for k in classes]
    direction = matrix[widest]
    for _ in range(_POWER_STEPS - 1):
        direction = [_dot(matrix[k], direction) for k in classes]
    return [_dot(level, direction) for level in centred]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    total = 0.0
    for x, y in zip(a, b, strict=True):
        total += x * y
    return total


def level_order(target: Target, rows_of: dict[int, list[int]]) -> list[int]:
    """Return the codes of a node in the order that cuts go by; equal levels by code.

    `rows_of` are the node's rows by code.
    """
    codes = sorted(rows_of)
    if target.criterion == "variance":
        keys = []
        for code in codes:
            total, weight = _sums(target, rows_of[code])
            keys.append(float(total) / float(weight))
    else:
        by_level = [_by_class(target, rows_of[code]) for code in codes]
        present = [k for k in range(target.n_classes) if any(level[k] for level in by_level)]
        if len(present) <= 2:
            keys = [float(level[present[-1]]) / float(sum(level)) for level in by_level]
        else:
            keys = principal_scores([[level[k] for k in present] for level in by_level])
    return [code for _, code in sorted(zip(keys, codes, strict=True))]


def candidates(
    target: Target, rows: Sequence[int], column: Column, number: int, min_leaf: int
) -> Iterator[Split]:
    """Yield the splits of a node by one column, in the order that breaks ties."""
    rows_of: dict[int, list[int]] = {}
    for row in rows:
        rows_of.setdefault(int(column.codes[row]), []).append(row)
    for threshold, left_codes in _ways(target, rows_of, column):
        left = [row for code in left_codes for row in rows_of.get(code, [])]
        right = [row for code in rows_of if code not in left_codes for row in rows_of[code]]
        if len(left) >= min_leaf and len(right) >= min_leaf:
            present = frozenset(left_codes) & rows_of.keys()
            yield Split(_score(target, left, right), number, threshold, present)


def _ways(
    target: Target, rows_of: dict[int, list[int]], column: Column
) -> Iterator[tuple[int | None, frozenset[int]]]:
    present = sorted(rows_of)
    if column.is_ordered:
        for low, high in pairwise(present):
            yield (low + high) >> 1, frozenset(c for c in present if c <= low)
    elif column.n_codes <= _SEARCHED_CODES:
        for m in range(1, 1 << max(column.n_codes - 1, 0)):
            yield None, frozenset(c for c in range(column.n_codes) if c == 0 or not m >> c - 1 & 1)
    else:
        order = level_order(target, rows_of)
        for n_left in range(1, len(order)):
            yield None, frozenset(order[:n_left])


def best_split(
    target: Target, rows: Sequence[int], columns: Sequence[tuple[int, Column]], min_leaf: int
) -> Split | None:
    """Return the split of the highest score; the first among equals, None when there is none."""
    best: Split | None = None
    for number, column in columns:
        for split in candidates(target, rows, column, number, min_leaf):
            if best is None or split.score > best.score:
                best = split
    return best
