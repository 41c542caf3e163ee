"""Labels of codes: missing, spikes, levels and bins, in numbers and in dates."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.evaluate.coded import CodedColumn
from gpusynth.evaluate.labels import code_kinds, code_labels, number_label


def column(labels=("", "-8", "0"), cuts=(1.0, 2.5), **kwargs) -> CodedColumn:
    return CodedColumn(
        "x",
        labels,
        has_null=True,
        n_missing=2,
        cuts=None if cuts is None else np.array(cuts),
        numbers=np.array([0.0, 1.0]),
        **kwargs,
    )


@pytest.mark.parametrize(
    ("described", "bins"),
    [
        (column(), ("≤ 1", "(1, 2.5]", "> 2.5")),
        (column(closed="left"), ("< 1", "[1, 2.5)", "≥ 2.5")),
        (column(closed="left", joins_outside=True), ("outside [1, 2.5)", "[1, 2.5)")),
        (column(cuts=()), ("any number",)),
        (column(cuts=None), ()),
    ],
)
def test_bins_are_intervals(described, bins):
    assert code_labels(described) == ("(missing)", "-8", "0", *bins)
    assert len(code_labels(described)) == described.n_codes == len(code_kinds(described))
    assert code_kinds(described) == ("missing", "missing", "spike", *["bin"] * len(bins))


def test_answers_that_are_no_number_are_levels():
    described = column(labels=("", "-8", "0", "inf", "many"), cuts=None)
    assert code_kinds(described)[2:] == ("spike", "level", "level")
    levels = CodedColumn("x", ("1", "2"), has_null=False, n_missing=0)
    assert code_kinds(levels) == ("level", "level")


@pytest.mark.parametrize(
    ("value", "kind", "label"),
    [
        (3.0, "integer", "3"),
        (0.125, "numeric", "0.125"),
        (1e20, "numeric", "1e+20"),
        (0.0, "date", "1970-01-01"),
        (1e9, "date", "1000000000"),
        (1.5e6, "timestamp", "1970-01-01 00:00:01.500000"),
    ],
)
def test_numbers_and_dates(value, kind, label):
    assert number_label(value, kind) == label
