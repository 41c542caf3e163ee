"""satcat and catall: cells of real rows, back-off, priors and impossible cells."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gpusynth.errors import DataError, DeviceMemoryError, PlanError
from gpusynth.methods import CatAll, SatCat
from gpusynth.methods.saturated import weighted_rows
from gpusynth.methods.saturated_cells import make_cells
from gpusynth.table import Column, Table
from tests.methods.method_cases import Draws, coded, firms, step


def levels(columns: dict[str, np.ndarray]) -> Table:
    """Columns of levels, named by their numbers."""
    return coded(
        pa.table({name: pa.array(column.astype(str)) for name, column in columns.items()}),
        tuple(Column(name=name, kind="categorical", storage="string") for name in columns),
    )


@pytest.fixture(scope="module")
def survey() -> Table:
    return firms(2000, seed=31)


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=40), st.data())
@settings(max_examples=50, deadline=None)
def test_cells_are_found_as_deep_as_real_rows_go(rows, data):
    real = np.array(rows, np.uint8)
    cells = make_cells(
        [(name, real[:, at], 4) for at, name in enumerate("abc")], np.arange(len(real)), None
    )
    wanted = data.draw(st.tuples(*[st.integers(0, 3)] * 3))
    cell, depth = cells.find(lambda name: np.array([wanted["abc".index(name)]], np.uint8), 1)
    (first,), (end,) = cells.ranges(cell, depth)
    deepest = next(d for d in (3, 2, 1, 0) if (real[:, :d] == wanted[:d]).all(axis=1).any())
    assert depth[0] == deepest
    expected = np.flatnonzero((real[:, :deepest] == wanted[:deepest]).all(axis=1))
    assert sorted(cells.rows[first:end]) == expected.tolist()
    picked = {int(cells.pick(np.array([first]), np.array([end]), np.array([share]))[0])
              for share in np.linspace(0, 1, 200, endpoint=False)}  # fmt: skip
    assert picked == set(expected.tolist())


def test_rows_without_a_weight_take_no_part():
    table = levels({"a": np.array([0, 1, 0, 1, 0])})
    weight = np.array([0.0, 3.0, 1.0, 0.0, 2.0])
    rows, found = weighted_rows(step(table, "a", weight=weight), weighted=True)
    assert rows.tolist() == [1, 2, 4]
    assert found.tolist() == [1.5, 0.5, 1.0]
    some = step(table, "a", weight=weight, rows=np.array([0, 3, 4]))
    assert [one.tolist() for one in weighted_rows(some, weighted=True)] == [[4], [1.0]]
    none = step(table, "a", weight=weight, rows=np.array([0, 3]))
    for data, weighted in ((none, True), (some, False)):
        rows, found = weighted_rows(data, weighted=weighted)
        assert rows.tolist() == data.rows.tolist()
        assert found is None


def test_satcat_draws_what_the_cell_has(survey):
    predictors = ("sector", "region")
    model = SatCat().fit(step(survey, "industry", predictors))
    assert model.size.depth == 2
    codes, _ = Draws(model, survey, predictors)()
    columns = [survey.codes[name] for name in predictors]
    real = set(zip(*columns, survey.codes["industry"], strict=True))
    assert set(zip(*columns, codes, strict=True)) <= real


def test_satcat_follows_the_shares_of_the_cell(survey):
    draws = Draws(SatCat().fit(step(survey, "legal", ("exports",))), survey)
    drawn = np.concatenate([draws(replicate=r)[0] for r in range(1, 21)])
    given_exports = np.tile(survey.codes["exports"], 20)
    for exports in (0, 1):
        here = survey.codes["exports"] == exports
        expected = np.bincount(survey.codes["legal"][here], minlength=3) * 20
        counts = np.bincount(drawn[given_exports == exports], minlength=3)
        assert ((counts - expected) ** 2 / expected).sum() < stats.chi2.ppf(1 - 1e-5, 2)


def test_satcat_leaves_the_last_predictor_out_where_a_cell_is_empty():
    a, b, y = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1], [1, 0, 2]]).T
    table = levels({"a": a, "b": b, "y": y})
    model = SatCat().fit(step(table, "y", ("a", "b"), rows=np.array([0, 1, 2, 3], np.int32)))
    codes, _ = Draws(model, table)()
    # Row 4 has a = 1 and b = 0, which no fitted row has: those with a = 1 serve.
    assert table.codecs["y"].decode(codes, None).to_pylist() == ["0", "0", "1", "1", "1"]


def test_satcat_hands_on_exact_numbers_and_their_missing_codes(survey):
    model = SatCat().fit(step(survey, "staff", ("sector",)))
    codes, _ = Draws(model, survey)()
    pairs = set(zip(survey.codes["sector"], survey.codes["staff"], strict=True))
    assert set(zip(survey.codes["sector"], codes, strict=True)) <= pairs
    assert (codes == 0).any()


def test_satcat_by_too_many_numbers():
    n = 70_000
    table = coded(
        pa.table(
            {"x": np.random.default_rng(1).normal(size=n), "y": pa.array(["a", "b"] * 35_000)}
        ),
        (
            Column(name="x", kind="numeric", storage="double"),
            Column(name="y", kind="categorical", storage="string"),
        ),
    )
    with pytest.raises(PlanError, match="'y' has the method satcat, but 'x' has too many"):
        SatCat().fit(step(table, "y", ("x",)))
    with pytest.raises(PlanError, match="'x' has the method catall and too many"):
        CatAll().fit(step(table, "x", ("y",)))


def test_satcat_without_rows(survey):
    with pytest.raises(DataError, match="'legal' has no rows"):
        SatCat().fit(step(survey, "legal", ("sector",), rows=np.zeros(0, np.int32)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("zeros", [(), ("a = '1' and c = '2'", "a = '0' and b = '1' and c = '0'")])
def test_catall_is_the_joint_draw(zeros, weighted):
    """Column by column, every cell comes up in proportion to n + prior / cells."""
    random = np.random.default_rng(5)
    a, b, c = (random.integers(0, k, 60) for k in (2, 2, 3))
    keep = ~(((a == 1) & (c == 2)) | ((a == 0) & (b == 1) & (c == 0)))
    columns = {"a": a[keep], "b": b[keep], "c": c[keep]}
    table = levels(columns)
    weight = random.integers(1, 4, keep.sum()).astype(float) if weighted else None
    method = CatAll(columns=("a", "b", "c"), prior=20.0, structural_zeros=zeros, weighted=weighted)
    n = 20_000
    synthetic = Table(table.schema, table.codecs, {k: np.zeros(n, np.uint8) for k in "abc"}, {}, n)
    for at, name in enumerate("abc"):
        model = method.fit(step(table, name, tuple("abc"[:at]), weight=weight))
        draws = Draws(model, synthetic)
        draws.key = draws.key.at(step=at + 1)
        synthetic.codes[name] = draws()[0]
    impossible = {(1, 0, 2), (1, 1, 2), (0, 1, 0)} if zeros else set()
    cells = list(itertools.product(range(2), range(2), range(3)))
    possible = [cell for cell in cells if cell not in impossible]
    shares = np.ones(keep.sum()) if weight is None else weight / weight.mean()
    expected = {cell: 20.0 / len(possible) for cell in possible}
    for cell, share in zip(zip(*columns.values(), strict=True), shares, strict=True):
        expected[tuple(int(v) for v in cell)] += share
    drawn = dict.fromkeys(cells, 0)
    for cell in zip(*(synthetic.codes[name].tolist() for name in "abc"), strict=True):
        drawn[cell] += 1
    assert not any(drawn[cell] for cell in impossible)
    total = sum(expected.values())
    chi2 = sum(
        (drawn[cell] - n * expected[cell] / total) ** 2 / (n * expected[cell] / total)
        for cell in possible
    )
    assert chi2 < stats.chi2.ppf(1 - 1e-4, len(possible) - 1)


def test_catall_without_prior_draws_cells_of_real_rows_only(survey):
    predictors = ("sector", "region")
    model = CatAll(prior=0).fit(step(survey, "industry", predictors))
    codes, _ = Draws(model, survey, predictors)()
    columns = [survey.codes[name] for name in predictors]
    real = set(zip(*columns, survey.codes["industry"], strict=True))
    assert set(zip(*columns, codes, strict=True)) <= real


def test_catall_with_prior_draws_new_cells(survey):
    model = CatAll(prior=1e6).fit(step(survey, "legal", ("sector",)))
    counts = np.bincount(Draws(model, survey)()[0], minlength=3)
    assert ((counts - 2000 / 3) ** 2 / (2000 / 3)).sum() < stats.chi2.ppf(1 - 1e-5, 2)


def test_real_rows_in_impossible_cells_are_an_error(survey):
    method = CatAll(structural_zeros=("sector = '20' and exports",))
    wrong = (survey.codes["sector"] == 0) & (survey.codes["exports"] == 1)
    row = int(np.argmax(wrong)) + 1
    with pytest.raises(PlanError, match=rf"'exports': {wrong.sum()} real rows .*data row {row} "):
        method.fit(step(survey, "exports", ("sector",)))


def test_structural_zeros_of_columns_outside_of_the_table(survey):
    with pytest.raises(PlanError, match=r"structural_zeros 1 of 'exports': column 'age' is not in"):
        CatAll(structural_zeros=("age > 3",)).fit(step(survey, "exports", ("sector",)))


def test_the_columns_of_a_table(survey):
    fit = CatAll(columns=("sector", "exports")).fit
    assert fit(step(survey, "exports", ("sector",))).cells.columns == ("sector",)
    assert fit(step(survey, "sector", ("legal",))).cells.columns == ()
    with pytest.raises(PlanError, match="'legal' has the method catall, but is not among"):
        fit(step(survey, "legal", ("sector",)))
    with pytest.raises(PlanError, match="'sector' before it, but 'sector' does not predict"):
        fit(step(survey, "exports", ("legal",)))
    with pytest.raises(PlanError, match="unknown column: 'exprots'"):
        CatAll(columns=("sector", "exprots")).fit(step(survey, "sector"))


def test_too_many_cells_to_list(survey, monkeypatch):
    monkeypatch.setattr("gpusynth.methods.possible_cells._MOST_CELLS", 10)
    data = step(survey, "industry", ("sector",))
    with pytest.raises(DeviceMemoryError, match=r"'industry': .* 100 cells; .* needs 800 bytes"):
        CatAll(structural_zeros=("sector = '99'",)).fit(data)
    assert CatAll().fit(data).possible.cumulative is None
