"""The leaves of `prune="rpart"` hold the same rows as those of rpart's own trees.

golden/ holds trees that make_rpart_golden.R grew on generated data (numbers, 2 and 5 classes;
ordered and unordered columns, some wider than any search of subsets; weights; depth, cp and
minbucket). The reference folder, where it is there, holds three of firm data. All are equal row by
row: also "class5_subsets", where rpart searches all subsets of 6 and 9 levels and we order levels
by a principal component, which is not promised to find the best subset.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpusynth.trees import NumberTarget
from tests.oracles.rpart_golden import (
    GoldenTree,
    classes,
    coded,
    parts,
    read_columns,
    read_tree,
    settings,
)

SHARED = Path(__file__).parents[3] / "shared" / "reference" / "golden"


@pytest.mark.parametrize("name", sorted(settings()))
def test_same_rows_in_the_same_leaves(name):
    recorded = settings()[name]
    golden = read_tree(name)
    leaf = golden.grow()
    assert len(parts(golden.leaf)) == int(recorded["n_leaves"]) > 1
    assert parts(leaf) == parts(golden.leaf)
    assert golden.deviance(leaf) == pytest.approx(float(recorded["deviance"]), rel=1e-9)


@pytest.mark.parametrize("name", sorted(settings()))
def test_default_pruning_keeps_at_least_what_rpart_keeps(name):
    """Impurity falls with every split, misclassification does not: the default never has fewer."""
    golden = read_tree(name)
    leaf = golden.grow("impurity")
    if isinstance(golden.target, NumberTarget):
        assert golden.deviance(leaf) <= golden.deviance(golden.leaf) * 1.1
    else:
        assert len(parts(leaf)) >= len(parts(golden.leaf))


FIRMS = {
    "anova_sales": ("sales", ("sector", "state", "immig", "emp")),
    "class_exports": ("exports", ("sector", "state", "immig", "emp")),
    "class_sector": ("sector", ("state", "immig", "emp", "exports")),
}


@pytest.mark.parametrize("name", sorted(FIRMS))
def test_same_rows_in_the_same_leaves_for_firms(name):
    """Minbucket 5, cp 1e-8, xval 0; rows whose outcome is missing take no part."""
    if not SHARED.is_dir():
        pytest.skip("the golden trees of the reference folder are not here")
    outcome, predictors = FIRMS[name]
    observed = read_columns(SHARED / "obs.csv")
    where = read_columns(SHARED / f"rpart_{name}_where.csv")
    nodes = read_columns(SHARED / f"rpart_{name}.csv")
    rows = [int(row) - 1 for row in where["row"]]
    y = [observed[outcome][row] for row in rows]
    golden = GoldenTree(
        [coded([observed[x][row] for row in rows], x, is_ordered=x == "emp") for x in predictors],
        classes(y) if name.startswith("class") else NumberTarget(np.array(y, float)),
        None,
        np.array(where["node"], int),
        min_leaf=5,
        cp=1e-8,
    )
    leaf = golden.grow()
    assert parts(leaf) == parts(golden.leaf)
    recorded = sum(
        float(deviance)
        for deviance, var in zip(nodes["dev"], nodes["var"], strict=True)
        if var == "<leaf>"
    )
    assert golden.deviance(leaf) == pytest.approx(recorded, rel=1e-9)
