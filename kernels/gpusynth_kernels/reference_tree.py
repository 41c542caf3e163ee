"""The tree grower as the specification of `README.md` states it: recursive, plain and slow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gpusynth_kernels.reference import philox_pair
from gpusynth_kernels.reference_splits import (
    Column,
    Split,
    Target,
    best_split,
    c_log_c,
    score_of_node,
)

__all__ = [
    "Limits",
    "Node",
    "breadth_first",
    "collapse_to_leaves",
    "grow",
    "leaves",
    "offered_columns",
    "path_of_child",
    "prune_by_complexity",
    "risk",
    "rpart_risk",
    "sum_of_squares",
]

_LEAST_GAIN = 2.0**-40


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a tree grows; see `gpusynth.trees.CartParams`."""

    min_leaf: int
    min_split: int
    max_depth: int
    cp: float
    max_leaves: int | None = None
    prune: Literal["impurity", "rpart"] = "impurity"
    columns_per_split: int | None = None
    seed: int = 0
    stream: int = 0
    """Of the random numbers that draw the columns of a split."""


@dataclass(slots=True)
class Node:
    """A node and what hangs below it; a leaf has no children."""

    rows: list[int]
    """In the order of the donors: by class, then row."""
    split: Split | None = None
    left_codes: frozenset[int] = frozenset()
    """All codes of the column that go left, those that the node lacks included."""
    gain: float = 0.0
    children: list[Node] = field(default_factory=list)

    def undo(self) -> None:
        """Make the node a leaf."""
        self.split, self.gain, self.children = None, 0.0, []


def sum_of_squares(target: Target, rows: Sequence[int]) -> float:
    """Return ``(mean of squares - square of mean) * weight``, each from exact integer sums.

    The squares are added as an upper and a lower half of their bits.
    """
    half = 24 if target.weight is not None else 31
    total = high = low = weight = 0
    for row in rows:
        y, w = target.numbers[row], target.amount(row)
        total += y * w
        high += (y * y >> half) * w
        low += (y * y & (1 << half) - 1) * w
        weight += w
    mean_square = float(high) * 2.0**half / float(weight) + float(low) / float(weight)
    mean = float(total) / float(weight)
    return max((mean_square - mean * mean) * float(weight), 0.0)


def _by_class(target: Target, rows: Sequence[int]) -> list[int]:
    counts = [0] * target.n_classes
    for row in rows:
        counts[target.classes[row]] += target.amount(row)
    return counts


def risk(target: Target, rows: Sequence[int]) -> float:
    """Return the risk of a node by the tree's own criterion."""
    if target.criterion == "variance":
        return sum_of_squares(target, rows)
    counts = _by_class(target, rows)
    if target.criterion == "entropy":
        return float(c_log_c(sum(counts)) - sum(map(c_log_c, counts))) * 2.0**-24
    return float(sum(counts)) - score_of_node(target, rows)


def rpart_risk(target: Target, rows: Sequence[int]) -> float:
    """Return the risk of a node as rpart has it: misclassified weight, or the sum of squares."""
    if target.criterion == "variance":
        return sum_of_squares(target, rows)
    counts = _by_class(target, rows)
    return float(sum(counts) - max(counts))


def grow(
    columns: Sequence[tuple[int, Column]], target: Target, limits: Limits, rows: Sequence[int]
) -> Node:
    """Grow and prune a tree on `rows`; columns are given with their positions in the table."""
    key = (lambda r: r) if target.criterion == "variance" else (lambda r: (target.classes[r], r))
    root = Node(sorted(rows, key=key))
    cp = limits.cp if limits.prune == "impurity" else 0.0
    least_gain = max(cp, _LEAST_GAIN) * risk(target, root.rows)
    _split(root, columns, target, limits, least_gain, 0, limits.stream)
    if limits.prune == "rpart":
        alpha = limits.cp * rpart_risk(target, root.rows)
        prune_by_complexity(root, lambda node: rpart_risk(target, node.rows), alpha)
    if limits.max_leaves is not None:
        collapse_to_leaves(root, limits.max_leaves)
    return root


def _split(
    node: Node,
    columns: Sequence[tuple[int, Column]],
    target: Target,
    limits: Limits,
    least_gain: float,
    depth: int,
    path: int,
) -> None:
    n = len(node.rows)
    if n < limits.min_split or n < 2 * limits.min_leaf or depth >= limits.max_depth:
        return
    if len({target.of(row) for row in node.rows}) == 1:
        return
    offered = columns
    if limits.columns_per_split is not None:
        places = offered_columns(limits.seed, path, len(columns), limits.columns_per_split)
        offered = [columns[place] for place in places]
    split = best_split(target, node.rows, offered, limits.min_leaf)
    if split is None:
        return
    gain = split.score - score_of_node(target, node.rows)
    if not gain > least_gain:
        return
    column = dict(columns)[split.column]
    left_codes = _all_left_codes(split, column, node.rows)
    node.split, node.gain, node.left_codes = split, gain, left_codes
    for side, goes_left in enumerate((True, False)):
        rows = [row for row in node.rows if (int(column.codes[row]) in left_codes) is goes_left]
        child = Node(rows)
        node.children.append(child)
        own_path = path_of_child(limits.seed, path, side)
        _split(child, columns, target, limits, least_gain, depth + 1, own_path)


def path_of_child(seed: int, path: int, side: int) -> int:
    """Return the path of a node's left (side 0) or right (1) child."""
    return philox_pair(seed, path, (1 << 63) + side)[0]


def offered_columns(seed: int, path: int, n_columns: int, n_offered: int) -> list[int]:
    """Return the places of the columns that a node is offered, ascending."""
    drawn = sorted((philox_pair(seed, path, i)[0], i) for i in range(n_columns))
    return sorted(i for _, i in drawn[:n_offered])


def _all_left_codes(split: Split, column: Column, rows: Sequence[int]) -> frozenset[int]:
    """Return all codes that go left: by threshold, or with absent levels on the larger side."""
    if split.threshold is not None:
        return frozenset(range(split.threshold + 1))
    present = {int(column.codes[row]) for row in rows}
    n_left = sum(int(column.codes[row]) in split.left_codes for row in rows)
    absent = set(range(column.n_codes)) - present
    return split.left_codes | (absent if 2 * n_left >= len(rows) else set())


def prune_by_complexity(
    node: Node, risk_of: Callable[[Node], float], alpha: float
) -> tuple[float, int, float]:
    """Prune as rpart's ``partition.c`` does; return risk and splits below, and complexity."""
    own_risk = risk_of(node)
    if not node.children:
        return own_risk, 0, alpha
    (risk_a, splits_a, complexity_a), (risk_b, splits_b, complexity_b) = (
        prune_by_complexity(child, risk_of, alpha) for child in node.children
    )
    a, b = node.children

    def complexity() -> float:
        return (own_risk - (risk_a + risk_b)) / (splits_a + splits_b + 1)

    if complexity_b > complexity_a:
        if complexity() > complexity_a:
            risk_a, splits_a = risk_of(a), 0
            if complexity() > complexity_b:
                risk_b, splits_b = risk_of(b), 0
    elif complexity() > complexity_b:
        risk_b, splits_b = risk_of(b), 0
        if complexity() > complexity_a:
            risk_a, splits_a = risk_of(a), 0
    own = complexity()
    if own <= alpha:
        node.undo()
        return own_risk, 0, alpha
    return risk_a + risk_b, splits_a + splits_b + 1, own


def collapse_to_leaves(root: Node, max_leaves: int) -> None:
    """Undo the split of least gain above two leaves (the last breadth first among equals)."""
    while len(leaves(root)) > max_leaves:
        nodes = breadth_first(root)
        ends = [
            (node.gain, -at)
            for at, node in enumerate(nodes)
            if node.children and not any(child.children for child in node.children)
        ]
        nodes[-min(ends)[1]].undo()


def breadth_first(root: Node) -> list[Node]:
    """Return all nodes in the order of their numbers."""
    nodes = [root]
    for node in nodes:
        nodes.extend(node.children)
    return nodes


def leaves(node: Node) -> list[Node]:
    """Return the leaves from left to right."""
    if not node.children:
        return [node]
    return [leaf for child in node.children for leaf in leaves(child)]
