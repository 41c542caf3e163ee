"""Models of single steps through files: the same replicates as without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gpusynth import Plan, Strata
from gpusynth.engine import RunSettings, SilentListener, Stopwatch, prepare, resolve_input
from gpusynth.engine.delivery.output import to_table
from gpusynth.engine.files.step_files import are_storable, read_step_models, write_step_models
from gpusynth.engine.fitting import fit_step
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.synthesis import Synthesis
from gpusynth.errors import ModelFileError
from tests.behaviour.plan_survey import SCHEMA, survey

PLANS = {
    "cart": Plan(),
    "weighted forest": Plan(default={"method": "forest", "n_trees": 3}),
    "strata": Plan(strata=Strata(columns=("sector", "state"), min_rows=40)),
    "nested": Plan(methods={"county": {"method": "nested", "parent": "state"}}),
    "parametric": Plan(default="parametric"),
    "kept": Plan(
        methods={
            "state": "keep",
            "sector": "keep",
            "total": {"method": "passive", "expression": "cost + profit"},
        },
        smoothing={"cost": "density"},
    ),
    "proper": Plan(proper="bootstrap"),
}


def prepared_of(plan: Plan) -> Prepared:
    listener, stopwatch = SilentListener(), Stopwatch()
    resolved = resolve_input(
        survey(), SCHEMA, plan, batch_rows=1000, listener=listener, stopwatch=stopwatch
    )
    return prepare(resolved, batch_rows=1000, listener=listener, stopwatch=stopwatch)


def drawn(prepared: Prepared, models: Any, settings: RunSettings) -> list[Any]:
    synthesis = Synthesis(prepared, SilentListener(), Stopwatch())
    rows = synthesis.draw(settings, models=models)
    return [to_table(replicate, prepared.resolved, 1000) for replicate in rows]


@pytest.mark.parametrize("name", PLANS)
def test_models_that_were_on_disk_draw_the_same(name, tmp_path):
    settings = RunSettings(2, None, 7, 1, 1000, "parquet")
    prepared = prepared_of(PLANS[name])
    steps = prepared.plan.steps
    fitted = {step.number: fit_step(step, prepared, seed=7, n_replicates=2) for step in steps}
    files = {step.number: Path(tmp_path / f"{step.number}.model") for step in steps}
    for step in steps:
        assert are_storable(fitted[step.number])
        write_step_models(files[step.number], step, fitted[step.number], prepared)
    other = prepared_of(PLANS[name])  # as another process would make it
    read = {step.number: read_step_models(files[step.number], step, other) for step in steps}
    assert {k: m.size for k, m in read.items()} == {k: m.size for k, m in fitted.items()}
    for one, two in zip(
        drawn(prepared, fitted, settings), drawn(other, read, settings), strict=True
    ):
        assert one.equals(two)


def test_a_file_of_another_step_is_refused(tmp_path):
    prepared = prepared_of(Plan())
    first, second = prepared.plan.steps[:2]
    path = tmp_path / "1.model"
    write_step_models(path, first, fit_step(first, prepared), prepared)
    with pytest.raises(ModelFileError, match="of another step, plan or data than step 2"):
        read_step_models(path, second, prepared)
