"""Cells left out, against synthpop's dense tables restated; checks of what dominates."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.disclosure.attribute import AttributeDisclosure, attribute_disclosure
from gpusynth.evaluate.disclosure.checks import disclosure_checks
from gpusynth.evaluate.disclosure.exclusions import Exclusions
from gpusynth.evaluate.metric import measure
from tests.evaluate.disclosure.tables import common, levels, number, population, table

COLUMNS = (levels("k", 6, n_missing=1), levels("l", 4, n_missing=1), levels("t", 4, n_missing=1))
KEYS = ("k", "l")


@pytest.fixture(scope="module")
def codes():
    """Few enough rows that many keys determine the target."""
    return common(population(COLUMNS, 90, 1), population(COLUMNS, 70, 2))


def dense(codes, exclusions: Exclusions) -> dict[str, float]:
    """synthpop's `tab_exclude` and the measures after it, on tables of targets by keys."""

    def count(t):
        out = np.zeros((4, 24))
        np.add.at(out, (t.codes[2], t.codes[0].astype(int) * 4 + t.codes[1]), 1)
        return out

    d, s = count(codes.real), count(codes.synthetic[0])
    n_d, n_s = d.sum(), s.sum()

    def shares(x):
        return np.divide(x, x.sum(0), out=np.zeros_like(x), where=x.sum(0) > 0)

    def exclude(x):
        x = x.copy()
        for level in exclusions.target_levels:
            x[COLUMNS[2].labels.index(level)] = 0
        if exclusions.missing_target:
            x[0] = 0
        for key in exclusions.missing_keys:
            x[:, (np.arange(24) // 4 if key == "k" else np.arange(24) % 4) == 0] = 0
        for key, level, target in exclusions.pairs:
            of_key = np.arange(24) // 4 if key == "k" else np.arange(24) % 4
            code = COLUMNS[KEYS.index(key)].labels.index(level)
            x[COLUMNS[2].labels.index(target), of_key == code] = 0
        if exclusions.largest_cell is not None:
            x[x > exclusions.largest_cell] = 0
        return x

    p_d, p_s = shares(d), shares(s)
    i_s = d * (s.sum(0) > 0)
    disco = i_s * (p_s == 1)
    tables = {
        "Dorig": d * (p_d == 1),
        "iS": i_s,
        "DiS": d * (p_s == 1).any(0),
        "DiSCO": disco,
        "DiSDiO": disco * (p_d == 1),
    }
    tables = {name: exclude(x) for name, x in tables.items()}
    out = {name: 100 * x.sum() / n_d for name, x in tables.items()}
    out["Dsyn"] = 100 * exclude(s * (p_s == 1)).sum() / n_s
    hits = tables["DiSCO"][tables["DiSCO"] > 0]
    out["max_denom"], out["mean_denom"] = hits.max(initial=0), hits.mean() if len(hits) else 0
    in_synthetic, n_target = s.sum(0) > 0, d.sum(1)
    d, s = exclude(d), exclude(s)
    one_d, one_s = d.sum(0) == 1, s.sum(0) == 1
    out["UiO"], out["UiS"] = 100 * one_d.sum() / n_d, 100 * one_s.sum() / n_s
    out["UiOiS"], out["repU"] = (
        100 * (one_d & in_synthetic).sum() / n_d,
        100 * (one_d & one_s).sum() / n_d,
    )
    out["baseCAPd"] = 100 * ((n_target / n_d) ** 2).sum()
    out["CAPd"] = 100 * ((shares(d) ** 2).sum(0) * d.sum(0)).sum() / n_d
    out["CAPs"] = 100 * ((shares(s) ** 2).sum(0) * s.sum(0)).sum() / n_s
    out["DCAP"], out["DCAPs"] = (100 * (shares(s) * d).sum() / n for n in (n_d, n_s))
    return out


EXCLUSIONS = [
    Exclusions(),
    Exclusions(target_levels=("t1", "t3")),
    Exclusions(missing_target=True),
    Exclusions(missing_keys=("l",)),
    Exclusions(missing_keys=("k", "l")),
    Exclusions(pairs=(("k", "k2", "t2"), ("l", "l1", "t0"))),
    Exclusions(largest_cell=2),
    Exclusions(("t2",), True, ("k",), (("l", "l3", "t3"),), 3),
]


@pytest.mark.parametrize("exclusions", EXCLUSIONS)
def test_dense_tables(codes, exclusions):
    ((result,),) = attribute_disclosure(codes, KEYS, ["t"], exclusions=exclusions)
    expected = dense(codes, exclusions)
    assert {name: result.breakdown[name][0] for name in expected} == pytest.approx(expected)


def test_blocks_change_nothing(codes):
    metric = AttributeDisclosure(KEYS, "t", Exclusions(("t2",), True, ("k",), (), 3))
    real, synthetic = codes.real, codes.synthetic[0]
    blocks = list(zip(real.blocks(30), [*synthetic.blocks(30)], strict=True))
    whole, parts = (measure(metric, b).breakdown for b in ([(real, synthetic)], blocks))
    assert all(np.array_equal(whole[name], parts[name], equal_nan=True) for name in whole)


def test_reasons_are_counted_once(codes):
    """The first reason that applies counts, and what is left is what the measures count."""
    exclusions = Exclusions(("t2",), True, ("k",), (("l", "l3", "t3"),), 3)
    (checks,) = disclosure_checks(codes, KEYS, "t", exclusions=exclusions)
    ((result,),) = attribute_disclosure(codes, KEYS, ["t"], exclusions=exclusions)
    k, left, t = (column.astype(int) for column in codes.real.codes)
    real = checks.excluded["real"]
    assert sum(real.values()) == 90
    assert real["target_level"] == (t == 2).sum()
    assert real["missing_target"] == (t == 0).sum()
    assert real["missing_key"] == ((k == 0) & (t != 0) & (t != 2)).sum()
    assert real["pair"] == ((left == 3) & (t == 3) & (k != 0)).sum()
    for name in ("Dorig", "iS", "DiS", "DiSCO", "DiSDiO"):
        kept = checks.excluded[name]["kept"]
        assert result.breakdown[name][0] == pytest.approx(100 * kept / 90)


@pytest.mark.parametrize("exclusions", EXCLUSIONS)
@pytest.mark.parametrize("more_than", [0, 1])
def test_pairs_row_by_row(codes, exclusions, more_than):
    """Real rows whose keys determine their target in the synthetic file, kept and counted."""
    real = [tuple(map(int, row)) for row in zip(*codes.real.codes, strict=True)]
    answers: dict[tuple[int, ...], set[int]] = {}
    for *key, t in zip(*codes.synthetic[0].codes, strict=True):
        answers.setdefault(tuple(map(int, key)), set()).add(int(t))
    reasons = exclusions.reasons(codes.real, KEYS, "t")
    hits = [
        (k, left, t)
        for (k, left, t), reason in zip(real, reasons, strict=True)
        if answers.get((k, left)) == {t} and not reason
    ]
    largest = exclusions.largest_cell or len(real)
    hits = [row for row in hits if more_than < hits.count(row) <= largest]
    expected = {}
    for place, (name, column) in enumerate(zip(KEYS, COLUMNS[:2], strict=True)):
        for level, t in {(row[place], row[2]) for row in hits}:
            n_key = sum(row[place] == level for row in real)
            n_both = sum((row[place], row[2]) == (level, t) for row in real)
            if n_both > 0.3 * n_key:
                n_hits = sum((row[place], row[2]) == (level, t) for row in hits)
                labels = (name, column.labels[level], COLUMNS[2].labels[t])
                expected[labels] = (n_hits, n_key, n_both)
    (checks,) = disclosure_checks(
        codes, KEYS, "t", exclusions=exclusions, two_way=(more_than, 30.0)
    )
    found = {
        (pair.key, pair.key_label, pair.target_label): (pair.n_disclosive, pair.n_key, pair.n_both)
        for pair in checks.pairs
    }
    assert found == expected
    if more_than == 0:
        assert found


def test_dominant_level_and_pairs():
    """Key 0 of a has target 0 in 95 of 100 real rows; the synthetic file says so of all its rows.

    b is noise with one code, c tells targets 1 and 2 apart in cells of four rows only.
    """
    columns = (levels("a", 3), levels("c", 3), number("t", 1, 2))
    real = [[0, 0, 0]] * 95 + [[0, 0, 1]] * 5 + [[1, 1, 1]] * 4 + [[1, 2, 2]] * 4
    synthetic = [[0, 0, 0]] * 20 + [[1, 1, 1]] * 2 + [[1, 2, 2]] * 2
    codes = common(table(columns, real), table(columns, synthetic))
    (checks,) = disclosure_checks(codes, ["a", "c"], "t")
    assert checks.level.label == "apart0"
    assert checks.level.n_disclosive == 95
    assert checks.level.share_of_disclosive == pytest.approx(100 * 95 / 103)
    assert checks.level.share_of_real == pytest.approx(100 * 95 / 108)
    assert [(p.key, p.key_label, p.target_label) for p in checks.pairs] == [
        ("a", "a0", "apart0"),
        ("c", "c0", "apart0"),
    ]
    assert (checks.pairs[0].n_disclosive, checks.pairs[0].n_key, checks.pairs[0].n_both) == (
        95,
        100,
        95,
    )
    (lower,) = disclosure_checks(codes, ["a", "c"], "t", two_way=(3, 80))
    assert {(p.key_label, p.target_label) for p in lower.pairs} == {
        ("a0", "apart0"),
        ("c0", "apart0"),
        ("c1", "bin 1"),
        ("c2", "bin 2"),
    }
    (cut,) = disclosure_checks(codes, ["a", "c"], "t", exclusions=Exclusions(largest_cell=5))
    assert cut.level is None
    assert cut.pairs == ()
    (none,) = disclosure_checks(codes, ["a", "c"], "t", one_way=(50, 95))
    assert none.level is None


@pytest.mark.parametrize(
    ("exclusions", "message"),
    [
        ({"target_levels": ("z",)}, "no file has: 'z'"),
        ({"missing_keys": ("t",)}, "none of the keys"),
        ({"pairs": (("m", "k1", "t1"),)}, "none of the keys"),
        ({"pairs": (("k", "z", "t1"),)}, "a level of 'k'"),
        ({"largest_cell": 0}, "at least 1 row"),
    ],
)
def test_exclusions_must_fit(codes, exclusions, message):
    with pytest.raises(IncomputableMetricError, match=message):
        attribute_disclosure(codes, KEYS, ["t"], exclusions=Exclusions(**exclusions))


def test_targets_are_needed(codes):
    with pytest.raises(IncomputableMetricError, match="one or more targets"):
        attribute_disclosure(codes, KEYS, [])
