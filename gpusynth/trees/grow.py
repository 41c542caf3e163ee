"""Grow a tree: the host's part of the algorithm, which reads like the textbook.

Rows are put in order of (class, row); the trunk is grown until its nodes are small; each small node
is grown as a twig (in parallel when asked for); twigs are joined, the tree is pruned and numbered
breadth first. The slices of the leaves are the donors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.streams import StreamKey
from gpusynth.trees.assemble import least_gain, make_tree, offer_of, prune_nodes
from gpusynth.trees.blocks import Block, Rules, grow_blocks
from gpusynth.trees.fit import Fit, prepare_fit
from gpusynth.trees.leaves import LeafDonors
from gpusynth.trees.params import CartParams
from gpusynth.trees.predictors import Predictor, PredictorTable
from gpusynth.trees.target import (
    Target,
)
from gpusynth.trees.tree import Tree

__all__ = ["BRANCH_ROWS", "TWIG_ROWS", "grow_tree"]

BRANCH_ROWS = (262_144,)
"""Larger tables are cut at nodes of this many rows first, and these at the next. Speed only."""

TWIG_ROWS = 4_096
"""Nodes of at most this many rows are grown as twigs. Speed only: a twig's records and lists fit
the processor's nearest cache. Any number gives the same tree."""


def _grow(
    table: PredictorTable,
    columns: Array,
    fit: Fit,
    params: CartParams,
    key: StreamKey | None,
    *,
    stops: tuple[int, ...],
    n_threads: int,
) -> tuple[list[Array], Array]:
    """Grow trunk and twigs; return joined node arrays (in order of growth) and subset words."""
    layout = table.layout
    tables = (layout.lane_feature, layout.first_lane, layout.n_codes, layout.is_ordered, columns)
    rules = Rules(
        fit.mode,
        tables,
        (params.min_leaf, params.split_rows, params.max_depth),
        offer_of(params, len(columns), key),
        least_gain(fit, params),
    )
    block = Block.of_table(table, columns, fit, stops[0])
    path = np.uint64(0 if key is None else key.stream)
    return grow_blocks(block, rules, (0, path), stops, n_threads)


def _usual_stops(n_rows: int) -> tuple[int, ...]:
    return (*(rows for rows in BRANCH_ROWS if TWIG_ROWS < rows < n_rows), TWIG_ROWS)


def grow_tree(
    predictors: PredictorTable | Sequence[Predictor],
    target: Target,
    params: CartParams | None = None,
    *,
    columns: Iterable[str] | None = None,
    weight: Array | None = None,
    rows: Array | None = None,
    key: StreamKey | None = None,
    stops: tuple[int, ...] | None = None,
    n_threads: int = 1,
) -> tuple[Tree, LeafDonors]:
    """Grow a CART and collect the donors of its leaves.

    Parameters
    ----------
    predictors : PredictorTable or sequence of Predictor
        A table made once serves the fits of many targets.
    target : ClassTarget or NumberTarget
    params : CartParams, optional
    columns : iterable of str, optional
        Predictors that may be used; default all. Ties between columns go to the first of the table.
    weight : array of float64, shape (n,), optional
        Weights the risk and, in the leaves, the donors. Rows of weight 0 take no part.
    rows : array of int32 or int64, ascending, optional
        Rows that take part; default all. A row that is named twice counts twice (in a bootstrap
        sample), and is a donor twice.
    key : StreamKey, optional
        Draws the columns of each split; needed with ``params.columns_per_split``, else not read.
    stops : tuple of int, descending, optional
        Nodes of at most so many rows are copied and grown apart, those of the next number within
        them; `BRANCH_ROWS` and `TWIG_ROWS` by default. Speed only.
    n_threads : int
        Threads for this one tree.

    Returns
    -------
    tree : Tree
    donors : LeafDonors
        ``rows`` are numbers of the whole table; within a leaf ordered by class, then row.

    Raises
    ------
    DataError
        If no row takes part, or a target or weight is not usable.
    PlanError
        If the criterion does not fit the target, or columns are to be drawn without a key.

    References
    ----------
    .. [1] Breiman, L., Friedman, J., Olshen, R., Stone, C. (1984). Classification and Regression
           Trees.
    .. [2] Reiter, J. P. (2005). Using CART to generate partially synthetic public use microdata.
           Journal of Official Statistics 21, 441-462.
    """
    params = params or CartParams()
    table = predictors
    if not isinstance(table, PredictorTable):
        table = PredictorTable.of(table, target.n_rows)
    chosen = table.columns(table.layout.names if columns is None else columns)
    fit = prepare_fit(target, params, weight, rows)
    stops = stops or _usual_stops(len(fit.order))
    grown, words = _grow(table, chosen, fit, params, key, stops=stops, n_threads=n_threads)
    return make_tree(table, chosen, prune_nodes(grown, fit, params), words, fit)
