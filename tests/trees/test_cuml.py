"""The fitter of cuML, with scikit-learn's trees in the place of cuML's."""

import sys
import types

import numpy as np
import pytest

from gpusynth.backends import Backend
from gpusynth.errors import DataError, DeviceMemoryError, PlanError
from gpusynth.streams import StreamKey
from gpusynth.trees import (
    CartParams,
    ClassTarget,
    NumberTarget,
    Predictor,
    PredictorTable,
    cuml,
    draw_rows,
    fit_tree,
    walk,
)

treelite = pytest.importorskip("treelite")
ensemble = pytest.importorskip("sklearn.ensemble")

N = 2000
CUML = Backend("cuda", "cuml", "a GPU")


class _Forest:
    """cuML's parameters and calls, scikit-learn's trees."""

    kind = None
    asked = None

    def __init__(self, **settings):
        type(self).asked = settings
        own = {k: settings[k] for k in ("n_estimators", "bootstrap", "max_depth")}
        own |= {k: settings[k] for k in ("min_samples_leaf", "min_samples_split", "random_state")}
        self._forest = self.kind(**own, max_features=settings["max_features"])

    def fit(self, X, y, sample_weight=None):
        assert X.dtype == np.float32
        assert X.flags.f_contiguous
        self._forest.fit(np.ascontiguousarray(X), y, sample_weight=sample_weight)
        return self

    def as_treelite(self):
        return treelite.sklearn.import_model(self._forest)


class _Classifier(_Forest):
    kind = ensemble.RandomForestClassifier


class _Regressor(_Forest):
    kind = ensemble.RandomForestRegressor


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    package, module = types.ModuleType("cuml"), types.ModuleType("cuml.ensemble")
    module.RandomForestClassifier, module.RandomForestRegressor = _Classifier, _Regressor
    launch = types.ModuleType("gpusynth_kernels.cuda.launch")
    launch.to_device = lambda host: host
    monkeypatch.setitem(sys.modules, "cuml", package)
    monkeypatch.setitem(sys.modules, "cuml.ensemble", module)
    monkeypatch.setitem(sys.modules, "gpusynth_kernels.cuda.launch", launch)
    monkeypatch.setattr(cuml, "device_memory", lambda: 10**9)


def columns_of(seed=0):
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 40, N).astype(np.uint8)
    size = rng.integers(0, 300, N).astype(np.uint16)
    table = PredictorTable.of(
        [
            Predictor("region", region, 40, is_ordered=False),
            Predictor("size", size, 300, is_ordered=True),
            Predictor("same", np.zeros(N, np.uint8), 1, is_ordered=True),
        ]
    )
    return table, region, size


def test_a_class_depends_on_a_set_of_regions():
    table, region, size = columns_of()
    odd = (region % 2 == 1).astype(np.uint8)
    codes = odd + 2 * (size > 150)
    tree, donors = fit_tree(table, ClassTarget(codes, 4), backend=CUML)
    assert tree.n_leaves == 4  # in the order of the component, odd regions lie together
    assert (tree.subset >= 0).sum() == 2
    for leaf in range(4):
        rows = donors.rows[donors.offsets[leaf] : donors.offsets[leaf + 1]]
        assert len(set(codes[rows])) == 1
        assert (np.diff(rows) > 0).all()
    leaf = walk(tree, table)
    np.testing.assert_array_equal(np.bincount(leaf), donors.sizes())
    assert tree.n_rows[0] == N
    np.testing.assert_array_equal(
        tree.n_rows[tree.leaf >= 0], donors.sizes()[tree.leaf[tree.leaf >= 0]]
    )
    np.testing.assert_array_equal(codes[draw_rows(tree, donors, table, StreamKey(1))], codes)


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_with_weights_and_chosen_rows(weighted):
    table, region, size = columns_of(1)
    weight = np.where(region < 3, 0.0, 1.0 + size) if weighted else None
    rows = np.flatnonzero(size % 3 > 0)
    target = NumberTarget(np.where(region > 20, 1e9, 0.0) + size)
    tree, donors = fit_tree(
        table, target, CartParams(min_leaf=20), weight=weight, rows=rows, backend=CUML
    )
    part = rows if weight is None else rows[weight[rows] > 0]
    np.testing.assert_array_equal(np.sort(donors.rows), part)
    assert donors.sizes().min() >= 20
    if weighted:
        assert (np.diff(donors.cumulative)[np.diff(walk(tree, table)[donors.rows]) == 0] > 0).all()
    else:
        assert donors.cumulative is None


def test_parameters_as_cuml_wants_them():
    table, region, _ = columns_of()
    fit_tree(table, ClassTarget(region, 40), CartParams(max_leaves=7), backend=CUML)
    asked = _Classifier.asked
    assert asked["max_features"] == 1.0
    assert isinstance(asked["max_features"], float)
    assert (asked["n_streams"], asked["n_estimators"], asked["bootstrap"]) == (1, 1, False)
    assert (asked["max_leaves"], asked["n_bins"], asked["min_samples_split"]) == (7, 1024, 15)
    assert asked["max_batch_size"] == 10**9 // 4 // (1024 * 10 * 40 * 8)


def test_classes_may_have_gaps_and_trees_may_be_one_leaf():
    table, region, _ = columns_of()
    gaps = np.where(region > 20, 9, 2).astype(np.uint8)
    tree, _ = fit_tree(table, ClassTarget(gaps, 12), backend=CUML)
    assert tree.n_leaves == 2
    stump, donors = fit_tree(table, ClassTarget(gaps, 12), CartParams(max_depth=0), backend=CUML)
    assert stump.n_leaves == 1
    assert len(donors.rows) == N


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (CartParams(prune="rpart"), "prune as rpart"),
        (CartParams(columns_per_split=1), "draws no columns"),
    ],
)
def test_what_cuml_cannot_do_is_refused(params, message):
    table, region, _ = columns_of()
    with pytest.raises(PlanError, match=message):
        fit_tree(table, ClassTarget(region, 40), params, backend=CUML)


def test_no_rows_and_no_room(monkeypatch):
    table, region, _ = columns_of()
    with pytest.raises(DataError, match="at least one row"):
        fit_tree(table, ClassTarget(region, 40), rows=np.zeros(0, np.int64), backend=CUML)
    monkeypatch.setattr(cuml, "device_memory", lambda: 1000)
    with pytest.raises(DeviceMemoryError, match=r"needs 56,000 bytes .* 1,000 are free"):
        fit_tree(table, ClassTarget(region, 40), backend=CUML)


def test_codes_come_back_from_the_records():
    table, region, size = columns_of()
    np.testing.assert_array_equal(table.codes("region"), region)
    np.testing.assert_array_equal(table.codes("size"), size)
    assert not table.codes("same").any()
