"""The facts in the package are those of the published tables, where these are at hand."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from gpusynth.datasets.facts_columns import COLUMN_NAMES
from gpusynth.datasets.facts_counts import BIN_LEFT_ENDS, BLANK, COUNTS, N_RECORDS
from gpusynth.datasets.facts_labels import VALUE_LABELS
from gpusynth.datasets.firms_schema import firms_schema


@pytest.fixture(scope="module")
def rows(published):
    with (published / "target_univariates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_counts(rows):
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["feature"], []).append(int(row["count_target"]))
    assert found == {name: list(counts.values()) for name, counts in COUNTS.items()}
    assert all(sum(counts) == N_RECORDS for counts in found.values())


def test_codes_and_left_ends(rows):
    found: dict[str, list[str]] = {}
    for row in rows:
        code = row["value_or_bin_left"]
        found.setdefault(row["feature"], []).append(BLANK if code == "nan" else code)
    for name, codes in found.items():
        if name in BIN_LEFT_ENDS:
            assert [int(code) for code in codes] == list(BIN_LEFT_ENDS[name])
        else:
            assert [code.lstrip("0") or code for code in COUNTS[name]] == [
                code.lstrip("0") or code for code in codes
            ]


def test_bins_end_with_their_quantiles(rows):
    """Cumulative shares at right ends are at or a little above multiples of 5 %.

    So the bins are closed on the right: if they were closed on the left, the shares would fall a
    little short of the multiples instead (an excess just under 0.05). Only the columns of many
    values show it; employment and ownership have values that hold more than 5 %.
    """
    for name in ("TABWGT", "PAYROLL_NOISY", "RECEIPTS_NOISY"):
        cumulative = np.cumsum(list(COUNTS[name].values()))[:-1] / N_RECORDS
        excess = cumulative - np.floor(cumulative / 0.05) * 0.05
        assert np.median(excess) < 0.01
        assert excess.max() < 0.035


def test_columns(published):
    with (published / "schema_summary.csv").open(newline="") as file:
        summary = list(csv.DictReader(file))
    assert [row["feature"] for row in summary] == list(COLUMN_NAMES)
    schema = firms_schema()
    for row in summary:
        column = schema[row["feature"]]
        if row["kind"] == "list":
            codes = {*column.levels, *map(str, column.missing_codes)}
            assert codes == set(row["values"].split("|"))


def test_labels_cover_the_dictionary_of_the_multiple_choices(published):
    dictionary = json.loads((published / "data_dictionary.json").read_text())
    for name, labels in VALUE_LABELS.items():
        if name in ("AGE1", "EDUC1", "HOURS1", "EXPORTS", "SCAMOUNT", "ESTABLISHED", "NUMOWNERS"):
            assert set(labels) == set(dictionary[name]["values"])


def test_principal_axes(survey, published):
    """Each of the five published axes lies near the span of the simulated file's first six.

    Blank is -1, text is a number in alphabetical order, money is on a log scale: as the published
    axes seem to have been made.
    """
    with (published / "target_principal_axes.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    names = [name for name in lines[0] if name]
    axes = np.asarray([[float(line[name]) for name in names] for line in lines])
    columns = []
    for name in names:
        values = survey[name]
        if values.dtype.kind == "U":
            values = np.unique(values, return_inverse=True)[1]
        columns.append(np.log1p(values) if name.endswith("_NOISY") else values)
    data = np.column_stack(columns).astype(float)
    _, vectors = np.linalg.eigh(np.corrcoef(data.T))
    span = vectors[:, -6:]
    assert np.linalg.norm(axes @ span, axis=1).min() > 0.8
