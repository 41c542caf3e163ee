"""What must hold of fitted models before they draw; see `check_trees` for trees and donors."""

from __future__ import annotations

import math

import numpy as np

from gpusynth.methods.cart import CartModel
from gpusynth.methods.class_model import ClassModel
from gpusynth.methods.constant import ConstantModel
from gpusynth.methods.design import Term
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.forest import ForestModel
from gpusynth.methods.lookup import LookupModel
from gpusynth.methods.norm import NormModel
from gpusynth.methods.normrank import NormRankModel
from gpusynth.methods.pmm import PmmModel
from gpusynth.methods.possible_cells import PossibleCells
from gpusynth.methods.released import ReleasedModel
from gpusynth.methods.sample import SampleModel
from gpusynth.methods.saturated import SatCatModel
from gpusynth.methods.saturated_cells import Cells
from gpusynth.methods.saturated_table import CatAllModel
from gpusynth.methods.stored.check_trees import (
    check_donors,
    check_offsets,
    check_rising,
    check_rows,
)
from gpusynth.methods.stored.context import Reader

__all__ = [
    "check_cart",
    "check_catall",
    "check_cells",
    "check_classes",
    "check_constant",
    "check_forest",
    "check_linear",
    "check_lookup",
    "check_norm",
    "check_normrank",
    "check_pmm",
    "check_possible",
    "check_released",
    "check_sample",
    "check_satcat",
    "check_term",
]


def check_cart(model: CartModel, reader: Reader) -> None:
    """Check that the donors are those of the tree's leaves."""
    check_donors(model.donors, model.tree.n_leaves, model.target, reader)


def check_forest(model: ForestModel, reader: Reader) -> None:
    """Check the donors of each tree."""
    reader.require(len(model.trees) > 0, "a forest has no tree")
    for tree, donors in model.trees:
        check_donors(donors, tree.n_leaves, model.target, reader)


def check_sample(model: SampleModel, reader: Reader) -> None:
    """Check rows and weights."""
    n_real = len(model.target.codes)
    reader.require(model.n_part > 0, "no row can be drawn")
    if model.rows is None:
        reader.require(model.n_part == n_real, "its rows are not counted right")
    else:
        reader.require(model.n_part == len(model.rows), "its rows are not counted right")
        check_rows(model.rows, n_real, reader)
    check_rising(model.cumulative, model.n_part, reader)


def check_constant(model: ConstantModel, reader: Reader) -> None:
    """Check that the code is one of the column's."""
    known = int(model.code) < reader.codec(reader.column).n_codes
    reader.require(known, "its code is none of the column's")


def check_lookup(model: LookupModel, reader: Reader) -> None:
    """Check that there is a place for each code."""
    n_codes = reader.codec(model.column).n_codes
    reader.require(len(model.row_of) == n_codes, "there is not one row a code")
    reader.require(model.row_of.min(initial=0) >= -1, "a donor is no row of the data")
    check_rows(model.row_of[model.row_of >= 0], len(model.target.codes), reader)


def check_term(term: Term, reader: Reader) -> None:
    """Check that there is a design column for each code."""
    n_places = term.codec.n_codes if term.slope < 0 else term.codec.n_special + 1
    reader.require(len(term.places) == n_places, "a predictor has other codes")
    reader.require(term.scale > 0, "a predictor has no scale")


def check_linear(predictor: LinearPredictor, reader: Reader) -> None:
    """Check that there are effects for each code and sum."""
    n_sums = predictor.n_sums
    reader.require(n_sums > 0, "there is nothing to add up")
    for name, term, effects, slopes in predictor.terms:
        reader.require(term.codec is reader.codec(name), "a predictor has another's codes")
        fits = effects.shape == (len(term.places), n_sums)
        reader.require(fits, "there are not as many effects as codes")
        fits = len(slopes) == n_sums if slopes is not None else term.slope < 0
        reader.require(fits, "there are not as many slopes as sums")


def check_norm(model: NormModel, reader: Reader) -> None:
    """Check that one sum is drawn around, and that the column holds numbers."""
    reader.require(model.predictor.n_sums == 1, "there is more than one sum")
    is_own = model.codec is reader.codec(reader.column) and model.codec.column.is_number
    reader.require(is_own, "its column holds no numbers")


def check_normrank(model: NormRankModel, reader: Reader) -> None:
    """Check rows and weights."""
    reader.require(model.predictor.n_sums == 1, "there is more than one sum")
    reader.require(len(model.rows) > 0, "no row can be drawn")
    check_rows(model.rows, len(model.target.codes), reader)
    check_rising(model.cumulative, len(model.rows), reader)


def check_pmm(model: PmmModel, reader: Reader) -> None:
    """Check that the search for donors ends: there are as many as it looks for."""
    reader.require(model.predictor.n_sums == 1, "there is more than one sum")
    check_offsets(model.offsets, len(model.rows), reader)
    ascends = (np.diff(model.predicted) > 0).all()
    fits = len(model.predicted) == len(model.offsets) - 1 and ascends
    reader.require(fits, "its predictions do not ascend")
    reader.require(1 <= model.n_donors <= len(model.rows), "there are fewer donors than asked for")
    check_rows(model.rows, len(model.target.codes), reader)
    check_rising(model.cumulative, len(model.rows), reader)


def check_classes(model: ClassModel, reader: Reader) -> None:
    """Check that there are as many shares as classes."""
    n_classes = len(model.donors)
    reader.require(n_classes > 0, "it has no class")
    check_rows(model.donors, len(model.target.codes), reader)
    n_sums = 0 if model.predictor is None else model.predictor.n_sums
    if model.thresholds is not None:
        reader.require(len(model.thresholds) == n_classes - 1, "thresholds and classes differ")
        reader.require(n_sums == 1, "ordered classes have one sum")
    else:
        reader.require(n_sums == n_classes - 1, "sums and classes differ")


def check_cells(cells: Cells, reader: Reader) -> None:
    """Check that the cells of each depth lie within those of the depth before."""
    n_columns = len(cells.columns)
    n_codes = tuple(reader.codec(name).n_codes for name in cells.columns)
    reader.require(cells.n_codes == n_codes, "a predictor has other codes")
    reader.require(len(cells.keys) == n_columns, "there is not one depth a column")
    reader.require(len(cells.offsets) == n_columns + 1, "there is not one depth a column")
    n_before = 1
    for depth, offsets in enumerate(cells.offsets):
        check_offsets(offsets, len(cells.rows), reader)
        if depth:
            keys = cells.keys[depth - 1]
            fits = len(keys) == len(offsets) - 1 and (np.diff(keys) > 0).all()
            within = fits and keys[0] >= 0 and keys[-1] < n_before * n_codes[depth - 1]
            reader.require(within, "the cells of a column do not lie in those before")
        n_before = len(offsets) - 1
    reader.require(len(cells.offsets[0]) == 2, "its first cell is not all rows")
    check_rising(cells.cumulative, len(cells.rows), reader)


def check_possible(possible: PossibleCells, reader: Reader) -> None:
    """Check that every part of the table has its weights."""
    names = (*possible.columns, reader.column)
    n_codes = tuple(reader.codec(name).n_codes for name in names)
    reader.require(possible.n_codes == n_codes, "a column of the table has other codes")
    if possible.cumulative is not None:
        reader.require(len(possible.cumulative) == math.prod(n_codes), "its weights")
        # All zero where the prior weighs nothing.
        rises = possible.cumulative[0] >= 0 and (np.diff(possible.cumulative) >= 0).all()
        reader.require(rises, "its running weights fall")


def check_released(model: ReleasedModel, reader: Reader) -> None:
    """Check that every node can answer, or hand the question on to its parent."""
    n_nodes = model.tree.n_nodes
    sizes = np.diff(model.offsets)
    fits = len(model.offsets) == n_nodes + 1 and (sizes >= 0).all()
    fits = fits and model.offsets[0] == 0 and model.offsets[-1] == len(model.codes)
    reader.require(fits, "its counts do not follow each other")
    same = len(model.counts) == len(model.codes) == len(model.ends)
    reader.require(same, "codes and counts differ")
    counts = (model.counts, model.up, model.marginal)
    # Below 2^40, so that sums of as many as there may be stay whole in 64 bits.
    bounded = all(not len(c) or (c.min() >= 0 and c.max() < 1 << 40) for c in counts)
    reader.require(bounded and (model.counts > 0).all(), "a count is negative or too large")
    answers = ((sizes > 0) | (model.up > 0)).all()
    reader.require(len(model.up) == n_nodes and answers, "a node has no values")
    reader.require(model.up[0] == 0 and sizes[0] > 0, "the root has no values")
    codec = reader.codec(reader.column)
    reader.require(model.codec is codec, "its codec is another column's")
    reader.require(len(model.marginal) == codec.n_codes, "its code is none of the column's")
    is_range = (model.codes <= model.ends).all() and int(model.ends.max()) < codec.n_codes
    reader.require(is_range, "its code is none of the column's")
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(model.marginal)])
    filled = running[model.ends.astype(np.int64) + 1] > running[model.codes]
    reader.require(filled.all(), "a range of codes has no count")
    if model.widths is not None:
        is_number = codec.column.is_number and len(model.widths) == codec.n_codes - codec.n_special
        reader.require(is_number and (model.widths >= 0).all(), "the widths of its bins")
        reader.require(int(model.codes.min()) >= codec.n_special, "a state among its numbers")


def check_satcat(model: SatCatModel, reader: Reader) -> None:
    """Check the rows of the cells."""
    check_rows(model.cells.rows, len(model.target.codes), reader)


def check_catall(model: CatAllModel, reader: Reader) -> None:
    """Check the rows of the cells, and that both parts are of one table."""
    check_rows(model.cells.rows, len(model.target.codes), reader)
    same = model.cells.columns == model.possible.columns
    reader.require(same and model.n_codes == model.possible.n_codes[-1], "it has two tables")
