"""Linkability, inference and the risk of attacks: by definition, and without a leak."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.disclosure.attack import attack_risk, drawn_rows, targets_of
from gpusynth.evaluate.disclosure.inference_attack import _right, inference_attack
from gpusynth.evaluate.disclosure.intervals import Rate, permutation, wilson
from gpusynth.evaluate.disclosure.linkability import _chance, linkability
from gpusynth.evaluate.disclosure.singling_out import (
    singling_out,
)
from tests.evaluate.disclosure.tables import (
    common,
    levels,
    mixed,
    plain_distances,
    population,
    table,
)


@pytest.mark.parametrize(
    ("hits", "control", "risk"),
    [
        ((60, 500), (30, 500), (0.06356999837130325, 0.026578592690249328, 0.10056140405235718)),
        ((120, 500), (115, 300), (0.0, 0.0, 0.0)),
        ((3, 200), (9, 200), (0.0, 0.0, 0.007013016909488138)),
        ((950, 1000), (100, 800), (0.9407677827358459, 0.9251249036836552, 0.9564106617880367)),
        ((37, 400), None, (0.09637625994122583, 0.06785393449857381, 0.12489858538387784)),
    ],
)
def test_risk_equals_anonymeter(hits, control, risk):
    """Recorded from anonymeter 1.1.0, `EvaluationResults(...).risk()`."""
    against = None if control is None else wilson(*control)
    found = attack_risk("any", wilson(*hits), wilson(1, 200), against)
    assert (found.risk.value, found.risk.low, found.risk.high) == pytest.approx(risk, abs=1e-14)
    assert found.is_strong


def test_nothing_is_known_when_all_control_attacks_succeed():
    every = Rate(1.0, 1.0, 1.0, 50)
    found = attack_risk("any", wilson(40, 50), wilson(1, 50), every)
    assert (found.risk.value, found.risk.low, found.risk.high) == (0.0, 0.0, 1.0)


def test_linkability_by_definition(files):
    """Nearest rows by each half, ties in the stated random orders, joined by hand."""
    synthetic, targets = files.synthetic[0].take(slice(0, 90)), files.real.take(slice(0, 60))
    names = files.real.names
    named = []
    for number_, half in enumerate((names[0::2], names[1::2])):
        positions = files.real.positions(half)
        left, right = (
            CodedTable(
                tuple(t.columns[p] for p in positions), tuple(t.codes[p] for p in positions), n
            )
            for t, n in ((targets, 60), (synthetic, 90))
        )
        order = permutation(90, seed=0, step=123 + number_)
        plain = plain_distances(left, right)[:, order]
        named.append(order[np.argsort(plain, axis=1, kind="stable")[:, :2]])
    hits = sum(bool(set(a) & set(b)) for a, b in zip(*named, strict=True))
    (found,) = linkability(common(targets, synthetic), n_neighbours=2)
    assert found.success.value == pytest.approx(hits / 60)
    assert 0 < hits < 60


@pytest.mark.parametrize(("n", "k"), [(10, 1), (10, 4), (10, 6), (90, 2)])
def test_chance_of_a_link(n, k):
    assert _chance(n, k) == pytest.approx(1 - comb(n - k, k) / comb(n, k))


def test_linkability(files):
    fresh, copy = linkability(files)
    # the halves of many rows are not unique, and then it is luck
    assert copy.success.value > 0.5
    assert copy.risk.low > 0.45
    assert fresh.success.value < 0.05
    assert fresh.risk.low == 0.0
    assert fresh.baseline.value == pytest.approx(1 / 800)


def test_ties_make_no_links():
    """All rows equal: any synthetic row is nearest, and joining is luck."""
    columns = (levels("a", 2), levels("b", 2))
    rows = table(columns, [[0, 0]] * 199 + [[1, 1]])
    (found,) = linkability(common(rows, rows))
    assert found.success.value <= 0.02


def test_inference(files):
    keys = [name for name in files.real.names if name not in ("b", "g")]
    fresh, copy = inference_attack(files, keys, "b")
    assert copy.success.value > 0.95
    assert copy.risk.low > 0.5
    assert fresh.risk.low == 0.0
    assert fresh.is_strong
    assert fresh.baseline.value < 0.5
    assert (fresh.target, fresh.columns) == ("b", tuple(keys))


def test_right_guesses():
    """Numbers within 5 % of the guess; missing answers when both are the same one."""
    column = CodedColumn(
        "n", ("", "x"), True, 2, cuts=np.array([50.0]), numbers=np.array([0.0, 96.0, 100.0])
    )

    def numbers(*pairs):
        codes, of_numbers = np.array(pairs, np.uint8).T
        return CodedTable((column,), (codes,), len(codes), number_codes=(of_numbers,))

    guesses = numbers((3, 2), (3, 1), (3, 2), (0, 3), (0, 3), (2, 0), (0, 3))
    truth = numbers((3, 1), (3, 2), (2, 0), (0, 3), (1, 3), (2, 0), (3, 1))
    assert _right(truth, guesses, 0, 0.05).tolist() == [True, True, False, True, False, True, False]
    assert _right(truth, guesses, 0, 0.04).tolist()[:2] == [True, False]
    by_bin = [CodedTable(t.columns, t.codes, t.n_rows) for t in (truth, guesses)]
    assert _right(*by_bin, 0, 0.05).tolist() == [True, True, False, True, False, True, False]


def test_attacks_repeat(files):
    keys = ["a", "c", "d"]
    for attack in (
        lambda seed: singling_out(files, n_attacks=100, seed=seed),
        lambda seed: linkability(files, n_attacks=100, seed=seed),
        lambda seed: inference_attack(files, keys, "b", n_attacks=100, seed=seed),
    ):
        assert attack(1) == attack(1) != attack(2)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (lambda c: singling_out(c, ["a", "z"], n_columns=1), "no column 'z'"),
        (lambda c: singling_out(c, ["a", "b"], n_columns=3), "1 to 2"),
        (lambda c: singling_out(c, ["g", "x0"], mode="univariate"), "too few"),
        (lambda c: linkability(c, ["a"], ["a", "b"]), "1 of them in both"),
        (lambda c: linkability(c, ["a"]), "both sets"),
        (lambda c: linkability(c, ["a"], ["g"]), "more than one answer"),
        (lambda c: linkability(c, n_attacks=0), "at least one target"),
        (lambda c: inference_attack(c, ["a", "b"], "b"), "none of the keys"),
        (lambda c: inference_attack(c, ["a"], "z"), "no column 'z'"),
        (lambda c: inference_attack(c, [], "b"), "one or more"),
        (lambda c: inference_attack(c, ["a"], "b", tolerance=-1), "tolerance"),
    ],
)
def test_attacks_that_cannot_be(files, attack, message):
    with pytest.raises(IncomputableMetricError, match=message):
        attack(files)


def test_drawn_rows_are_any():
    """1,000 draws of ten rows: chi-square, false alarm 1e-4."""
    counts = np.bincount(drawn_rows(10, 1000, seed=4, step=9), minlength=10)
    assert len(counts) == 10
    assert ((counts - 100) ** 2 / 100).sum() < 33.7


def test_targets_are_needed():
    """One row a file is enough; none is refused, whichever file it is."""
    real = population(mixed(), 20, 0)
    one, none = real.take([3]), real.take([])
    targets, control = targets_of(one, real.take([5]), 1, seed=1, step=1)
    assert control is not None
    assert (targets.n_rows, control.n_rows) == (1, 1)
    for files in ((none, None), (none, real), (real, none)):
        with pytest.raises(IncomputableMetricError, match="at least one target, and rows"):
            targets_of(*files, 1, seed=1, step=1)
    with pytest.raises(IncomputableMetricError, match="at least one target, and rows"):
        targets_of(real, real, 0, seed=1, step=1)


def test_empty_files():
    real = population(mixed(), 20, 0)
    for codes in (common(real.take([]), real), common(real, real, holdout=real.take([]))):
        for attack in (singling_out, linkability):
            with pytest.raises(IncomputableMetricError, match="rows"):
                attack(codes)
