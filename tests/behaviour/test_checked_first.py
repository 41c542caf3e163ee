"""Promise: what real rows rule out is told before anything is fitted, by `plan` and by a run."""

from __future__ import annotations

import pyarrow as pa
import pytest

import gpusynth
from gpusynth.errors import PlanError
from gpusynth.methods import CatAll, Constant, Lookup, Passive

N_ROWS = 120


class Phases:
    """A listener that remembers the phases."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def start(self, phase, work):
        self.begun.append(phase)

    def advance(self, label, *, work, rows):
        pass


@pytest.fixture(name="survey")
def _survey() -> pa.Table:
    rows = range(N_ROWS)
    return pa.table(
        {
            "sector": [f"s{i % 3}" for i in rows],
            "region": [f"r{i % 4}" for i in rows],
            "sales": [10 * (i % 31) for i in rows],
            "cost": [3 * (i % 29) for i in rows],
            "profit": [10 * (i % 31) - 3 * (i % 29) for i in rows],
        }
    )


CASES = {
    "a formula that does not hold": (
        {"profit": Passive(expression="sales + cost")},
        "sales \\+ cost does not hold in",
    ),
    "a formula of another kind": (
        {"profit": Passive(expression="sector")},
        "holds numbers, but the expression gives levels",
    ),
    "a constant that varies": ({"region": Constant()}, "more than one value \\(data row 2"),
    "a look-up that is none": (
        {"region": Lookup(column="sector")},
        "rows differ from an earlier row with the same 'sector'",
    ),
    "a cell that is said to be impossible": (
        {"region": CatAll(columns=("sector", "region"), structural_zeros=("sector = 's1'",))},
        "40 real rows are in cells that structural_zeros call impossible",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_told_before_the_first_fit(survey, case):
    methods, words = CASES[case]
    plan = gpusynth.Plan(methods=methods)
    with pytest.raises(PlanError, match=words):
        gpusynth.resolve_plan(survey, plan=plan)
    phases = Phases()
    with pytest.raises(PlanError, match=words):
        gpusynth.synthesize(survey, plan=plan, listener=phases)
    assert "encode" in phases.begun
    assert "fit and draw" not in phases.begun
