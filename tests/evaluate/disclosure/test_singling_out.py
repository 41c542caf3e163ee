"""Singling out: predicates, intervals, and what it finds on copies and without a leak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.evaluate.disclosure import predicates as module
from gpusynth.evaluate.disclosure.intervals import wilson
from gpusynth.evaluate.disclosure.predicates import (
    Answers,
    guessed_predicates,
    multivariate_predicates,
    univariate_predicates,
)
from gpusynth.evaluate.disclosure.singling_out import (
    control_rate,
    singling_out,
    spread_of_halves,
)
from tests.evaluate.disclosure.tables import (
    common,
    levels,
    mixed,
    number,
    population,
    table,
)


def holds(answers: Answers, predicates, number: int) -> np.ndarray:
    """Rows that satisfy a predicate, one condition after the other."""
    rows = np.ones(answers.n_rows, bool)
    for column, low, high, outside in zip(
        predicates.columns[number],
        predicates.low[number],
        predicates.high[number],
        predicates.outside[number],
        strict=True,
    ):
        inside = (answers.values[column] >= low) & (answers.values[column] <= high)
        rows &= inside != outside
    return rows


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 99), n_columns=st.integers(1, 4))
def test_counts_of_predicates(seed, n_columns):
    columns = mixed(12)
    made = Answers.of(population(columns, 150, seed), [c.name for c in columns], "made")
    real = Answers.of(population(columns, 200, seed + 1), [c.name for c in columns], "real")
    for predicates in (
        guessed_predicates(made, 40, n_columns, seed=seed),
        multivariate_predicates(made, 40, n_columns, 300, seed=seed),
    ):
        assert predicates.columns.shape[1] == n_columns
        assert all(len(set(row)) == n_columns for row in predicates.columns.tolist())
        for answers in (made, real):
            plain = [holds(answers, predicates, i).sum() for i in range(len(predicates))]
            assert answers.count(predicates).tolist() == np.minimum(plain, 2).tolist()
            everything = answers.count(predicates, enough=10**6)
            assert everything.tolist() == plain


def test_univariate_predicates_by_hand():
    """One row alone has a1, and one the largest number; the smallest is had by two."""
    columns = (levels("a", 2), number("n", 1, 5))
    rows = [[0, 1], [1, 1], [0, 3], [0, 4], [0, 0], [0, 0]]  # 0 of n is missing
    made = Answers.of(table(columns, rows), ["a", "n"], "made")
    found = univariate_predicates(made, 100, seed=0)
    ends = (found.columns, found.low, found.high)
    statements = set(zip(*(end[:, 0].tolist() for end in ends), strict=True))
    highest = module._HIGHEST
    assert statements == {(0, -2, -2), (1, 2, 2), (1, 3, 3), (1, 3, highest)}
    assert len(univariate_predicates(made, 2, seed=0)) == 2


def test_fewer_univariate_predicates_are_a_random_choice(files):
    answers = Answers.of(files.synthetic[0], files.real.names, "file")

    def found(n: int, seed: int) -> list[tuple[int, ...]]:
        one = univariate_predicates(answers, n, seed=seed)
        parts = (one.columns[:, 0], one.low[:, 0], one.high[:, 0], one.outside[:, 0])
        return [tuple(map(int, row)) for row in zip(*parts, strict=True)]

    every = found(10**6, 1)
    some = [frozenset(found(5, seed)) for seed in range(8)]
    assert all(len(one) == 5 and one < set(every) for one in some)
    assert len(set(some)) > 4


def test_multivariate_predicates_hold_for_one_row(files):
    made = Answers.of(files.synthetic[0], files.real.names, "made")
    found = multivariate_predicates(made, 150, 3, 9000, seed=1)
    assert len(found) == 150
    assert len(found.distinct()) == 150
    assert (made.count(found, enough=9) == 1).all()
    other = multivariate_predicates(made, 150, 3, 9000, seed=2)
    assert not np.array_equal(found.columns, other.columns)


@pytest.mark.parametrize("mode", ["univariate", "multivariate"])
def test_singling_out(files, mode):
    fresh, copy = singling_out(files, mode=mode, n_attacks=300)
    assert copy.success.value == 1.0
    assert copy.risk.low > 0.5
    assert copy.is_strong
    assert fresh.success.value < 0.8
    assert fresh.risk.low == 0.0
    assert fresh.attack == f"singling_out_{mode}"


@pytest.mark.parametrize("n_holdout", [160, 2400])
def test_singling_out_with_files_of_other_lengths(files, n_holdout):
    """Five files without a leak, five copies; false alarms of one-sided 97.5 % limits: 12 %.

    Held against the successes on a holdout of 160 rows as they are, most would be alarms.
    """
    columns = files.real.columns
    alarms = 0
    for seed in range(5):
        whole = population(columns, 1600 + n_holdout, 300 + seed)
        real, fresh = whole.take(slice(0, 800)), whole.take(slice(800, 1600))
        codes = common(real, fresh, real, holdout=whole.take(slice(1600, None)))
        found, copy = singling_out(codes, n_attacks=300)
        alarms += found.risk.low > 0
        assert copy.risk.low > 0.5
    assert alarms <= 1


@pytest.mark.parametrize("n_control", [100, 400, 1600])
def test_control_rate_of_files_of_other_lengths(n_control):
    """20,000 predicates of known probability, 400 real rows: what succeeds on these is expected.

    Within five standard errors of the mean of as many independent predicates.
    """
    rng = np.random.default_rng(0)
    weights = rng.random(20_000) * 0.004
    of_real, of_control = rng.binomial(400, weights), rng.binomial(n_control, weights)
    truth = np.mean(400 * weights * (1 - weights) ** 399)
    found = control_rate(of_real, of_control, 400, n_control, spread=0.0, confidence=0.99)
    error = (found.high - found.low) / 2 / 2.576
    assert 0 < error < 0.01
    assert abs(found.value - truth) < 5 * error
    # were the same rows real that the predicates were made for, the control would not know
    leaked = control_rate(
        of_real * 0 + 1, of_control * 0, 400, n_control, spread=0.0, confidence=0.99
    )
    assert leaked.value == 0.0 < leaked.high < 0.01


def test_interval_of_successes_of_a_given_spread():
    """A share of 0.4 that varies by 10 % is worth 0.6 / (0.4 * 0.1^2) = 150 trials of 1,000."""
    counts = np.repeat([1, 2], [400, 600])
    found = control_rate(counts, counts, 900, 900, spread=0.1, confidence=0.95)
    assert (found.value, found.n) == (0.4, 1000)
    assert (found.low, found.high) == pytest.approx((wilson(60, 150).low, wilson(60, 150).high))
    alone = control_rate(counts, counts, 900, 900, spread=0.0, confidence=0.95)
    assert (alone.low, alone.high) == pytest.approx((wilson(400, 1000).low, wilson(400, 1000).high))
    # At most as many trials as there were, however little they vary.
    assert control_rate(counts, counts, 900, 900, spread=1e-6, confidence=0.95) == alone


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_interval_of_a_shorter_control_by_hand(spread):
    """One success of 10, of a predicate that holds for one row in both files and so counts 1."""
    of_real = np.ones(10, np.int64)
    of_control = np.repeat([1, 0], [1, 9])
    found = control_rate(of_real, of_control, 200, 100, spread=spread, confidence=0.95)
    half = 1.959964 * max(0.3 / np.sqrt(10), 0.1 * spread)
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.0, 0.1 + half))


def test_spread_of_successes_that_rest_on_few_rows():
    """40 of 1,000 rows satisfy five predicates each, alone: sqrt(40 25) / 200, not 1 / sqrt(200).

    The deviation of 64 halves has a relative standard error of 0.09.
    """
    rows = np.full((200, 16), -1)
    rows[:, 0] = np.arange(200) % 40
    found = spread_of_halves(np.ones(200, np.int64), rows, 1000, seed=1, step=147)
    assert found == pytest.approx(np.sqrt(40 * 25) / 200, rel=0.36)
    # no half of 32 rows holds just one of many
    many = np.full(200, 32)
    assert spread_of_halves(many, rows, 1000, seed=1, step=147) == 0.0


def test_interval_of_singling_out_is_as_wide_as_samples_differ(files):
    """500 predicates on 40 samples of 400 rows: the interval of independent ones is too narrow.

    The deviation of 40 samples has a relative standard error of 0.11; the intervals', a mean of
    40, of 0.02.
    """
    made = Answers.of(files.synthetic[0], files.real.names, "made")
    found = multivariate_predicates(made, 500, 3, 40_000, seed=1)
    shares, errors = [], []
    for seed in range(40):
        real = Answers.of(population(files.real.columns, 400, 900 + seed), files.real.names, "real")
        counts, rows = real.holders(found, enough=400)
        spread = spread_of_halves(counts, rows, 400, seed=seed, step=147)
        same = control_rate(counts, counts, 400, 400, spread=spread, confidence=0.95)
        shares.append(same.value)
        errors.append((same.high - same.low) / 2 / 1.96)
    independent = np.sqrt(np.mean(shares) * (1 - np.mean(shares)) / 500)
    assert np.std(shares) > 1.3 * independent
    assert np.mean(errors) == pytest.approx(np.std(shares), rel=0.4)


def test_singling_out_without_holdout(files):
    (found,) = singling_out(common(files.real, files.synthetic[0]), n_attacks=50)
    assert found.control is None
    assert found.risk.low == found.success.low


def test_guesses_are_of_all_kinds():
    """Numbers are guessed by six operators, levels by two; answers are any that occur."""
    columns = (number("n", 3, 5), levels("k", 4))
    answers = Answers.of(population(columns, 400, 3), ("n", "k"), "file")
    guesses = guessed_predicates(answers, 3000, 1, seed=2)
    of_levels = guesses.columns[:, 0] == 1
    assert abs(of_levels.mean() - 0.5) < 0.05
    for place, kinds in ((guesses.columns[:, 0] == 0, 6), (of_levels, 2)):
        some = guesses.take(np.flatnonzero(place))
        bounds = zip(
            some.low[:, 0].tolist(), some.high[:, 0].tolist(), some.outside[:, 0].tolist(),
            strict=True,
        )  # fmt: skip
        assert len(set(bounds)) >= 2 * kinds
    assert 0.4 < guesses.outside[of_levels].mean() < 0.6
