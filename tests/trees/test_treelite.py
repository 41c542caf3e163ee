"""Trees of other programs as ours: the same leaves as Treelite's own walk."""

import numpy as np
import pytest

from gpusynth.errors import DataError
from gpusynth.trees import Predictor, PredictorTable, walk
from gpusynth.trees.treelite import tree_of_treelite

treelite = pytest.importorskip("treelite")
ensemble = pytest.importorskip("sklearn.ensemble")

N = 3000
COUNTS = (2, 7, 30, 300, 5, 200)
ORDERED = (True, True, True, True, False, False)


def grown(seed, *, numbers=False, max_depth=None):
    """A scikit-learn tree on places of codes, its table of codes, and the places."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, n, N).astype(np.uint16) for n in COUNTS]
    places = {at: rng.permutation(COUNTS[at]) for at in (4, 5)}
    ranked = [places[at][c] if at in places else c for at, c in enumerate(columns)]
    matrix = np.stack(ranked, axis=1).astype(np.float32)
    score = matrix @ np.array([3, 1, 0.3, 0.02, 1, 0.05]) + rng.normal(size=N)
    kind = ensemble.RandomForestRegressor if numbers else ensemble.RandomForestClassifier
    forest = kind(n_estimators=1, bootstrap=False, max_features=None, min_samples_leaf=3)
    forest.set_params(max_depth=max_depth, random_state=0)
    model = treelite.sklearn.import_model(forest.fit(matrix, score if numbers else score // 4))
    predictors = [
        Predictor(f"c{i}", c, n, is_ordered=o)
        for i, (c, n, o) in enumerate(zip(columns, COUNTS, ORDERED, strict=True))
    ]
    return model, PredictorTable.of(predictors), places, matrix


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("max_depth", [1, 4, None])
def test_rows_end_where_treelite_sends_them(numbers, max_depth):
    model, table, places, matrix = grown(1, numbers=numbers, max_depth=max_depth)
    tree = tree_of_treelite(model, table.layout.names, table.layout.n_codes, places)
    theirs = treelite.gtil.predict_leaf(model, matrix)[:, 0].astype(np.int64)
    ours = walk(tree, table)
    pairs = np.unique(np.stack([ours, theirs]), axis=1)
    assert pairs.shape[1] == tree.n_leaves == len(np.unique(theirs))
    counts = model.get_tree_accessor(0).get_field("data_count").astype(np.int64)
    np.testing.assert_array_equal(np.bincount(ours)[pairs[0]], counts[pairs[1]])


def test_nodes_are_breadth_first_and_leaves_from_left_to_right():
    model, table, places, _ = grown(2)
    tree = tree_of_treelite(model, table.layout.names, table.layout.n_codes, places)
    inner = np.flatnonzero(tree.left >= 0)
    np.testing.assert_array_equal(tree.left[inner], 1 + 2 * np.arange(len(inner)))
    found, stack = [], [0]
    while stack:
        node = stack.pop()
        if tree.left[node] < 0:
            found.append(int(tree.leaf[node]))
        else:
            stack += [int(tree.left[node]) + 1, int(tree.left[node])]
    assert found == list(range(tree.n_leaves))
    assert (tree.subset[inner] >= 0).any()


class _Damaged:
    """A model with one field changed."""

    num_tree = 1

    def __init__(self, model, **changed):
        self._tree = model.get_tree_accessor(0)
        self._changed = changed

    def get_tree_accessor(self, _number):
        return self

    def get_field(self, name):
        field = np.array(self._tree.get_field(name))
        return self._changed[name](field) if name in self._changed else field


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cmp": lambda a: a + 1}, "another sign"),
        ({"threshold": lambda a: a - 1e6}, "below every code"),
        ({"threshold": lambda a: a * np.nan}, "not finite"),
        ({"split_index": lambda a: a + 50}, "beyond the 6"),
        ({"has_categorical_split": lambda a: a + 1}, "sets of categories"),
        ({"cleft": lambda a: np.where(a > 0, 1, a)}, "damaged"),
        ({"cright": lambda a: np.where(a > 0, 10**6, a)}, "damaged"),
    ],
)
def test_a_tree_that_is_none_of_ours_is_refused(changed, message):
    model, table, places, _ = grown(3, max_depth=3)
    with pytest.raises(DataError, match=message):
        tree_of_treelite(
            _Damaged(model, **changed), table.layout.names, table.layout.n_codes, places
        )


def test_a_forest_is_refused():
    rng = np.random.default_rng(0)
    matrix = rng.integers(0, 9, (50, 1)).astype(np.float32)
    forest = ensemble.RandomForestClassifier(n_estimators=2).fit(matrix, matrix[:, 0] > 3)
    with pytest.raises(DataError, match="the model has 2"):
        tree_of_treelite(treelite.sklearn.import_model(forest), ("a",), np.array([9]), {})


def test_less_than_leaves_the_equal_code_right():
    model, table, _, _ = grown(4, max_depth=2)
    at_most = tree_of_treelite(model, table.layout.names, table.layout.n_codes, {})
    whole = _Damaged(
        model,
        cmp=lambda a: np.where(a == 3, 2, a),
        threshold=lambda a: np.floor(a) + 1.0,
    )
    less = tree_of_treelite(whole, table.layout.names, table.layout.n_codes, {})
    np.testing.assert_array_equal(at_most.threshold, less.threshold)
