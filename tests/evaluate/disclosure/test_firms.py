"""Rules of dominance on cells, and the tail report."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.disclosure.dominance import cell_dominance, sensitive_cells
from gpusynth.evaluate.disclosure.tails import tail_report
from tests.evaluate.disclosure.tables import common, levels, population, table

KEYS = (levels("sector", 5), levels("state", 4))


def cells(*rows):
    """Rows (sector, value); the state is 0."""
    return table(KEYS, [[sector, 0] for sector, _ in rows]), np.array([v for _, v in rows], float)


@pytest.fixture
def by_hand():
    """Sectors: 0 dominated, 1 dominated by two, 2 safe, 3 a single contributor, 4 none.

    Sector 0: x1 = 1000, x2 = 50, rest 20 < 100. Sector 1: 500 + 480, rest 60 >= 50, so not by
    the p % rule. Sector 2: ten of 100.
    """
    real = [(0, 1000), (0, 50), (0, 20), (1, 500), (1, 480), (1, 60)]
    real += [(2, 100)] * 10 + [(3, 70), (4, 0), (4, np.nan)]
    # sector 0: total 1110, so 1060 for x1; largest 960. Sector 3: 400, but a row of 70
    made = [(0, 960), (0, 150), (1, 500), (2, 100), (3, 330), (3, 70), (4, 5)]
    return cells(*real), cells(*made)


def test_dominance_by_hand(by_hand):
    (real, values), (made, made_values) = by_hand
    (found,) = cell_dominance(common(real, made), ["sector"], values, [made_values])
    assert found.n_cells == 4
    assert found.n_few == 1
    assert found.n_dominated == 3
    assert found.n_sensitive == 2
    assert found.n_published == 2
    assert found.n_estimable == 1
    assert found.n_reproduced == 2
    assert found.n_reproduced_exactly == 1
    assert found.n_synthetic_cells == 5
    # all but sector 0 have one or two contributors, and sector 0 too
    assert found.n_synthetic_sensitive == 5
    assert found.holdout_reproduced is None


def test_cells_one_by_one(by_hand):
    (real, values), (made, made_values) = by_hand
    found = sensitive_cells(common(real, made), ["sector", "state"], values, made_values)
    assert found.key_codes.tolist() == [[0, 0], [1, 0], [2, 0], [3, 0]]
    assert found.n_contributors.tolist() == [3, 3, 10, 1]
    assert found.is_dominated.tolist() == [True, True, False, True]
    assert found.is_sensitive.tolist() == [True, False, False, True]
    assert found.is_estimable.tolist() == [True, False, False, False]
    assert found.is_reproduced.tolist() == [True, False, False, True]


@pytest.fixture(scope="module")
def skewed():
    """Real rows, rows of the population and a holdout, with values of a heavy tail."""
    files, values = [], []
    for seed in range(3):
        files.append(population(KEYS, 150, seed))
        values.append(np.random.default_rng(seed + 10).pareto(0.8, 150).round(3) * 1000)
        values[-1][::7] = np.nan
    return files, values


def test_dominance_against_a_loop(skewed):
    (real, made, new), (x, s, h) = skewed
    codes = common(real, made, holdout=new)
    (found,) = cell_dominance(codes, ["sector", "state"], x, [s], n=1, k=60, p=15, holdout_values=h)

    def contributors(file, values):
        out = {}
        for key, value in zip(zip(*file.codes, strict=True), values, strict=True):
            if value > 0:
                out.setdefault(key, []).append(value)
        return {key: sorted(v, reverse=True) for key, v in out.items()}

    real_cells, made_cells, new_cells = contributors(real, x), contributors(made, s), None
    new_cells = contributors(new, h)
    sensitive = {q: v for q, v in real_cells.items() if sum(v[2:]) < 0.15 * v[0]}
    assert found.n_cells == len(real_cells)
    assert found.n_few == sum(len(v) < 3 for v in real_cells.values())
    assert found.n_dominated == sum(v[0] > 0.6 * sum(v) for v in real_cells.values())
    assert found.n_sensitive == len(sensitive) > 2
    estimable = [
        q
        for q, v in sensitive.items()
        if q in made_cells and abs(sum(made_cells[q]) - sum(v[:2])) <= 0.15 * v[0]
    ]
    assert found.n_estimable == len(estimable)
    for other, count in ((made_cells, found.n_reproduced), (new_cells, None)):
        hits = sum(
            any(abs(y - v[0]) <= 0.15 * v[0] for y in other.get(q, ()))
            for q, v in sensitive.items()
        )
        assert (count if count is not None else found.holdout_reproduced * len(sensitive)) == (
            pytest.approx(hits)
        )


def test_a_copy_is_estimable_and_reproduced(skewed):
    (real, _, _), (x, _, _) = skewed
    order = np.arange(150)[::-1]
    (found,) = cell_dominance(common(real, real.take(order)), ["sector", "state"], x, [x[order]])
    assert found.n_sensitive == found.n_published == found.n_estimable
    assert found.n_sensitive == found.n_reproduced == found.n_reproduced_exactly
    assert found.n_synthetic_sensitive == found.n_sensitive > 0


def test_empty_synthetic_cells(skewed):
    (real, made, _), (x, s, _) = skewed
    (found,) = cell_dominance(common(real, made), ["sector"], x, [np.full_like(s, np.nan)], p=30)
    assert (found.n_published, found.n_estimable, found.n_reproduced) == (0, 0, 0)
    assert found.n_synthetic_cells == found.n_synthetic_sensitive == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": []}, "one or more distinct"),
        ({"keys": ["sector", "sector"]}, "distinct"),
        ({"keys": ["z"]}, "no column 'z'"),
        ({"k": 100}, "0 < k < 100"),
        ({"n": 0}, "n >= 1"),
        ({"p": 0}, "p > 0"),
        ({"real_values": np.ones(3)}, "150 rows, but values of shape"),
        ({"real_values": np.zeros(150)}, "no row of the real file has a value above zero"),
        ({"synthetic_values": [np.append(np.ones(149), -1.0)]}, "row 150 is negative"),
        ({"synthetic_values": []}, "0 synthetic files"),
    ],
)
def test_dominance_refuses(skewed, changes, message):
    (real, made, _), (x, s, _) = skewed
    arguments = {"keys": ["sector"], "real_values": x, "synthetic_values": [s], **changes}
    with pytest.raises(IncomputableMetricError, match=message):
        cell_dominance(common(real, made), **arguments)


def test_tail_by_hand():
    """Largest: 1000 (sector 0), -900 (1), 500 (2), 500 (3); 1.004 times as far counts as near."""
    real, x = cells((0, 1000), (1, -900), (2, 500), (3, 500), (4, 3), (4, 0), (0, np.nan))
    made, s = cells((1, 1000), (1, -903.6), (2, 500), (0, 1500), (3, np.nan), (4, 0))
    new, h = cells((0, 2000), (4, 1))
    codes = common(real, made, holdout=new)
    (found,) = tail_report(codes, "x", x, [s], keys=["sector"], n_top=4, holdout_values=h)
    assert (found.n_top, found.n_shared) == (4, 2)
    assert found.synthetic.n_exact == 3
    assert found.synthetic.n_near == 4
    assert found.synthetic.n_exact_same_keys == 1
    assert found.synthetic.n_near_same_keys == 2
    assert found.synthetic.median_distance == 0.0
    assert found.holdout.n_exact == 0
    assert found.holdout.median_distance == pytest.approx((499 / 500 + 999 / 1000) / 2)
    (without,) = tail_report(codes, "x", x, [s])
    assert without.n_top == 5
    assert without.synthetic.n_near_same_keys is None
    assert without.holdout is None


def test_tail_against_a_loop(skewed):
    (real, made, _), (x, s, _) = skewed
    s = np.where(np.arange(150) % 3 == 0, np.roll(x, 1), s)
    (found,) = tail_report(
        common(real, made), "x", x, [s], keys=["sector"], n_top=30, tolerance=0.05
    )
    top = sorted(np.flatnonzero(x > 0), key=lambda row: -x[row])[:30]
    same = real.codes[0][top][:, None] == made.codes[0][None, :]
    apart = np.abs(s[None, :] - x[top][:, None]) / x[top][:, None]
    apart = np.where(np.isnan(apart), np.inf, apart)
    within = np.where(same, apart, np.inf)
    assert found.synthetic.n_exact == (apart.min(axis=1) == 0).sum()
    assert found.synthetic.n_near == (apart.min(axis=1) <= 0.05).sum()
    assert found.synthetic.n_exact_same_keys == (within.min(axis=1) == 0).sum()
    assert found.synthetic.n_near_same_keys == (within.min(axis=1) <= 0.05).sum()
    assert found.synthetic.median_distance == pytest.approx(np.median(apart.min(axis=1)))
    assert 0 < found.synthetic.n_exact_same_keys < found.synthetic.n_exact < 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_top": 0}, "at least one unit"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"keys": ["sector", "sector"]}, "distinct"),
        ({"keys": ["z"]}, "no column 'z'"),
        ({"real_values": np.zeros(150)}, "there is no tail"),
        ({"real_values": np.full(150, np.inf)}, "infinite value in row 1"),
        ({"synthetic_values": [np.full(150, np.nan)]}, "has no number"),
        ({"synthetic_values": [np.ones(2)]}, "shape"),
        ({"synthetic_values": []}, "0 synthetic files"),
    ],
)
def test_tail_refuses(skewed, changes, message):
    (real, made, _), (x, s, _) = skewed
    arguments = {"real_values": x, "synthetic_values": [s], **changes}
    with pytest.raises(IncomputableMetricError, match=message):
        tail_report(common(real, made), "x", **arguments)
