"""k-marginal scores with all baselines, worst marginals and worst cells."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.evaluate.baselines import LADDER
from gpusynth.evaluate.utility.kmarginal import kmarginal
from gpusynth.evaluate.utility.kmarginal_baselines import kmarginal_with_baselines
from tests.evaluate.mixed_files import mixed_codes, mixed_table

REAL, SYNTHETIC = mixed_table(1500, 1), mixed_table(1200, 2, effect=0.5)


@pytest.fixture(scope="module")
def codes():
    return mixed_codes(REAL, SYNTHETIC, holdout=mixed_table(1400, 3))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_figures_agree_with_the_plain_score(codes, k):
    (found,) = kmarginal_with_baselines(codes, k)
    (plain,) = kmarginal(codes, k)
    assert (found.score, found.expected_score) == (plain.value, plain.expected)
    assert found.n_marginals == found.n_possible == len(plain.breakdown["columns"])
    assert found.total_variation == pytest.approx(plain.breakdown["total_variation"].mean())
    assert found.score < min(found.holdout_score, found.expected_score) < 1000
    assert found.holdout_total_variation == pytest.approx((1000 - found.holdout_score) / 1000)
    assert list(found.ladder_shares) == list(LADDER)


def test_equivalent_share_lies_between_its_neighbours_on_the_ladder(codes):
    (found,) = kmarginal_with_baselines(codes, 1)
    above = found.ladder_shares[found.ladder_scores >= found.score]
    below = found.ladder_shares[found.ladder_scores <= found.score]
    assert below.min() <= found.equivalent_share <= above.max()
    (perfect,) = kmarginal_with_baselines(mixed_codes(REAL, REAL), 2)
    assert perfect.equivalent_share is None
    assert perfect.worst_cells == ()
    assert perfect.worst_marginals[0].total_variation == 0


def test_worst_marginals_exceed_their_baseline_most(codes):
    (found,) = kmarginal_with_baselines(codes, 2, n_worst=3)
    assert len(found.worst_marginals) == 3
    excess = [m.total_variation - m.expected_total_variation for m in found.worst_marginals]
    assert excess == sorted(excess, reverse=True)
    # the effect of the sector is what the synthetic file lacks
    assert "region" not in found.worst_marginals[0].columns
    assert found.worst_marginals[0].holdout_total_variation < excess[0]


def test_worst_cells_by_hand():
    """x is a in 30 of 40 real and 10 of 40 synthetic rows: z = (10 - 30) / sqrt(20)."""
    real = REAL.slice(0, 40).set_column(0, "sector", pa.array(["a"] * 30 + ["b"] * 10))
    other = REAL.slice(0, 40).set_column(0, "sector", pa.array(["a"] * 10 + ["b"] * 30))
    (found,) = kmarginal_with_baselines(mixed_codes(real, other), 1, n_worst=2)
    first, second = found.worst_cells
    assert (first.columns, first.labels) == (("sector",), ("a",))
    assert (first.real_count, first.synthetic_count) == (30, 10)
    assert (first.real_share, first.synthetic_share) == (0.75, 0.25)
    assert first.z == pytest.approx(-20 / np.sqrt(20))
    assert second.z == pytest.approx(+20 / np.sqrt(20))


def test_weighted_cells_have_no_z():
    codes = mixed_codes(REAL, SYNTHETIC, weighted=True)
    (found,) = kmarginal_with_baselines(codes, 2, n_worst=4, ladder=(0.5,))
    gaps = [abs(cell.real_share - cell.synthetic_share) for cell in found.worst_cells]
    assert gaps == sorted(gaps, reverse=True)
    assert found.worst_cells[0].z is None


def test_without_baselines():
    (found,) = kmarginal_with_baselines(
        mixed_codes(REAL, SYNTHETIC), 2, n_bootstraps=0, ladder=(), n_marginals=3
    )
    assert (found.n_marginals, found.n_possible) == (3, 6)
    assert found.expected_score is found.holdout_score is found.equivalent_share is None
    assert found.worst_marginals[0].expected_total_variation is None
    assert len(found.ladder_scores) == 0


def test_every_replicate_has_its_own_score(codes):
    found = kmarginal_with_baselines(mixed_codes(REAL, SYNTHETIC, REAL), 2, ladder=())
    assert found[0].score < found[1].score == 1000
