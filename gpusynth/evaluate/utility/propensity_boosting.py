"""Propensity scores by gradient boosted trees, cross-validated: the strongest of the models.

Each fold's rows get their probability from a model that did not see them, so the AUC is 0.5 for
files that cannot be told apart, whatever the model; it has no such bias as the models that are
judged by the rows they were fitted to. The expected pMSE comes from the same procedure on permuted
labels, times ``1 - f c`` (see `gpusynth.evaluate.utility.propensity_cart`).

An AUC clearly below 0.5 is no sign of quality: when synthetic rows are copies of real ones, a real
row that was held back looks like its copy in the training rows. The note then says so.

The model is scikit-learn's HistGradientBoostingClassifier. Numbers are its numbers, missing where a
row has none; a category is a set of levels, the 254 commonest and the others together. A column of
numbers with missing codes also enters as a category, so that codes are told apart.

References
----------
.. [1] Pedregosa, F. et al. (2011). Scikit-learn: machine learning in Python. JMLR 12, 2825-2830.
.. [2] Ke, G. et al. (2017). LightGBM: a highly efficient gradient boosting decision tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import BackendUnavailableError, IncomputableMetricError
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.labels import code_kinds
from gpusynth.evaluate.threads import one_thread
from gpusynth.evaluate.utility.propensity import (
    PropensityUtility,
    StackedRows,
    random_order,
    stack_rows,
)
from gpusynth.evaluate.utility.propensity_scores import score_statistics
from gpusynth.streams import Purpose, StreamKey

__all__ = ["propensity_boosting"]

_FOLD_STEP = 103
_PERMUTATION_STEP = 104
_MOST_LEVELS = 255


def propensity_boosting(
    codes: CommonCodes,
    *,
    n_folds: int = 5,
    n_trees: int = 50,
    n_permutations: int = 0,
    max_rows: int | None = 10_000,
    seed: int = 0,
) -> tuple[PropensityUtility, ...]:
    """Tell each synthetic file from the real one by cross-validated gradient boosting.

    Parameters
    ----------
    codes : CommonCodes
    n_folds : int
        At least 2.
    n_trees : int
        Of each fold's model; 15 leaves each, learning rate 0.1.
    n_permutations : int
        Runs on permuted labels for the expected pMSE; none by default, since the AUC needs none.
    max_rows : int, optional
        Of each file; None for all.
    seed : int
        Of the sample of rows, folds and permutations.

    Returns
    -------
    tuple of PropensityUtility
        One for each synthetic file.

    Raises
    ------
    BackendUnavailableError
        If scikit-learn is not installed.
    IncomputableMetricError
        If no column varies, or a file has fewer rows than folds.
    """
    if n_folds < 2:
        raise ValueError(f"n_folds must be at least 2, got {n_folds}")
    make_model = _model_maker()
    found = []
    for number in range(len(codes.synthetic)):
        rows = stack_rows(codes, number, max_rows=max_rows, seed=seed)
        if min(rows.real.n_rows, rows.synthetic.n_rows) < n_folds:
            raise IncomputableMetricError(
                f"{n_folds} folds need {n_folds} rows of each file; lower n_folds"
            )
        features, is_category = _features(rows)
        model = make_model(is_category, n_trees)
        key = StreamKey(seed, replicate=number, step=_FOLD_STEP, purpose=Purpose.EVALUATE)
        fold = _folds(rows.is_synthetic, n_folds, key)
        probability = _out_of_fold(model, features, rows.is_synthetic, rows.weight, fold)
        seen = score_statistics(probability, rows.is_synthetic, rows.weight)
        chance = []
        for permutation in range(n_permutations):
            shuffle = key.at(step=_PERMUTATION_STEP, stratum=permutation)
            permuted = rows.is_synthetic[random_order(shuffle, len(fold))]
            folds = _folds(permuted, n_folds, key.at(stratum=permutation + 1))
            shuffled = _out_of_fold(model, features, permuted, rows.weight, folds)
            chance.append(score_statistics(shuffled, permuted, rows.weight).pmse)
        expected = float(np.mean(chance)) * rows.null_share if chance else None
        found.append(
            PropensityUtility.of(
                "boosting",
                rows,
                seen,
                expected_pmse=expected,
                expected_auc=0.5,
                size=n_trees,
                note=_note(seen.auc_interval[1], n_permutations),
            )
        )
    return tuple(found)


def _note(highest_auc: float, n_permutations: int) -> str:
    notes = []
    if n_permutations == 0:
        notes.append("nothing is expected of pMSE without permutations")
    if highest_auc < 0.5:
        notes.append(
            "the AUC is below 0.5: synthetic rows are nearer to the real ones than a second "
            "sample would be, see the disclosure measures"
        )
    return "; ".join(notes)


def _model_maker() -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise BackendUnavailableError(
            "gradient boosting needs scikit-learn; install it with "
            'pip install "gpusynth[evaluate]", or leave this measure out'
        ) from error

    def make(is_category: Array, n_trees: int) -> Any:
        return HistGradientBoostingClassifier(
            max_iter=n_trees,
            max_leaf_nodes=15,
            learning_rate=0.1,
            categorical_features=is_category if is_category.any() else None,
            early_stopping=False,
            random_state=0,
        )

    return make


def _features(rows: StackedRows) -> tuple[Array, Array]:
    """Return the features, float64, shape (n_rows, n_features), and which are categories."""
    columns, is_category = [], []
    for column in rows.columns:
        described = rows.real.columns[column]
        codes = rows.codes(column)
        if described.numbers is not None:
            numbers = rows.numbers(column)
            if len(np.unique(numbers[~np.isnan(numbers)])) > 1:
                columns.append(numbers)
                is_category.append(False)
            apart = np.array([kind in ("missing", "level") for kind in code_kinds(described)])
            codes = np.where(apart[codes], codes.astype(np.int64) + 1, 0)
        levels = _commonest(codes)
        if levels.max() > 0:
            columns.append(levels.astype(np.float64))
            is_category.append(True)
    return np.stack(columns, axis=1), np.array(is_category, bool)


def _commonest(codes: Array) -> Array:
    """Return the level of each row, the rarest ones together where there are too many."""
    _, level, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if len(counts) <= _MOST_LEVELS:
        return level
    common = np.sort(np.argsort(-counts, kind="stable")[: _MOST_LEVELS - 1])
    place = np.full(len(counts), len(common), np.int64)
    place[common] = np.arange(len(common))
    return place[level]


def _folds(is_synthetic: Array, n_folds: int, key: StreamKey) -> Array:
    """Return each row's fold; every fold has its share of each file."""
    order = random_order(key, len(is_synthetic))
    fold = np.empty(len(order), np.int64)
    for side in (False, True):
        rows = order[is_synthetic[order] == side]
        fold[rows] = np.arange(len(rows)) % n_folds
    return fold


def _out_of_fold(
    model: Any, features: Array, is_synthetic: Array, weight: Array | None, fold: Array
) -> Array:
    """Return each row's probability by a model that was fitted to the other folds."""
    probability = np.empty(len(fold))
    # one thread: on a busy machine the threads of so small models mostly wait for each other
    with one_thread():
        for number in range(int(fold.max()) + 1):
            rest = fold != number
            model.fit(
                features[rest],
                is_synthetic[rest],
                sample_weight=None if weight is None else weight[rest],
            )
            probability[~rest] = model.predict_proba(features[~rest])[:, 1]
    return probability
