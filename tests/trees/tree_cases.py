"""Random tables for the grower, and the plain grower's tree in the form of `Tree`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gpusynth.streams import StreamKey
from gpusynth.trees import CartParams, ClassTarget, LeafDonors, NumberTarget, Predictor, Tree
from gpusynth.trees.target import WEIGHTED_NUMBER_BITS, Target, fixed_point, fixed_weight
from gpusynth_kernels import reference_splits, reference_tree

ORDERED = (1, 2, 3, 5, 8, 9, 20, 32, 33, 60, 300)
UNORDERED = (1, 2, 3, 4, 5, 9, 40, 64, 65, 100, 300)


@dataclass(frozen=True)
class Case:
    """One call of `grow_tree`."""

    predictors: list[Predictor]
    target: Target
    params: CartParams = field(default_factory=CartParams)
    columns: list[str] | None = None
    weight: Any = None
    rows: Any = None
    key: StreamKey | None = None

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(
            self.target.codes if isinstance(self.target, ClassTarget) else self.target.values
        )

    @property
    def keywords(self) -> dict[str, Any]:
        """Return the keyword arguments of `grow_tree`."""
        return {name: getattr(self, name) for name in ("columns", "weight", "rows", "key")}

    @property
    def taking_part(self) -> Any:
        """Return the rows that take part, ascending."""
        rows = np.arange(self.n_rows) if self.rows is None else np.asarray(self.rows)
        if self.weight is None:
            return rows
        return rows[fixed_weight(np.asarray(self.weight)[rows]) > 0]


def random_codes(rng: np.random.Generator, n_codes: int, n_rows: int) -> np.ndarray:
    """Return codes that may be even, skewed, or few of many."""
    shape = rng.choice([1.0, 1.0, 3.0, 8.0])
    codes = (n_codes * rng.random(n_rows) ** shape).astype(np.int64)
    if rng.random() < 0.2:
        codes = rng.choice(rng.integers(0, n_codes, 3), n_rows)
    dtype = np.uint8 if n_codes <= 256 and rng.random() < 0.7 else np.uint16
    return codes.astype(dtype)


def random_predictors(rng: np.random.Generator, n_columns: int, n_rows: int) -> list[Predictor]:
    """Return columns of all widths; some repeat an earlier one in another width."""
    predictors: list[Predictor] = []
    for i in range(n_columns):
        ordered = bool(rng.random() < 0.5)
        if predictors and rng.random() < 0.3:
            old = predictors[rng.integers(len(predictors))]
            n_codes = int(max(old.n_codes, rng.choice(ORDERED)))
            codes = old.codes.astype(np.uint16)
        else:
            n_codes = int(rng.choice(ORDERED if ordered else UNORDERED))
            codes = random_codes(rng, n_codes, n_rows)
        predictors.append(Predictor(f"c{i}", codes, n_codes, ordered))
    return predictors


def _signal(rng: np.random.Generator, predictors: list[Predictor], n_rows: int) -> np.ndarray:
    signal = rng.normal(size=n_rows)
    for p in predictors:
        effect = rng.normal(size=p.n_codes) * rng.choice([0.0, 1.0, 3.0])
        signal = signal + effect[p.codes]
    return signal


def random_classes(
    rng: np.random.Generator, predictors: list[Predictor], n_rows: int, n_classes: int
) -> ClassTarget:
    """Return classes that depend on the predictors; some may not occur."""
    signal = _signal(rng, predictors, n_rows)
    cuts = np.sort(rng.choice(signal, n_classes - 1)) if n_rows else []
    codes = np.searchsorted(cuts, signal).astype(rng.choice(["uint8", "uint16"]))
    return ClassTarget(codes, n_classes)


def random_numbers(
    rng: np.random.Generator, predictors: list[Predictor], n_rows: int, kind: str
) -> NumberTarget:
    """Return numbers of one kind: real, whole, few values, far from zero, or of two sizes."""
    signal = _signal(rng, predictors, n_rows)
    if kind == "whole":
        return NumberTarget((signal * 100).astype(np.int64))
    if kind == "few":
        return NumberTarget(np.round(signal))
    if kind == "far":
        return NumberTarget(1e9 + signal)
    if kind == "two sizes":
        return NumberTarget(np.where(rng.random(n_rows) < 0.1, 1e12, 0.0) + np.round(signal))
    return NumberTarget(np.exp(signal))


def random_weight(rng: np.random.Generator, kind: str, n_rows: int) -> Any:
    """Return weights of one kind, or None."""
    if kind == "real":
        return np.exp(rng.normal(size=n_rows))
    if kind == "whole":
        return rng.integers(1, 4, n_rows).astype(np.float64)
    if kind == "some zero":
        weight = rng.integers(0, 3, n_rows).astype(np.float64)
        weight[0] = 1.0
        return weight
    return None


def random_params(rng: np.random.Generator) -> CartParams:
    """Return parameters over their whole range, most often those that grow large trees."""

    def sometimes(share: float, values: tuple[Any, ...], otherwise: Any) -> Any:
        return values[rng.integers(len(values))] if rng.random() < share else otherwise

    return CartParams(
        min_leaf=sometimes(0.5, (3, 5, 10), 1),
        min_split=sometimes(0.5, (2, 15), None),
        max_depth=sometimes(0.2, (0, 1, 3), 30),
        max_leaves=sometimes(0.2, (1, 2, 5, 9), None),
        cp=sometimes(0.25, (0.0, 1e-3, 0.02, 1.0), 1e-8),
        prune=sometimes(0.3, ("rpart",), "impurity"),
        columns_per_split=sometimes(0.25, (1, 2, 3, 9), None),
    )


TARGETS = (2, 3, 5, 12, "real", "whole", "few", "far", "two sizes")
WEIGHTS = ("none", "none", "real", "whole", "some zero")


def random_case(
    seed: int, n_rows: int, n_columns: int, target_kind: int | str, weight_kind: str
) -> Case:
    """Return the case that these choices stand for."""
    rng = np.random.default_rng(seed)
    predictors = random_predictors(rng, n_columns, n_rows)
    params = random_params(rng)
    weight = random_weight(rng, weight_kind, n_rows)
    target: Target
    if isinstance(target_kind, int):
        target = random_classes(rng, predictors, n_rows, target_kind)
        if weight is None and rng.random() < 0.3:
            changed = {name: getattr(params, name) for name in params.__dataclass_fields__}
            params = CartParams(**{**changed, "criterion": "entropy"})
    else:
        target = random_numbers(rng, predictors, n_rows, target_kind)
    columns = rows = None
    if n_columns and rng.random() < 0.3:
        columns = [str(c) for c in rng.permutation([p.name for p in predictors])]
        columns = columns[: rng.integers(1, n_columns + 1)]
    if n_rows > 1 and rng.random() < 0.3:
        rows = np.flatnonzero((rng.random(n_rows) < 0.7) | (np.arange(n_rows) == 0))
    key = StreamKey(seed, replicate=2, step=int(rng.integers(9)))
    return Case(predictors, target, params, columns, weight, rows, key)


def cases(max_rows: int = 90, n_rows: int | None = None) -> st.SearchStrategy[Case]:
    """Return a strategy of cases; the seed decides all, so that sizes are spread evenly."""

    def build(seed: int) -> Case:
        rng = np.random.default_rng(seed)
        rows = int(rng.integers(1, max_rows + 1)) if n_rows is None else n_rows
        kind = TARGETS[rng.integers(len(TARGETS))]
        weight = WEIGHTS[rng.integers(len(WEIGHTS))]
        return random_case(seed, rows, int(rng.integers(0, 7)), kind, weight)

    return st.builds(build, st.integers(0, 2**63 - 1))


def plain_tree(case: Case) -> reference_tree.Node:
    """Grow the case's tree by the plain definition."""
    rows = case.taking_part
    weight = None
    if case.weight is not None:
        units = np.zeros(case.n_rows, np.int64)
        chosen = np.arange(case.n_rows) if case.rows is None else case.rows
        units[chosen] = fixed_weight(np.asarray(case.weight)[chosen])
        weight = units.tolist()
    if isinstance(case.target, ClassTarget):
        criterion = "gini" if case.params.criterion == "auto" else case.params.criterion
        target = reference_splits.Target(
            "weighted gini" if weight else criterion,
            n_classes=case.target.n_classes,
            classes=case.target.codes.tolist(),
            weight=weight,
        )
    else:
        bits = () if weight is None else (WEIGHTED_NUMBER_BITS,)
        numbers = np.zeros(case.n_rows, np.int64)
        numbers[rows] = fixed_point(case.target.values[rows], *bits)[0]
        target = reference_splits.Target("variance", numbers=numbers.tolist(), weight=weight)
    allowed = [p.name for p in case.predictors] if case.columns is None else case.columns
    columns = [
        (i, reference_splits.Column(p.codes.tolist(), p.n_codes, p.is_ordered))
        for i, p in enumerate(case.predictors)
        if p.name in allowed
    ]
    params = case.params
    limits = reference_tree.Limits(
        params.min_leaf,
        params.split_rows,
        params.max_depth,
        params.cp,
        params.max_leaves,
        params.prune,
        params.columns_per_split,
        *((0, 0) if case.key is None else (case.key.seed, case.key.stream)),
    )
    return reference_tree.grow(columns, target, limits, rows.tolist())


def described(tree: Tree, donors: LeafDonors) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Return a fast tree as nodes (breadth first) and donors by leaf."""
    nodes = []
    for i in range(tree.n_nodes):
        inside = tree.feature[i] >= 0
        node: dict[str, Any] = {
            "n_rows": int(tree.n_rows[i]),
            "gain": float(tree.gain[i]),
            "left": int(tree.left[i]),
            "leaf": int(tree.leaf[i]),
            "column": tree.predictors[tree.feature[i]] if inside else None,
            "threshold": None,
            "left_codes": None,
        }
        if inside and tree.subset[i] < 0:
            node["threshold"] = int(tree.threshold[i])
        elif inside:
            count = int(tree.n_codes[tree.feature[i]])
            words = tree.subset_words[tree.subset[i] :]
            node["left_codes"] = [c for c in range(count) if words[c // 32] >> (c % 32) & 1]
        nodes.append(node)
    by_leaf = [
        donors.rows[donors.offsets[leaf] : donors.offsets[leaf + 1]].tolist()
        for leaf in range(donors.n_leaves)
    ]
    return nodes, by_leaf


def described_plain(
    root: reference_tree.Node, names: list[str]
) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Return a plain tree in the same form."""
    order = reference_tree.breadth_first(root)
    number = {id(node): i for i, node in enumerate(order)}
    ends = reference_tree.leaves(root)
    leaf = {id(node): i for i, node in enumerate(ends)}
    nodes = []
    for node in order:
        split = node.split
        by_threshold = split is not None and split.threshold is not None
        nodes.append(
            {
                "n_rows": len(node.rows),
                "gain": node.gain,
                "left": number[id(node.children[0])] if node.children else -1,
                "leaf": leaf.get(id(node), -1),
                "column": None if split is None else names[split.column],
                "threshold": split.threshold if by_threshold else None,
                "left_codes": sorted(node.left_codes) if split and not by_threshold else None,
            }
        )
    return nodes, [end.rows for end in ends]
