"""The lines after a run that say what was done besides drawing columns."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Plan
from gpusynth.cli.main import main
from tests.behaviour.plan_survey import SCHEMA, survey

PLAN = """
[tails.profit]
kind = "noise"
share = 0.05

[replicated_uniques]
keys = ["sector", "staff", "pay"]
action = "ACTION"

[[edits]]
holds = "income <= 3000 or age > 30"

[[calibrate]]
weight = "weight"
margins = [{ columns = ["sector"] }]
"""


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    weight = pa.array([1.5, 2.5, 3.5, 4.5] * 100)
    pq.write_table(survey(400).append_column("weight", weight), path)
    return path


@pytest.mark.parametrize(
    ("action", "done"),
    [
        ("redraw", r"\d+ draws were made again, \d+ rows were replaced"),
        ("remove", r"[1-9]\d* were removed"),
    ],
)
def test_every_feature_has_its_line(data, tmp_path, capsys, action, done):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("ACTION", action))
    options = ["--data", str(data), "--plan", str(plan), "--no-utility"]
    assert main(["run", *options, "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    for line in (
        r"edit .*: [\d,]+ rows failed at first, [\d,]+ were repaired",
        r"tails of profit: noise, for [1-9]\d* real rows",
        rf"replicated uniques on sector, staff, pay: [1-9]\d* rows found, {done}",
        r"calibration of weight \(raking\): worst deviation [\d.]+ % before, [\d.e-]+ % after",
    ):
        assert len(re.findall(f"^{line}$", said, re.MULTILINE)) == 1
    assert "resumed" not in said


def test_a_plain_run_has_none_of_them(data, tmp_path, capsys):
    options = ["--data", str(data), "--no-utility", "--output", str(tmp_path / "out")]
    assert main(["run", *options]) == 0
    said = capsys.readouterr().out
    assert not re.search("^(edit|tails|replicated|calibration|resumed)", said, re.MULTILINE)


def test_a_resumed_run_says_so(data, tmp_path, capsys):
    class Cut:
        left = 13

        def start(self, phase: str, work: int | None) -> None:
            self.advance(phase, work=0, rows=0)

        def advance(self, label: str, *, work: int, rows: int) -> None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    out = tmp_path / "out"
    schema = SCHEMA.model_copy(
        update={
            "columns": (
                *SCHEMA.columns,
                gpusynth.Column(name="weight", kind="numeric", storage="double"),
            )
        }
    )
    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize(data, schema, Plan(), output=out, checkpoints=True, listener=Cut())
    assert main(["resume", str(out)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^resumed 1 time: [1-9]\d* columns were found drawn$", said, re.MULTILINE)
