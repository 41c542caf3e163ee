"""Promise: small cells are never named, nor can they be found by subtraction."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.evaluate import evaluate
from gpusynth.evaluate.coded import CodedColumn
from gpusynth.evaluate.suppression import join_bins, number_text, pooled, rounded, safe_labels

COUNTS = st.lists(st.integers(0, 12), min_size=1, max_size=40).map(np.array)


@given(COUNTS, st.integers(0, 8), st.integers(1, 10))
def test_pool_is_empty_or_large_enough(rows, minimum, most):
    hidden = pooled(rows, minimum, most, always=np.zeros(len(rows), bool))
    held = int(rows[hidden].sum())
    assert held == 0 or held >= minimum or hidden.all()
    assert (rows[~hidden] >= max(minimum, 1)).all()
    assert (~hidden).sum() <= most + 1


@given(COUNTS, st.integers(0, 8))
def test_joined_bins_are_large_enough(rows, minimum):
    starts = join_bins(rows, minimum)
    assert starts[0] == 0
    assert starts[-1] == len(rows)
    assert (np.diff(starts) > 0).all()
    sums = [int(rows[a:b].sum()) for a, b in itertools.pairwise(starts)]
    assert len(sums) == 1 or min(sums) >= minimum


def test_missing_codes_are_named_beside_the_commonest_levels():
    rows = np.array([5, 100, 90, 80, 4])
    always = np.array([True, False, False, False, False])
    assert pooled(rows, 3, 2, always=always).tolist() == [False, False, False, True, True]


def test_one_level_too_many_is_shown():
    rows = np.array([9, 8, 7])
    assert not pooled(rows, 3, 2, always=[False] * 3).any()


def rare_table(n_rows: int = 600) -> pa.Table:
    """One level of a single row, one of two, and one number far above all others."""
    rng = np.random.default_rng(3)
    names = np.array(["common", "usual"])[rng.integers(0, 2, n_rows)]
    names = names.astype(object)
    names[:3] = ["UNIQUE-NAME", "PAIR-NAME", "PAIR-NAME"]
    money = rng.lognormal(5, 1, n_rows).round(2)
    money[0] = 987654321.25
    return pa.table({"name": names.tolist(), "money": money, "kind": rng.integers(0, 3, n_rows)})


def test_nothing_of_a_rare_row_is_written():
    """The synthetic file is the real one, so every label and number would be there to leak."""
    found = evaluate(rare_table(), rare_table(), quick=True)
    text = json.dumps(found.model_dump(mode="json"))
    assert "UNIQUE-NAME" not in text
    assert "PAIR-NAME" not in text
    assert "987654321" not in text
    assert "987,654,321" not in text
    assert "9.88e" not in text
    bars = {c.name: c.bars for c in found.columns}["name"]
    # both rare levels and one that hides them, since three rows could be subtracted from nothing
    assert [bar.kind for bar in bars] == ["level", "level", "rest"]
    assert bars[-1].real == pytest.approx(3 / 600, abs=1e-6)


def test_threshold_can_be_lowered():
    found = evaluate(rare_table(), rare_table(), quick=True, minimum_cell=1)
    labels = [bar.label for column in found.columns for bar in column.bars]
    assert "UNIQUE-NAME" in labels


def test_cells_of_few_rows_have_no_labels():
    """All that differs is a combination that two real rows have."""
    left = ["a"] * 300 + ["b"] * 302
    right = ["x"] * 298 + ["y"] * 2 + ["y"] * 302
    real = pa.table({"one": left, "two": right})
    synthetic = pa.table({"one": left, "two": ["x"] * 200 + ["y"] * 402})
    found = evaluate(real, synthetic, quick=True)
    (cell,) = [c for c in found.worst_cells if c.labels is None]
    assert cell.real is None
    assert cell.z is None
    assert cell.synthetic.mean == pytest.approx(100 / 602)


def test_quantiles_need_rows_beyond_them():
    found = evaluate(rare_table(), rare_table(), quick=True)
    quantiles = {c.name: c.quantiles for c in found.columns}["money"]
    shares = [q.share for q in quantiles]
    assert 0.05 in shares  # 30 rows below
    assert 0.01 not in shares  # 6 rows below
    assert all(q.real == rounded(q.real) for q in quantiles)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (123456.0, "numeric", "123,000"), (0.0, "integer", "0"), (-5.25, "numeric", "\u22125.25"),
        (1e18, "numeric", "1.00e+18"), (14000.0, "date", "2008-05"),
        (1.2096e15, "timestamp", "2008-05"), (1e12, "date", "?"),
    ],
)  # fmt: skip
def test_number_text(value, kind, text):
    assert number_text(value, kind) == text


def test_labels_of_bins():
    column = CodedColumn("x", ("", "0"), True, 1, np.array([1.0, 5.0, 1234.0]), "right")
    assert safe_labels(column, "numeric") == [
        "null", "0", "up to 1", "1 to 5", "5 to 1,230", "over 1,230",
    ]  # fmt: skip
    assert safe_labels(column, "integer")[3:5] == ["2 to 5", "6 to 1,230"]
    assert safe_labels(column, "numeric", np.array([0, 2, 4]))[2:] == ["up to 5", "over 5"]
    left = CodedColumn("x", (), False, 0, np.array([1.0, 2.0, 9.0]), "left")
    assert safe_labels(left, "integer") == ["under 1", "1", "2 to 8", "9 or more"]
    joined = CodedColumn("x", (), False, 0, np.array([1.0, 2.0]), "left", joins_outside=True)
    assert safe_labels(joined, "numeric") == ["outside", "1 to 2"]
    alone = CodedColumn("x", (), False, 0, np.empty(0), "right")
    assert safe_labels(alone, "numeric") == ["any number"]
