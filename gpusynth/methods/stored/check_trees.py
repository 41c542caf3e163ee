"""What must hold of trees and donors before a kernel may see them: it checks nothing itself."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.model import TargetColumn
from gpusynth.methods.stored.context import Reader
from gpusynth.trees import LeafDonors, Tree

__all__ = ["check_donors", "check_offsets", "check_rising", "check_rows", "check_tree"]

_WORD_BITS = 32


def check_rows(rows: Array, n_rows: int, reader: Reader) -> None:
    """Check that row numbers are rows of a table."""
    inside = not len(rows) or (int(rows.min()) >= 0 and int(rows.max()) < n_rows)
    reader.require(inside, "a donor is no row of the data")


def check_offsets(offsets: Array, n_rows: int, reader: Reader) -> None:
    """Check that groups of rows follow each other, are not empty and hold all rows."""
    reader.require(len(offsets) >= 2, "its groups of rows")
    fits = offsets[0] == 0 and offsets[-1] == n_rows and (np.diff(offsets) > 0).all()
    reader.require(fits, "its groups of rows do not follow each other, or one is empty")


def check_rising(cumulative: Array | None, n_rows: int, reader: Reader) -> None:
    """Check running sums of weights over all rows."""
    if cumulative is not None:
        reader.require(len(cumulative) == n_rows and n_rows > 0, "its weights")
        rises = cumulative[0] >= 0 and cumulative[-1] > 0 and (np.diff(cumulative) >= 0).all()
        reader.require(rises, "its running weights fall, or are all zero")


def check_tree(tree: Tree, reader: Reader) -> None:
    """Check that every walk ends in a leaf, and reads no subset that is not there."""
    n_nodes = len(tree.left)
    per_node = (tree.feature, tree.threshold, tree.subset, tree.leaf, tree.gain, tree.n_rows)
    reader.require(n_nodes % 2 == 1, "a tree has an even number of nodes")
    reader.require(all(len(array) == n_nodes for array in per_node), "a tree's arrays differ")
    codecs = [reader.codec(name) for name in tree.predictors]
    reader.require(len(set(tree.predictors)) == len(codecs), "a predictor is named twice")
    n_codes = np.array([codec.n_codes for codec in codecs], np.int64)
    reader.require(np.array_equal(tree.n_codes, n_codes), "a predictor has other codes")
    inside = tree.left >= 0
    place = np.arange(n_nodes)
    left = tree.left[inside].astype(np.int64)
    # Every node but the root is the child of one node before it, so walks go down and end.
    children = np.sort(left)
    each_once = np.array_equal(children, np.arange(1, n_nodes, 2))
    reader.require(each_once and (left > place[inside]).all(), "a tree's children are out of place")
    reader.require((tree.left[~inside] == -1).all(), "a tree's children are out of place")
    feature = tree.feature
    reader.require((feature[~inside] == -1).all(), "a leaf of a tree asks for a predictor")
    asked = feature[inside]
    known = not len(asked) or (int(asked.min()) >= 0 and int(asked.max()) < len(codecs))
    reader.require(known, "a tree asks for a predictor that it does not have")
    reader.require((tree.leaf[inside] == -1).all(), "a tree's leaves are misnumbered")
    leaves = np.sort(tree.leaf[~inside])
    reader.require(
        np.array_equal(leaves, np.arange(len(leaves))), "a tree's leaves are misnumbered"
    )
    _check_splits(tree, n_codes, inside, reader)


def _check_splits(tree: Tree, n_codes: Array, inside: Array, reader: Reader) -> None:
    """Check that thresholds are codes, and that subsets lie within their words."""
    codes = n_codes[tree.feature[inside]] if inside.any() else np.zeros(0, np.int64)
    subset = tree.subset[inside]
    n_words = (codes + _WORD_BITS - 1) // _WORD_BITS
    by_subset = subset >= 0
    within = (subset[by_subset] <= len(tree.subset_words) - n_words[by_subset]).all()
    reader.require(within and (subset[~by_subset] == -1).all(), "a subset of a tree is not there")
    threshold = tree.threshold[inside].astype(np.int64)
    is_code = (threshold[~by_subset] < codes[~by_subset]).all()
    reader.require(is_code, "a threshold of a tree is no code of its predictor")


def check_donors(donors: LeafDonors, n_leaves: int, target: TargetColumn, reader: Reader) -> None:
    """Check that every leaf has donors, that these are rows, and that weights rise in each leaf."""
    check_offsets(donors.offsets, len(donors.rows), reader)
    reader.require(donors.n_leaves == n_leaves, "there are not as many leaves as donors' groups")
    check_rows(donors.rows, len(target.codes), reader)
    cumulative = donors.cumulative
    if cumulative is None:
        return
    reader.require(len(cumulative) == len(donors.rows), "its weights")
    rises = np.diff(cumulative) >= 0
    rises[donors.offsets[1:-1] - 1] = True  # from leaf to leaf sums begin anew
    first, last = cumulative[donors.offsets[:-1]], cumulative[donors.offsets[1:] - 1]
    sums_rise = rises.all() and (first >= 0).all() and (last > 0).all()
    reader.require(sums_rise, "running weights fall within a leaf, or are all zero")
