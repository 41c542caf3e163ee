"""Strata as a plan states them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gpusynth.plan import Plan, Strata, StratumSize, resolve
from gpusynth.table import Column


@pytest.mark.parametrize(
    ("choices", "stages"),
    [
        ({"columns": ("state", "sector")}, (("state", "sector"), ("sector",), ())),
        ({"columns": ("a", "b", "c")}, (("a", "b", "c"), ("b", "c"), ("c",), ())),
        ({"columns": ("state",)}, (("state",), ())),
        (
            {"columns": ("state", "sector"), "pool": (("state",), ("sector",))},
            (("state", "sector"), ("state",), ("sector",), ()),
        ),
        ({"columns": ("state", "sector"), "pool": ((),)}, (("state", "sector"), ())),
        ({"columns": ("state", "sector"), "pool": ()}, (("state", "sector"), ())),
    ],
)
def test_stages(choices, stages):
    assert Strata(**choices).stages == stages


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"columns": ()}, "at least 1 item"),
        ({"columns": ("a",), "min_rows": 0}, "greater than or equal to 1"),
        ({"columns": ("a",), "pool": (("b",),)}, "pool names 'b'"),
        ({"columns": ("a",), "sizes": ()}, "at least 1 item"),
        ({"columns": ("a",), "sizes": "some"}, "fixed"),
        ({"columns": ("a", "b"), "sizes": [{"levels": ("x",), "rows": 3}]}, "1 levels for 2"),
        (
            {"columns": ("a",), "sizes": [{"levels": ("x",), "rows": n} for n in (3, 4)]},
            "name a stratum twice",
        ),
        ({"columns": ("a",), "sizes": [{"levels": ("x",), "rows": 0}]}, "no rows at all"),
        ({"columns": ("a",), "sizes": [{"levels": ("x",), "rows": -1}]}, "greater than or equal"),
        ({"columns": ("a",), "size": 3}, "Extra inputs"),
    ],
)
def test_what_strata_cannot_say(choices, words):
    with pytest.raises(ValidationError, match=words):
        Strata(**choices)


def test_a_list_of_columns_is_enough():
    assert Plan(strata=["state"]).strata == Strata(columns=("state",))
    size = StratumSize(levels=("TX",), rows=3)
    assert Plan(strata={"columns": ["state"], "sizes": [size]}).strata.sizes == (size,)


def test_smallest_size_is_settled_by_the_number_of_variables(survey):
    schema, codecs = survey()
    plan = resolve(schema, codecs, Plan(strata=["state"]))
    drawn = [name for name in plan.visit if name not in plan.kept]
    assert plan.kept == ("state",)
    assert plan.strata == Strata(columns=("state",), min_rows=10 + 10 * len(drawn))
    assert resolve(schema, codecs, Plan(strata=Strata(columns=("state",), min_rows=7))).strata == (
        Strata(columns=("state",), min_rows=7)
    )
    assert resolve(schema, codecs, Plan()).strata is None


def test_the_role_stratum_is_a_stratum(survey):
    schema, codecs = survey(state="stratum", sector="stratum")
    assert isinstance(schema["state"], Column)
    plan = resolve(schema, codecs, Plan())
    assert plan.strata is not None
    assert plan.strata.columns == ("state", "sector")
    assert plan.kept == ("state", "sector")
