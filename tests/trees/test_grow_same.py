"""Nothing but data and parameters decides a tree: not where twigs begin, nor how many threads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.trees import (
    ClassTarget,
    LeafDonors,
    NumberTarget,
    Predictor,
    PredictorTable,
    Tree,
    blocks,
    grow,
    grow_tree,
    walk,
    warm_up,
)
from gpusynth.trees.target import fixed_weight
from gpusynth_kernels.cpu.finish import join_twigs
from gpusynth_kernels.cpu.grow import grow_nodes
from gpusynth_kernels.cpu.twig import grow_twigs, put_back, take_twig
from tests.trees.tree_cases import Case, cases

TWIGS = (0, 1, 50, 10**9)
SPRIGS = (0, 1, 17, 64)


@pytest.fixture(scope="module", autouse=True)
def twig_rows():
    """Put back the number of rows that a twig has."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda rows: patch.setattr(grow, "TWIG_ROWS", rows)


def arrays(grown: tuple[Tree, LeafDonors]) -> dict[str, Any]:
    tree, donors = grown
    return {**tree.to_arrays(), **donors.to_arrays()}


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        assert np.array_equal(a[name], b[name]), name


def grow_with(case: Case, **keywords: Any) -> dict[str, Any]:
    return arrays(grow_tree(case.predictors, case.target, case.params, **case.keywords, **keywords))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(case=cases(400))
def test_twigs_of_any_size_give_the_same_tree(twig_rows, case):
    if not len(case.taking_part):
        return
    twig_rows(TWIGS[0])
    expected = grow_with(case)
    for rows in TWIGS[1:]:
        twig_rows(rows)
        assert_same(grow_with(case), expected)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(case=cases(400))
def test_sprigs_of_any_size_give_the_same_tree(twig_rows, case):
    if not len(case.taking_part):
        return
    twig_rows(300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "SPRIG_ROWS", SPRIGS[0])
        expected = grow_with(case)
        for rows in SPRIGS[1:]:
            patch.setattr(blocks, "SPRIG_ROWS", rows)
            assert_same(grow_with(case), expected)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(case=cases(400), branch=st.sampled_from((30, 100, 250)))
def test_branches_give_the_same_tree(twig_rows, case, branch):
    if not len(case.taking_part):
        return
    twig_rows(10**9)
    expected = grow_with(case)
    for n_threads in (1, 2):
        assert_same(grow_with(case, stops=(branch, 25), n_threads=n_threads), expected)
    twig_rows(25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grow, "BRANCH_ROWS", (branch,))
        assert_same(grow_with(case), expected)


def test_a_large_table_needs_no_kernel_that_was_not_warm():
    warm_up()
    kernels = grow_nodes, take_twig, put_back, grow_twigs, join_twigs
    known = [list(kernel.signatures) for kernel in kernels]
    assert all(known)
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 200, (3, 2000)).astype(np.uint8)
    predictors = [
        Predictor(name, column, 200, is_ordered=name != "kind")
        for name, column in zip(("age", "size", "kind"), codes, strict=True)
    ]
    for target in (ClassTarget(codes[0] % 5, 5), NumberTarget(codes[1] + rng.random(2000))):
        grow_tree(predictors, target, stops=(500, 100))
    assert [list(kernel.signatures) for kernel in kernels] == known


@settings(deadline=None, max_examples=15, derandomize=True)
@given(case=cases(n_rows=3000), rows=st.sampled_from((20, 50, 300)))
def test_threads_give_the_same_tree(twig_rows, case, rows):
    twig_rows(rows)
    expected = grow_with(case)
    for n_threads in (2, 4):
        assert_same(grow_with(case, n_threads=n_threads), expected)


@settings(deadline=None, max_examples=15, derandomize=True)
@given(case=cases(300), seed=st.integers(0, 1000))
def test_order_of_columns_named_does_not_matter_nor_does_a_table(case, seed):
    if not len(case.taking_part):
        return
    names = case.columns or [p.name for p in case.predictors]
    mixed = [str(c) for c in np.random.default_rng(seed).permutation(names)]
    table = PredictorTable.of(case.predictors, case.n_rows)
    keywords = {**case.keywords, "columns": mixed}
    assert_same(arrays(grow_tree(table, case.target, case.params, **keywords)), grow_with(case))


@settings(deadline=None, max_examples=25, derandomize=True)
@given(case=cases(300), seed=st.integers(0, 1000))
def test_order_of_rows_does_not_change_the_splits(case, seed):
    """The same rows in another order: the same tree, the same rows in its leaves."""
    if not len(case.taking_part):
        return
    new_order = np.random.default_rng(seed).permutation(case.n_rows)
    field = "codes" if hasattr(case.target, "codes") else "values"
    changed = {name: getattr(case.target, name) for name in case.target.__dataclass_fields__} | {
        field: getattr(case.target, field)[new_order]
    }
    rows = None
    if case.rows is not None:
        rows = np.flatnonzero(np.isin(new_order, case.rows))
    shuffled = Case(
        [type(p)(p.name, p.codes[new_order], p.n_codes, p.is_ordered) for p in case.predictors],
        type(case.target)(**changed),
        case.params,
        case.columns,
        None if case.weight is None else case.weight[new_order],
        rows,
        case.key,
    )
    first, second = grow_with(case), grow_with(shuffled)
    donors = [set(part.tolist()) for part in np.split(first["rows"], first["offsets"][1:-1])]
    mapped = new_order[second["rows"]]
    assert donors == [set(part.tolist()) for part in np.split(mapped, second["offsets"][1:-1])]
    for name in ("rows", "cumulative"):
        first.pop(name, None)
        second.pop(name, None)
    assert_same(first, second)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(case=cases(300))
def test_donors_and_leaves_agree(case):
    """Donors are a permutation of the rows; each row walks to the leaf that holds it."""
    if not len(case.taking_part):
        return
    tree, donors = grow_tree(case.predictors, case.target, case.params, **case.keywords)
    assert np.array_equal(np.sort(donors.rows), case.taking_part)
    assert tree.n_leaves == donors.n_leaves == (tree.leaf >= 0).sum()
    least = min(case.params.min_leaf, len(case.taking_part))
    assert donors.sizes().min() >= least
    assert np.array_equal(donors.sizes(), tree.n_rows[np.argsort(tree.leaf)][-tree.n_leaves :])
    inside = tree.left >= 0
    children = tree.n_rows[tree.left[inside]] + tree.n_rows[tree.left[inside] + 1]
    assert np.array_equal(tree.n_rows[inside], children)
    assert tree.depth <= case.params.max_depth
    if case.params.max_leaves is not None:
        assert tree.n_leaves <= case.params.max_leaves
    assert (donors.cumulative is None) == (case.weight is None)
    if donors.cumulative is not None:
        ends = donors.cumulative[donors.offsets[1:] - 1]
        units = np.diff(donors.cumulative, prepend=0)
        units[donors.offsets[1:-1]] += ends[:-1]
        rows = np.arange(case.n_rows) if case.rows is None else case.rows
        expected = np.zeros(case.n_rows, np.int64)
        expected[rows] = fixed_weight(case.weight[rows])
        assert np.array_equal(units, expected[donors.rows])
        assert ends.sum() == expected.sum()
    shares = tree.importance()
    assert sum(shares.values()) == pytest.approx(1.0 if inside.any() else 0.0)
    assert set(shares) == {tree.predictors[i] for i in tree.feature[inside]}
    table = PredictorTable.of(case.predictors, case.n_rows)
    leaf = walk(tree, table)
    expected = np.repeat(np.arange(donors.n_leaves), donors.sizes())
    assert np.array_equal(leaf[donors.rows], expected)
    by_name = {p.name: p.codes for p in case.predictors}
    codes = [by_name[name] for name in tree.predictors]
    assert np.array_equal(walk(tree, codes, n_rows=case.n_rows), leaf)
    assert np.array_equal(walk(tree, table, n_threads=4), leaf)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(case=cases(300), seed=st.integers(0, 1000), twig=st.sampled_from((0, 40, 10**9)))
def test_repeated_rows_are_rows_of_their_own(twig_rows, case, seed, twig):
    """A bootstrap sample named by row numbers grows the tree of the table that repeats its rows."""
    rng = np.random.default_rng(seed)
    taking_part = np.arange(case.n_rows) if case.rows is None else case.rows
    sample = np.sort(rng.choice(taking_part, rng.integers(1, 2 * len(taking_part) + 1)))
    weight = None if case.weight is None else case.weight[sample]
    if weight is not None and not weight.any():
        return
    field = "codes" if hasattr(case.target, "codes") else "values"
    changed = {name: getattr(case.target, name) for name in case.target.__dataclass_fields__} | {
        field: getattr(case.target, field)[sample]
    }
    repeated = Case(
        [type(p)(p.name, p.codes[sample], p.n_codes, p.is_ordered) for p in case.predictors],
        type(case.target)(**changed),
        case.params,
        case.columns,
        weight,
        key=case.key,
    )
    twig_rows(twig)
    by_number = grow_with(replace(case, rows=sample))
    physical = grow_with(repeated)
    physical["rows"] = sample[physical["rows"]].astype(physical["rows"].dtype)
    assert_same(by_number, physical)
