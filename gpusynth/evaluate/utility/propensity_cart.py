"""Propensity scores by one classification tree, as synthpop's ``utility.gen(method = "cart")``.

The tree is gpusynth's own with rpart's rules: Gini, at least 5 rows a leaf, 15 to split, cost
complexity 0.001 of the misclassifications, pruned from the leaves up. p is the share of synthetic
rows in a row's leaf. Numbers are split by their exact values; a row without one has value 0 and
is marked in a column of its own (synthpop's ``_NA`` indicator).

A tree finds differences in any two samples, so its pMSE is held against trees grown on permuted
labels: ``S_pMSE = pMSE / (mean of permuted pMSE (1 - f c))``. A permutation compares two samples,
of which only one varies when the synthetic rows are drawn given the real ones; f is the share of
the real rows that the tree sees (see `gpusynth.evaluate.utility.propensity`). With all rows and
files of one length the factor is synthpop's, one half. With several synthetic files the null may be
the pMSE between pairs of them instead (synthpop's ``resamp.method = "pairs"``), brought to the
lengths compared by ``8 c^2 (1 - c) (1 - f c)``, again one half: two files drawn by one model differ
as two samples do, whether or not the model is right.

References
----------
.. [1] synthpop 1.9-2, R/utility.syn.r, `utility.gen` (cp = 1e-3, minbucket = 5, nperms = 50).
.. [2] Raab, G. M., Nowok, B., Dibben, C. (2021). Assessing, visualizing and improving the utility
       of synthetic data. arXiv:2109.12717.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np

from gpusynth.arrays import Array, code_dtype
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.labels import code_kinds
from gpusynth.evaluate.utility.propensity import (
    MOST_ROWS,
    PropensityUtility,
    StackedRows,
    random_order,
    stack_rows,
)
from gpusynth.evaluate.utility.propensity_scores import ScoreStatistics, score_statistics
from gpusynth.streams import Purpose, StreamKey
from gpusynth.trees import CartParams, ClassTarget, Predictor, PredictorTable, Tree, grow_tree, walk

__all__ = ["propensity_cart"]

_PERMUTATION_STEP = 102
_MARK = ": number or not"
_MOST_CODES = 65_536
"""Codes that a tree takes."""


def propensity_cart(
    codes: CommonCodes,
    *,
    null: Literal["permutations", "pairs"] = "permutations",
    n_permutations: int = 20,
    min_leaf: int = 5,
    cp: float = 1e-3,
    max_rows: int | None = MOST_ROWS,
    seed: int = 0,
) -> tuple[PropensityUtility, ...]:
    """Tell each synthetic file from the real one by a classification tree.

    Parameters
    ----------
    codes : CommonCodes
    null : {"permutations", "pairs"}
        Where the expected pMSE comes from: permuted labels, or pairs of synthetic files.
    n_permutations : int
        Trees on permuted labels; 0 for none (then nothing is expected). synthpop's default is 50.
        With pairs, at most so many pairs are compared, those of the first files.
    min_leaf : int
    cp : float
    max_rows : int, optional
        Of each file; None for all.
    seed : int
        Of the sample of rows and of permutations.

    Returns
    -------
    tuple of PropensityUtility
        One for each synthetic file.

    Raises
    ------
    IncomputableMetricError
        If no column varies, or there are pairs to compare and only one synthetic file.
    """
    if null == "pairs" and len(codes.synthetic) < 2:
        raise IncomputableMetricError(
            "pairs of synthetic files need two of them; give several, or use null = 'permutations'"
        )
    params = CartParams(min_leaf=min_leaf, cp=cp, prune="rpart")
    pairs = _pairs(codes, n_permutations, params, max_rows, seed) if null == "pairs" else None
    found = []
    for number in range(len(codes.synthetic)):
        rows = stack_rows(codes, number, max_rows=max_rows, seed=seed)
        table = PredictorTable.of(_predictors(rows))
        seen, tree = _grow(table, rows.is_synthetic, rows.weight, params)
        chance, factor = pairs, 8.0 * rows.share**2 * (1.0 - rows.share) * rows.null_share
        if chance is None:
            factor = rows.null_share
            keys = (
                StreamKey(
                    seed,
                    replicate=number,
                    stratum=permutation,
                    step=_PERMUTATION_STEP,
                    purpose=Purpose.EVALUATE,
                )
                for permutation in range(n_permutations)
            )
            orders = (random_order(key, len(rows.is_synthetic)) for key in keys)
            chance = [
                _grow(table, rows.is_synthetic[order], rows.weight, params)[0] for order in orders
            ]
        expected = float(np.mean([one.pmse for one in chance])) * factor if chance else None
        found.append(
            PropensityUtility.of(
                "cart",
                rows,
                seen,
                expected_pmse=expected,
                expected_auc=float(np.mean([one.auc for one in chance])) if chance else None,
                size=tree.n_leaves,
                importance=_importance(tree),
                note="" if expected else _note(len(chance)),
            )
        )
    return tuple(found)


def _pairs(
    codes: CommonCodes, most: int, params: CartParams, max_rows: int | None, seed: int
) -> list[ScoreStatistics]:
    """Tell synthetic files from each other, pair by pair."""
    found = []
    for first, second in list(combinations(codes.synthetic, 2))[:most]:
        rows = stack_rows(CommonCodes(first, (second,)), 0, max_rows=max_rows, seed=seed)
        table = PredictorTable.of(_predictors(rows))
        found.append(_grow(table, rows.is_synthetic, rows.weight, params)[0])
    return found


def _note(n_trees: int) -> str:
    if n_trees == 0:
        return "nothing is expected without permutations"
    return "no tree on permuted labels or pairs has a split: the expected pMSE is 0, with no ratio"


def _predictors(rows: StackedRows) -> list[Predictor]:
    found = []
    for column in rows.columns:
        described = rows.real.columns[column]
        codes = rows.codes(column)
        if described.numbers is None:
            occur, codes = np.unique(codes, return_inverse=True)
            if len(occur) > 1:
                found.append(_predictor(described.name, codes, is_ordered=False))
            continue
        numbers, codes_of_numbers = np.unique(
            np.nan_to_num(rows.numbers(column), nan=0.0), return_inverse=True
        )
        if len(numbers) > 1:
            found.append(_predictor(described.name, codes_of_numbers, is_ordered=True))
        apart = np.array([kind in ("missing", "level") for kind in code_kinds(described)])
        marks = np.where(apart[codes], codes.astype(np.int64) + 1, 0)
        kinds, marks = np.unique(marks, return_inverse=True)
        if len(kinds) > 1:
            found.append(_predictor(described.name + _MARK, marks, is_ordered=False))
    return found


def _predictor(name: str, codes: Array, *, is_ordered: bool) -> Predictor:
    n_codes = int(codes.max()) + 1
    if n_codes > _MOST_CODES:  # only when max_rows was raised: neighbours then share a code
        codes, n_codes = codes * _MOST_CODES // n_codes, _MOST_CODES
    return Predictor(name, codes.astype(code_dtype(n_codes)), n_codes, is_ordered)


def _grow(
    table: PredictorTable, is_synthetic: Array, weight: Array | None, params: CartParams
) -> tuple[ScoreStatistics, Tree]:
    target = ClassTarget(is_synthetic.astype(np.uint8), 2)
    tree, _ = grow_tree(table, target, params, weight=weight)
    leaf = walk(tree, table)
    w = np.ones(len(leaf)) if weight is None else weight
    synthetic = np.bincount(leaf, w * is_synthetic, tree.n_leaves)
    everything = np.bincount(leaf, w, tree.n_leaves)
    share = np.divide(synthetic, everything, out=np.zeros(tree.n_leaves), where=everything > 0.0)
    return score_statistics(share[leaf], is_synthetic, weight), tree


def _importance(tree: Tree) -> tuple[tuple[str, float], ...]:
    """Return each column's share of the impurity that the tree's splits remove."""
    sums: dict[str, float] = {}
    for name, gain in tree.importance().items():
        column = name.removesuffix(_MARK)
        sums[column] = sums.get(column, 0.0) + float(gain)
    total = sum(sums.values())
    if total <= 0.0:
        return ()
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return tuple((name, gain / total) for name, gain in ordered if gain > 0.0)
