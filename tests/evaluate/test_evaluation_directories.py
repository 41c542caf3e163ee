"""Directories of runs are evaluated by what their manifest says."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gpusynth.errors import DataError
from gpusynth.evaluate import evaluate
from tests.evaluate.business_survey import SCHEMA, survey


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return survey(1500, 1)


def test_run_directory(real, tmp_path):
    """Files, schema and making come from the directory of a run."""
    run = tmp_path / "run"
    run.mkdir()
    for number in (1, 2):
        pq.write_table(survey(300, number), run / f"replicate_00{number}.parquet")
    manifest = {
        "outputs": [{"file": f"replicate_00{n}.parquet"} for n in (1, 2)],
        "seed": "42",
        "versions": {"gpusynth": "9.9"},
        "edits": [{"edit": "staff <= 9", "failed": 12, "repaired": 2, "real_rows_failing": 1}],
        "pooling": [{"stratum": ["RARE", "TINY"], "n_rows": 1, "fitted_on": ["sector"]}],
        "notes": ["a note"],
        "timings": {"wall_seconds": 1.25},
        "variables": [
            {"name": "sector", "kind": "categorical", "role": "synthesize",
             "steps": [{"method": "cart", "part": "state", "n_leaves": 4}]},
        ],
    }  # fmt: skip
    (run / "manifest.json").write_text(json.dumps(manifest))
    found = evaluate(real, run, schema=SCHEMA, quick=True)
    assert [file.name for file in found.synthetic] == [
        "replicate_001.parquet",
        "replicate_002.parquet",
    ]
    facts = {fact.name: fact.value for fact in found.making.facts}
    assert facts["seed"] == "42"
    assert facts["gpusynth"] == "9.9"
    edit, pooled = found.making.counts
    assert edit.name == "Edit: staff <= 9"
    assert {one.name: one.value for one in edit.counts} == {"failed": "12", "repaired": "2"}
    assert [(one.name, one.value) for one in pooled.counts] == [("fitted on sector", "1")]
    assert found.making.notes == ("a note",)
    assert "RARE" not in found.model_dump_json()
    assert found.making.variables[0].methods == ("cart (state)",)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"outputs": []}', '{"outputs": 3}',
     '{"outputs": [{"file": "x.parquet"}], "variables": [{"steps": 3}]}'],
)  # fmt: skip
def test_directory_that_is_no_run(real, tmp_path, text):
    if text:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json"):
        evaluate(real, tmp_path, schema=SCHEMA)


def test_runs_of_several_kinds_of_files(real, tmp_path):
    """A completed file of an imputation holds the real rows and is not judged as synthetic."""
    names = ("imputation_001", "synthesis_001_001", "synthesis_001_002")
    for number, name in enumerate(names):
        pq.write_table(survey(100, number), tmp_path / f"{name}.parquet")
    outputs = [
        {"file": f"{name}.parquet", "synthesis": place or None} for place, name in enumerate(names)
    ]

    def manifest(kind, outputs):
        (tmp_path / "manifest.json").write_text(json.dumps({"kind": kind, "outputs": outputs}))

    manifest("imputation", outputs)
    found = evaluate(real, tmp_path, schema=SCHEMA, quick=True)
    assert [file.name for file in found.synthetic] == [f"{name}.parquet" for name in names[1:]]
    manifest("imputation", outputs[:1])
    with pytest.raises(DataError, match="imputation without syntheses: its files hold real rows"):
        evaluate(real, tmp_path, schema=SCHEMA)
    manifest("linked", outputs)
    with pytest.raises(DataError, match="is a run of several files"):
        evaluate(real, tmp_path, schema=SCHEMA)
