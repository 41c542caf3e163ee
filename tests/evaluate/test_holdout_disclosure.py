"""The baseline of a holdout: fair to files of any length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.holdout_disclosure import disclosure_of_holdout
from gpusynth.evaluate.holdout_lengths import EqualLengths
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource

KEYS = ("sector", "county", "size")
SCHEMA = Schema(
    columns=tuple(
        Column(name=name, kind="categorical", storage="int64") for name in (*KEYS, "exports")
    )
)


def firms(n_rows: int, seed: int) -> pa.Table:
    """Keys of uneven frequency: about a fifth of 4,000 rows are unique in them."""
    rng = np.random.default_rng(seed)
    sector = rng.zipf(1.6, n_rows).clip(1, 12)
    county = rng.zipf(1.4, n_rows).clip(1, 60)
    size = rng.integers(0, 8, n_rows)
    exports = (rng.random(n_rows) < 0.1 + 0.05 * size).astype(int)
    return pa.table({"sector": sector, "county": county, "size": size, "exports": exports})


def measured(real, synthetic, holdout):
    """Return the measures of a synthetic file, and the baseline."""
    codes = code_together(
        TableSource(real), TableSource(synthetic), holdout=TableSource(holdout), schema=SCHEMA
    )
    found = attribute_disclosure(codes, KEYS, ["exports"])
    lengths = EqualLengths.of(codes, seed=3)
    (baseline,) = disclosure_of_holdout(lengths, KEYS, ["exports"], found)
    return {name: float(values[0]) for name, values in found[0][0].breakdown.items()}, baseline


@pytest.mark.parametrize("n_holdout", [400, 1000, 4000, 9000])
def test_a_second_sample_discloses_what_the_holdout_does(n_holdout):
    """A synthetic file that is a fresh sample has no leak, however long the holdout is.

    Over 30 other seeds the quotient of figure and baseline has a standard deviation of at most 0.2
    (400 rows; measured); a mean over 12 is within 0.2 of 1 by 3.5 standard errors. The holdout as
    it is, of 400 rows, gives quotients of 4.3 (repU) and 0.6 (DiS).
    """
    quotients = {name: [] for name in ("UiOiS", "repU", "DiS", "DiSCO")}
    for seed in range(12):
        found, baseline = measured(
            firms(4000, 3 * seed), firms(4000, 3 * seed + 1), firms(n_holdout, 3 * seed + 2)
        )
        for name, values in quotients.items():
            values.append(found[name] / baseline[name])
    for name, values in quotients.items():
        assert np.mean(values) == pytest.approx(1, abs=0.2), name


def test_copies_disclose_more():
    real = firms(4000, 1)
    found, baseline = measured(real, real, firms(400, 2))
    assert found["repU"] > 1.5 * baseline["repU"]


def test_measures_that_samples_do_not_show_have_no_baseline():
    """One unique key in 40 rows, met by one synthetic row that the samples may lack."""
    rows = {"sector": [1] * 39 + [2], "county": [1] * 40, "size": [1] * 40, "exports": [0, 1] * 20}
    real = pa.table(rows)
    found, baseline = measured(real, real, real.slice(38, 2))
    assert found["repU"] == 2.5
    assert baseline["repU"] is None or baseline["repU"] > 0


def test_without_a_holdout_there_is_none():
    codes = code_together(TableSource(firms(50, 1)), TableSource(firms(50, 2)), schema=SCHEMA)
    found = attribute_disclosure(codes, KEYS, ["exports"])
    lengths = EqualLengths.of(codes, seed=0)
    assert disclosure_of_holdout(lengths, KEYS, ["exports"], found) is None
