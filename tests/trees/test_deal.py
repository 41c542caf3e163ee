"""Uses of a donor beyond a cap go to the nearest donors with room, and to nobody else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    DonorPool,
    LeafDonors,
    NumberTarget,
    Predictor,
    PredictorTable,
    deal_surplus,
    draw_rows,
    grow_tree,
)
from tests.trees.tree_cases import cases

KEY = StreamKey(seed=5, replicate=1, step=2)


def paths(tree):
    """Return the nodes from each leaf to the root."""
    parent = {}
    for node in np.flatnonzero(tree.left >= 0).tolist():
        parent[int(tree.left[node])] = parent[int(tree.left[node]) + 1] = node
    found = {}
    for node in np.flatnonzero(tree.leaf >= 0).tolist():
        path, at = [], node
        while at in parent:
            at = parent[at]
            path.append(at)
        found[int(tree.leaf[node])] = [node, *path]
    return found


@settings(max_examples=120, deadline=None)
@given(case=cases(), seed=st.integers(0, 2**32), most=st.integers(1, 4))
def test_the_cap_holds_and_rows_go_to_the_nearest_room(case, seed, most):
    table = PredictorTable.of(case.predictors, case.n_rows)
    tree, donors = grow_tree(table, case.target, case.params, **case.keywords)
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 2 * case.n_rows + 2))
    codes = [p.codes[random.integers(0, case.n_rows, n)] for p in case.predictors]
    by_name = {p.name: c for p, c in zip(case.predictors, codes, strict=True)}
    rows = [by_name[name] for name in tree.predictors]
    drawn = draw_rows(tree, donors, rows, KEY, n_rows=n).astype(np.int64)
    drawn[random.random(n) < 0.1] = -1
    dealt, left = deal_surplus(
        drawn, np.zeros(n, np.int64), [DonorPool(tree, donors)], most, key=KEY
    )
    assert np.array_equal(dealt < 0, drawn < 0)
    n_donors, asked = len(set(donors.rows.tolist())), int((drawn >= 0).sum())
    assert left == max(0, asked - most * n_donors)
    used = np.bincount(dealt[dealt >= 0], minlength=case.n_rows)
    if not left:
        assert used.max(initial=0) <= most
    seen: dict[int, int] = {}
    for row in range(n):  # the first uses of a donor stay
        if drawn[row] < 0:
            continue
        seen[drawn[row]] = seen.get(drawn[row], 0) + 1
        if seen[drawn[row]] <= most:
            assert dealt[row] == drawn[row]
    leaf_of = dict(
        zip(
            donors.rows.tolist(),
            np.repeat(np.arange(donors.n_leaves), donors.sizes()).tolist(),
            strict=True,
        )
    )
    path = paths(tree)
    for row in np.flatnonzero(dealt != drawn).tolist():
        own, other = leaf_of[drawn[row]], leaf_of[dealt[row]]
        common = next(node for node in path[own] if node in path[other])
        below = path[own][: path[own].index(common)]
        near = {d for d, leaf in leaf_of.items() if set(path[leaf]) & set(below)}
        assert all(used[donor] >= most for donor in near)  # nearer nodes are full


def test_several_pools_count_a_donor_together():
    one = DonorPool(None, LeafDonors(np.array([0, 3]), np.array([0, 1, 2]), None))
    two = DonorPool(None, LeafDonors(np.array([0, 3]), np.array([2, 3, 4]), None))
    drawn = np.array([2, 2, 2, 2, 3])
    dealt, left = deal_surplus(drawn, np.array([0, 0, 1, 1, 1]), [one, two], 1, key=KEY)
    # Donor 3 keeps its first use; only donor 4 is left in the second pool, for two rows.
    assert left == 1
    assert dealt[0] == 2
    assert dealt[1] in (0, 1)
    assert dealt[2:].tolist() == [4, 2, 3]
    dealt, left = deal_surplus(drawn, np.array([0, 1, 1, 1, 1]), [one, two], 1, key=KEY)
    assert left == 2
    assert sorted(dealt.tolist()).count(4) == 1


def test_order_of_donors_is_by_their_own_random_numbers():
    codes = np.zeros(40, np.uint8)
    target = NumberTarget(np.arange(40.0))
    table = PredictorTable.of([Predictor("c", codes, 1, True)], 40)
    tree, donors = grow_tree(table, target, CartParams())
    drawn = np.zeros(10, np.int64)
    first, _ = deal_surplus(drawn, drawn * 0, [DonorPool(tree, donors)], 1, key=KEY)
    again, _ = deal_surplus(drawn[:6], drawn[:6], [DonorPool(tree, donors)], 1, key=KEY)
    other, _ = deal_surplus(drawn, drawn, [DonorPool(tree, donors)], 1, key=KEY.at(replicate=2))
    assert np.array_equal(first[:6], again)
    assert not np.array_equal(first, other)
    assert len(set(first.tolist())) == 10
