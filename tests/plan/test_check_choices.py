"""Choices that contradict the schema or each other are refused before anything is resolved."""

from __future__ import annotations

import sys

import pytest

from gpusynth.errors import BackendUnavailableError, PlanError
from gpusynth.plan import Edit, Partial, Plan, Rule, Strata, resolve
from gpusynth.plan.check_choices import check_choices, is_kept, started_columns

SUM = {"method": "passive", "expression": "staff + 1", "verify": False}


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"never_predict": ["x"]}, "never_predict: unknown column 'x'"),
        ({"predict_only": ["firm"]}, "'firm' has role key"),
        ({"resynthesize": ["x"]}, "resynthesize: unknown column 'x'"),
        ({"smoothing": {"x": "density"}}, "smoothing: unknown column 'x'"),
        ({"smoothing": {"state": "density"}}, "only numbers can be smoothed"),
        ({"smoothing": {"sales": "density"}, "methods": {"sales": SUM}}, "kept or computed"),
        ({"smoothing": {"sales": "density"}, "predict_only": ["sales"]}, "kept or computed"),
        ({"strata": ["x"]}, "strata: unknown column 'x'"),
        ({"strata": ["firm"]}, "'firm' has role key"),
        ({"partial": Partial(columns=("x",))}, "partial: unknown column 'x'"),
        ({"partial": Partial(columns=("sales",), rows="x > 1")}, "partial: unknown column 'x'"),
        (
            {"partial": Partial(columns=("sales",)), "methods": {"sales": "keep"}},
            "'sales' is to be synthesized by partial, but is kept",
        ),
        (
            {"partial": Partial(columns=("state",)), "strata": ["state"]},
            "'state' is to be synthesized by partial, but is a stratum",
        ),
        ({"partial": Partial(columns=("sales",)), "resynthesize": ["state"]}, "resynthesize"),
        ({"partial": Partial(columns=("sales",)), "predict_only": ["state"]}, "predict_only"),
        ({"edits": [Edit(holds="x > 1")]}, "edit 'x > 1': unknown column 'x'"),
        ({"edits": [Edit(holds="firm > 1")]}, "'firm' has role key"),
        ({"edits": [Edit(holds="1 < 2")]}, "names no column"),
        ({"edits": [Edit(holds="staff > 1")], "predict_only": ["staff"]}, "only for columns that"),
        ({"rules": [Rule(target="x", when="staff = 0")]}, "'x'"),
        ({"rules": [Rule(target="sales", when="x = 0")]}, "'x'"),
        ({"rules": [Rule(target="firm", when="staff = 0")]}, "'firm'"),
        ({"rules": [Rule(target="state", when="staff = 0")], "strata": ["state"]}, "is kept"),
        ({"resynthesize": ["state"], "strata": ["state"]}, "'state' is a stratum"),
        (
            {"resynthesize": ["staff"], "rules": [Rule(target="sales", when="staff = 0")]},
            "'staff' is drawn anew at the end, after the rule of 'sales'",
        ),
        (
            {"resynthesize": ["staff"], "methods": {"sales": SUM}},
            "'staff' is drawn anew at the end, after the method passive of 'sales'",
        ),
        ({"start_table": "x.csv"}, "no column is kept"),
        (
            {
                "start_table": "x.csv",
                "strata": Strata(columns=("state",), sizes=({"levels": ("a",), "rows": 1},)),
            },
            "strata cannot ask for sizes",
        ),
        ({"default": "keep"}, "the default method cannot be keep"),
        ({"predictors": {"sales": ["staff"]}, "methods": {"sales": "sample"}}, "uses none"),
    ],
)
def test_refused(choices, words, survey):
    schema, codecs = survey()
    with pytest.raises(PlanError, match=words):
        resolve(schema, codecs, Plan(**choices))


@pytest.mark.parametrize("kind", ["density", "spline"])
def test_smoothing_asks_for_scipy_at_once(kind, survey, monkeypatch):
    schema, codecs = survey()
    monkeypatch.setitem(sys.modules, "scipy", None)
    resolve(schema, codecs, Plan(smoothing={"sales": "rmean"}))
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[parametric\]"):
        resolve(schema, codecs, Plan(smoothing={"sales": kind}))


def test_roles_are_choices_too(survey):
    schema, _ = survey(state="stratum", sector="keep", fax="drop")
    for choices, words in (
        ({"resynthesize": ["state"]}, "'state' is a stratum"),
        ({"partial": Partial(columns=("sector",))}, "but is kept"),
        ({"methods": {"state": "cart"}}, "has role stratum"),
        ({"edits": [Edit(holds="fax = 'a'")]}, "'fax' has role drop"),
    ):
        with pytest.raises(PlanError, match=words):
            check_choices(Plan(**choices), schema)
    check_choices(Plan(resynthesize=["sector"]), schema)


def test_what_starts_every_row(survey):
    schema, _ = survey(state="stratum")
    assert started_columns(Plan(), schema) == ("state",)
    more = Plan(predict_only=["fax"], resynthesize=["sector"], methods={"staff": "keep"})
    assert started_columns(more, schema) == ("state", "sector", "staff", "fax")
    partial = Plan(partial=Partial(columns=("sales", "weight")))
    assert started_columns(partial, schema) == ("state", "sector", "staff", "fax")
    assert not is_kept("firm", partial, schema)
