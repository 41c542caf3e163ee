"""What holds for every method: blocks, positions, attempts and repeated rows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError
from gpusynth.methods import METHODS, Block, StepData, parse_method
from gpusynth.table import Table
from tests.methods.method_cases import KEY, Draws, firms, step

P = ("sector", "region", "age", "staff", "legal")


@dataclass(frozen=True)
class Case:
    method: str | dict
    target: str
    predictors: tuple[str, ...] = P
    part: str = "whole"
    is_random: bool = True

    def __str__(self) -> str:
        return "-".join(
            (*(str(v) for v in (self.name, self.target, self.part)), *map(str, self.settings))
        )

    @property
    def name(self) -> str:
        return self.method if isinstance(self.method, str) else self.method["method"]

    @property
    def settings(self) -> tuple[str, ...]:
        return () if isinstance(self.method, str) else tuple(self.method)[1:]

    def data(self, table: Table, **options) -> StepData:
        return step(table, self.target, self.predictors, part=self.part, **options)


CASES = [
    Case("cart", "industry"),
    Case("sample", "sales", ()),
    Case("bag", "sales"),
    Case({"method": "bag", "n_trees": 3, "weighted": True}, "industry"),
    Case("forest", "industry"),
    Case({"method": "forest", "n_trees": 4, "columns_per_split": 2, "weighted": True}, "sales"),
    Case({"method": "nested", "parent": "sector"}, "industry"),
    Case({"method": "nested", "parent": "sector", "min_rows": 300, "weighted": True}, "industry"),
    Case({"method": "lookup", "column": "industry"}, "sector", (), is_random=False),
    Case("norm", "profit"),
    Case("norm", "staff", ("sector", "age"), "value"),
    Case({"method": "norm", "weighted": True}, "profit"),
    Case("lognorm", "sales"),
    Case("sqrtnorm", "sales"),
    Case("cubertnorm", "profit"),
    Case("normrank", "sales"),
    Case({"method": "normrank", "weighted": True}, "staff", ("sector",), "value"),
    Case("pmm", "sales"),
    Case({"method": "pmm", "weighted": True}, "sales", ("sector", "legal")),
    Case("logreg", "exports"),
    Case("polyreg", "industry", ("age", "region")),
    Case("polyreg", "region", ("age", "sector", "staff")),
    Case("polr", "size"),
    Case("parametric", "staff", ("sector", "age"), "state"),
    Case({"method": "parametric", "weighted": True}, "sales"),
    Case("satcat", "sales", ("sector", "region")),
    Case({"method": "satcat", "weighted": True}, "industry", ("sector", "region", "legal")),
    Case("catall", "legal", ("sector", "region")),
    Case({"method": "catall", "prior": 500.0, "weighted": True}, "legal", ("sector", "region")),
]


@pytest.fixture(scope="module")
def survey() -> Table:
    return firms(1500)


@pytest.fixture(scope="module")
def weight(survey) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 5, survey.n_rows).astype(float)


_drawn: dict[str, Draws] = {}


def draws_of(case: Case, survey: Table, weight: np.ndarray) -> Draws:
    if str(case) not in _drawn:
        model = parse_method(case.method).fit(case.data(survey, weight=weight))
        _drawn[str(case)] = Draws(model, survey, case.predictors)
    return _drawn[str(case)]


def same(drawn, other) -> bool:
    return all(
        (a is None and b is None) or (a.dtype == b.dtype and np.array_equal(a, b))
        for a, b in zip(drawn, other, strict=True)
    )


def taken(drawn, at):
    return tuple(None if column is None else column[at] for column in drawn)


def test_every_method_has_a_case():
    elsewhere = {"keep", "follow", "constant", "passive"}  # they use no random number of their own
    own = {name for name, method in METHODS.items() if not method.whole_file}
    assert {case.name for case in CASES} == own - elsewhere


@pytest.mark.parametrize("case", CASES, ids=str)
def test_blocks_never_matter(survey, weight, case):
    draws = draws_of(case, survey, weight)
    whole = draws()
    cuts = [0, 1, 2, 64, 701, 1024, survey.n_rows]
    for first, end in itertools.pairwise(cuts):
        assert same(draws(first, end - first), taken(whole, slice(first, end)))


@pytest.mark.parametrize("case", CASES, ids=str)
@given(
    positions=st.sets(st.integers(0, 1499), max_size=50),
    first=st.integers(0, 1499),
    attempt=st.integers(0, 3),
)
@settings(max_examples=5, deadline=None, derandomize=True)
def test_some_rows_are_drawn_as_if_all_were(survey, weight, case, positions, first, attempt):
    draws = draws_of(case, survey, weight)
    chosen = np.array(sorted(p for p in positions if p >= first), np.int32)
    whole = draws(attempt=attempt)
    some = draws(first, positions=chosen - np.int32(first), attempt=attempt)
    assert same(some, taken(whole, chosen))


@pytest.mark.parametrize("case", [c for c in CASES if c.is_random], ids=str)
def test_attempts_and_replicates_draw_anew(survey, weight, case):
    draws = draws_of(case, survey, weight)
    first = draws()
    assert not same(first, draws(attempt=1))
    assert not same(first, draws(replicate=2))
    assert same(first, draws())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_repeated_row_counts_as_often_as_it_is_named(survey, weight, case):
    random = np.random.default_rng(8)
    rows = np.sort(random.integers(0, survey.n_rows, survey.n_rows)).astype(np.int32)
    repeated = Table(
        survey.schema,
        survey.codecs,
        {name: codes[rows] for name, codes in survey.codes.items()},
        {name: values[rows] for name, values in survey.values.items()},
        survey.n_rows,
    )
    method = parse_method(case.method)
    by_rows = method.fit(case.data(survey, weight=weight, rows=rows))
    by_table = method.fit(case.data(repeated, weight=weight[rows]))
    drawn = Draws(by_rows, survey, case.predictors)()
    assert same(drawn, Draws(by_table, survey, case.predictors)())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_rows_that_take_part_are_learnt_from(survey, weight, case):
    """With the other rows' target changed, the draws stay."""
    rows = np.flatnonzero(survey.codes["legal"] != 1).astype(np.int32)
    codec = survey.codecs[case.target]
    other = survey.codes[case.target].copy()
    outside = np.setdiff1d(np.arange(survey.n_rows), rows)
    other[outside] = codec.n_codes - 1
    changed = replace(survey, codes={**survey.codes, case.target: other})
    method = parse_method(case.method)
    models = [method.fit(case.data(t, weight=weight, rows=rows)) for t in (survey, changed)]
    drawn = [Draws(model, survey, case.predictors)() for model in models]
    assert same(*drawn)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_without_rows_to_draw(survey, weight, case):
    draws = draws_of(case, survey, weight)
    codes, values = draws(positions=np.zeros(0, np.int32))
    assert len(codes) == 0
    assert values is None or len(values) == 0


@pytest.mark.parametrize("case", [c for c in CASES if c.predictors], ids=str)
def test_one_real_row(survey, weight, case):
    rows = np.array([np.flatnonzero((survey.codes["staff"] > 1) & (weight > 0))[0]], np.int32)
    model = parse_method(case.method).fit(case.data(survey, weight=weight, rows=rows))
    if case.name not in ("nested", "catall"):  # those know other rows, and other cells
        codes, values = Draws(model, survey, case.predictors)()
        assert len(np.unique(codes)) == 1
        assert values is None or len(np.unique(values)) == 1


PARAMETRIC = [c for c in CASES if "max_levels" in METHODS[c.name].model_fields]


@pytest.mark.parametrize("case", PARAMETRIC, ids=str)
def test_no_rows_at_all(survey, weight, case):
    data = case.data(survey, weight=weight, rows=np.zeros(0, np.int32))
    with pytest.raises(DataError, match=f"'{case.target}' has no rows to learn from"):
        parse_method(case.method).fit(data)


@pytest.mark.parametrize("case", PARAMETRIC, ids=str)
def test_no_predictors(survey, weight, case):
    """A parametric method without predictors draws from the column's own distribution."""
    alone = replace(case, predictors=())
    model = parse_method(case.method).fit(alone.data(survey, weight=weight))
    codes, _ = Draws(model, survey)()
    assert len(codes) == survey.n_rows
    assert len(np.unique(codes)) > 1


@pytest.mark.parametrize("case", PARAMETRIC, ids=str)
def test_weights_that_are_all_zero_count_alike(survey, case):
    method = parse_method(case.method)
    zero = method.fit(case.data(survey, weight=np.zeros(survey.n_rows)))
    ones = method.fit(case.data(survey, weight=np.ones(survey.n_rows)))
    drawn = [Draws(model, survey, case.predictors)() for model in (zero, ones)]
    if case.name in ("logreg", "polyreg", "polr") or not method.is_weighted:
        assert same(*drawn)
    else:
        # Equal weights are summed, no weights are counted: the same up to rounding.
        assert (drawn[0][0] == drawn[1][0]).mean() > 0.99


def test_threads_never_matter(survey, weight):
    from threadpoolctl import threadpool_limits

    for name, target in (("norm", "profit"), ("polyreg", "legal"), ("polr", "size")):
        case = Case(name, target, ("sector", "region", "age"))
        drawn = []
        for threads in (1, 2):
            with threadpool_limits(threads):
                model = parse_method(name).fit(case.data(survey), n_threads=threads)
                drawn.append(Draws(model, survey, case.predictors)())
        assert same(*drawn)


def test_a_block_far_into_a_large_file(survey, weight):
    case = CASES[0]
    draws = draws_of(case, survey, weight)
    block = Block((1 << 40) - survey.n_rows, survey.n_rows, 1 << 40, attempt=3)
    codes, _ = draws.model.draw(draws.columns(0, survey.n_rows), KEY, block)
    assert len(np.unique(codes)) > 10
