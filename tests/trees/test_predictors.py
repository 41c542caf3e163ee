"""Predictors in the layout of trees: filled by several threads, and read back."""

import numpy as np
import pytest

from gpusynth.errors import CodecError
from gpusynth.trees import Predictor, PredictorTable


@pytest.fixture(scope="module")
def predictors():
    rng = np.random.default_rng(8)
    n_rows = 300_000  # three parts
    shapes = [(1, True), (3, True), (4, False), (20, True), (50, False), (200, True), (999, False)]
    return [
        Predictor(
            f"column {n_codes}",
            rng.integers(0, n_codes, n_rows).astype(np.uint8 if n_codes <= 256 else np.uint16),
            n_codes,
            is_ordered,
        )
        for n_codes, is_ordered in shapes
    ]


def test_threads_fill_the_same_table(predictors):
    one, several = (PredictorTable.of(predictors, n_threads=n_threads) for n_threads in (1, 3))
    assert np.array_equal(one.records, several.records)
    assert np.array_equal(one.wide, several.wide)
    for predictor in predictors:
        assert np.array_equal(several.codes(predictor.name), predictor.codes)


def test_columns_that_are_lent_are_not_unpacked(predictors):
    table = PredictorTable.of(predictors)
    columns = {predictor.name: predictor.codes for predictor in predictors}
    table.lent = columns
    assert all(table.codes(name) is codes for name, codes in columns.items())
    gone = columns.pop("column 20")
    assert table.codes("column 20") is not gone
    assert np.array_equal(table.codes("column 20"), gone)


def test_rows_change_in_place(predictors):
    table, rows = PredictorTable.of(predictors), np.arange(0, 300_000, 7)
    changed = []
    for one in predictors:
        codes = one.codes.copy()
        codes[rows] = codes[rows][::-1]
        table.change(one.name, rows, codes[rows])
        changed.append(Predictor(one.name, codes, one.n_codes, one.is_ordered))
    wanted = PredictorTable.of(changed)
    assert np.array_equal(table.records, wanted.records)
    assert np.array_equal(table.wide, wanted.wide)
    with pytest.raises(CodecError, match="column 'column 20' holds a code that is not below 20"):
        table.change("column 20", rows[:1], np.array([20], np.uint8))
