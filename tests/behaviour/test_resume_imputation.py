"""Promise: an imputation that is cut short anywhere goes on to the same bytes."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Edit, Plan, Rule
from gpusynth.cli.main import main
from gpusynth.errors import CheckpointMismatchError, DataError
from gpusynth.imputation import ImputationRun
from gpusynth.imputation.chain import Chain
from gpusynth.imputation.traces import TraceRow
from gpusynth.operations import verify
from tests.behaviour.cut_runs import WORK, Cut, cut_off, cut_when_moved, files, flip
from tests.behaviour.killed_runs import after_each_line, some
from tests.imputation.conftest import BMI, people

PLAN = Plan(
    methods={**BMI, "income": "norm"},
    rules=(Rule(target="works", when="age < 20", value="false"),),
    edits=(Edit(holds="income < 20000"),),
    output={"shuffle_rows": True},
)
SETTINGS = {
    "n_imputations": 2,
    "n_syntheses": 2,
    "iterations": 3,
    "seed": 5,
    "threads": 2,
    "impute": {"income": [None], "height": [None], "weight": [None], "bmi": [None]},
    "methods": {"weight": "sample"},
    "predictors": {"height": ["age", "works"]},
    "visit": "file",
}


ITERATE = Chain.iterate


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "people.parquet"
    pq.write_table(people(200)[1], path)
    return path


def begin(data, out: Path, *, after: int | None = None, **options) -> ImputationRun:
    return gpusynth.impute_and_synthesize(
        data,
        None,
        PLAN,
        output=out,
        **{
            "checkpoints": True,
            "listener": None if after is None else Cut(after),
            **SETTINGS,
            **options,
        },
    )


def lasting(out: Path) -> dict:
    manifest = json.loads((out / "manifest.json").read_text())
    for name in ("timings", "peak_memory_bytes", "checkpoints", "threads"):
        manifest.pop(name)
    return manifest


@pytest.fixture(name="whole", scope="module")
def _whole(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    begin(data, out, checkpoints=False)
    return out


class CutAmidst(Cut):
    """Interrupts the first imputation when two iterations are finished and the third is under way.

    Nothing else can happen meanwhile, so that what is left is always the same.
    """

    def __init__(self) -> None:
        self.heard, self.made = 0, []
        self.is_under_way, self.is_cut = threading.Event(), threading.Event()

    def _hear(self) -> None:
        """Take no notice of other words."""

    def advance(self, label: str, *, work: int, rows: int) -> None:
        self.heard += label == "iteration"
        if self.heard == 2:
            self.is_under_way.wait(60)
            raise KeyboardInterrupt

    def iterate(self, chain: Chain, iteration: int) -> list[TraceRow]:
        """Iterate, in place of `Chain.iterate`."""
        self.made.append(iteration)
        if iteration == 3:
            self.is_under_way.set()
            self.is_cut.wait(60)
        return ITERATE(chain, iteration)

    def end(self) -> None:
        """Let what is under way go on, and wait for its end."""
        self.is_cut.set()
        for thread in threading.enumerate():
            if thread.name.startswith("gpusynth"):
                thread.join(60)


def cut_amidst(data, out: Path, **options) -> tuple[CutAmidst, KeyboardInterrupt]:
    cut = CutAmidst()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt) as interrupt:
        patch.setattr(Chain, "iterate", lambda chain, n: cut.iterate(chain, n))
        try:
            begin(data, out, listener=cut, threads=1, **options)
        finally:
            cut.end()
    return cut, interrupt.value


@pytest.fixture(name="half")
def _half(data, tmp_path) -> Path:
    """A run that was cut among the iterations."""
    _, interrupt = cut_amidst(data, tmp_path / "out")
    assert interrupt.__notes__ == [f"resume with: gpusynth resume {tmp_path / 'out'}"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [WORK]
    return tmp_path / "out"


def chains(out: Path) -> list[Path]:
    return sorted((out / WORK / "files").glob("chain_*"))


def test_the_same_bytes_after_a_kill(data, whole, tmp_path, monkeypatch):
    copies = after_each_line(lambda out: begin(data, out), tmp_path, monkeypatch)
    assert files(tmp_path / "unbroken") == files(whole)
    assert lasting(tmp_path / "unbroken") == lasting(whole)
    for killed in some(copies, about=10):
        gpusynth.resume_imputation(killed, threads=1)
        assert files(killed) == files(whole)
        assert lasting(killed) == lasting(whole)
        assert not (killed / WORK).exists()


def test_without_syntheses(data, tmp_path, monkeypatch):
    options = {"n_syntheses": 0, "visit": ["weight", "height", "income"], "format": "csv"}
    copies = after_each_line(lambda out: begin(data, out, **options), tmp_path, monkeypatch)
    for killed in some(copies, about=4)[:-1]:
        gpusynth.resume_imputation(killed)
        assert files(killed) == files(tmp_path / "unbroken")


def test_only_the_owner_may_read_what_is_put_down(half):
    inside = list((half / WORK).rglob("*"))
    assert {p.stat().st_mode & 0o777 for p in inside if p.is_file()} == {0o600}
    assert {p.stat().st_mode & 0o777 for p in inside if p.is_dir()} == {0o700}
    assert chains(half)


def test_iterations_are_not_made_again(half, whole, monkeypatch):
    made = []
    monkeypatch.setattr(Chain, "iterate", lambda self, n: made.append(n) or ITERATE(self, n))
    done = gpusynth.resume_imputation(half, threads=1)
    assert files(half) == files(whole)
    assert made == [3, 1, 2, 3]
    assert done.manifest["checkpoints"]["draws_found"] == 2


def test_a_run_that_was_cut_iterates_no_further(data, tmp_path):
    cut, _ = cut_amidst(data, tmp_path / "out", checkpoints=False, iterations=5)
    assert cut.made == [1, 2, 3]


@pytest.mark.parametrize("damage", [flip, cut_off, Path.unlink])
def test_damaged_files_are_computed_again(half, whole, damage):
    damaged = chains(half)
    for path in damaged:
        damage(path)
    done = gpusynth.resume_imputation(half)
    assert files(half) == files(whole)
    found = done.manifest["checkpoints"]["damaged_files"]
    assert found == ([] if damage is Path.unlink else [path.name for path in damaged])


def test_a_damaged_line(half, whole):
    journal = half / WORK / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"draw", b"drew")
    journal.write_bytes(b"".join(lines))
    done = gpusynth.resume_imputation(half)
    assert files(half) == files(whole)
    assert done.manifest["checkpoints"]["damaged_lines"] == 1


def test_changed_input(data, half, whole, tmp_path):
    other = tmp_path / "people.parquet"
    pq.write_table(people(200, seed=9)[1], other)
    with pytest.raises(CheckpointMismatchError, match="input data"):
        gpusynth.resume_imputation(half, other)
    shutil.copy(data, other)
    gpusynth.resume_imputation(half, other)
    assert files(half) == files(whole)


def test_changed_plan(half):
    plan = half / WORK / "plan_00001.toml"
    plan.write_text(plan.read_text().replace("norm", "sample"))
    with pytest.raises(CheckpointMismatchError, match="plan"):
        gpusynth.resume_imputation(half)


def test_another_version(half, monkeypatch):
    from gpusynth.engine.checkpoint import head

    pins = {**head.code_pins(), "version of numpy": "another"}
    monkeypatch.setattr(head, "code_pins", lambda: pins)
    with pytest.raises(CheckpointMismatchError, match=r"version of numpy: .*, another now"):
        gpusynth.resume_imputation(half)


def test_a_table_in_memory(data, whole, tmp_path):
    table, out = pq.read_table(data), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        begin(table, out, after=8, threads=1)
    with pytest.raises(DataError, match="table in memory"):
        gpusynth.resume_imputation(out)
    gpusynth.resume_imputation(out, table)
    for path in whole.glob("*.parquet"):
        assert pq.read_table(path).equals(pq.read_table(out / path.name))


def test_a_file_that_is_changed_meanwhile(data, tmp_path, monkeypatch):
    from gpusynth.imputation import run

    path = tmp_path / "people.parquet"
    shutil.copy(data, path)
    written = run._write_traces

    def meddle(*arguments: object) -> None:
        written(*arguments)
        pq.write_table(pa.table({"age": [1]}), path)

    monkeypatch.setattr(run, "_write_traces", meddle)
    with pytest.raises(DataError, match="was changed while it was imputed"):
        begin(path, tmp_path / "out", checkpoints=False)
    assert not (tmp_path / "out").exists()


def test_another_call_is_named(half):
    with pytest.raises(CheckpointMismatchError, match=r"gpusynth\.resume_imputation"):
        gpusynth.resume(half)


def test_cut_while_files_are_moved(data, tmp_path, whole):
    with cut_when_moved(tmp_path / "out", 3):
        begin(data, tmp_path / "out")
    done = gpusynth.resume_imputation(tmp_path / "out")
    assert files(tmp_path / "out") == files(whole)
    assert [len(paths) for paths in done.syntheses] == [2, 2]


def test_kept_models(data, tmp_path):
    begin(data, tmp_path / "out", keep_models=True)
    models = tmp_path / "out" / "models"
    assert sorted(path.name for path in models.iterdir()) == [
        *("CONFIDENTIAL.txt", "imputation_001", "imputation_002")
    ]
    assert list((models / "imputation_002").glob("model_*.gpusynth"))
    assert models.stat().st_mode & 0o777 == 0o700


def test_the_command(data, tmp_path, capsys, monkeypatch):
    from gpusynth.imputation import syntheses

    out, options = tmp_path / "out", ["impute", str(data), "--seed", "4", "--imputations", "2"]
    options += ["--iterations", "2", "--syntheses", "1", "--impute", "income=", "--method"]
    options += ["income=cart"]

    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(syntheses, "write_replicate", interrupted)
        assert main([*options, "--output", str(out)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"resume with: gpusynth resume {out}"
    assert main([*options, "--output", str(out)]) == 2
    assert "gpusynth resume" in capsys.readouterr().err
    assert main(["resume", str(out), "--data", str(data), "--data", str(data)]) == 2
    assert "more than once" in capsys.readouterr().err
    assert main(["resume", str(out), "--cluster", "local"]) == 2
    assert "an imputation" in capsys.readouterr().err
    assert main(["resume", str(out), "--data", str(data)]) == 0
    assert "synthesis_002_001.parquet" in capsys.readouterr().out
    assert main([*options, "--output", str(tmp_path / "whole"), "--no-checkpoints"]) == 0
    assert files(out) == files(tmp_path / "whole")
    assert main(["verify", str(out)]) == 0
    assert main(["resume", str(out)]) == 2


def test_verify(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    assert all(check.is_good for check in verify(out))
    shutil.copy(out / "synthesis_001_001.parquet", out / "synthesis_003_001.parquet")
    flip(out / "imputation_001.parquet")
    (out / "traces.csv").unlink()
    wrong = {check.what: check.found for check in verify(out) if not check.is_good}
    assert wrong == {
        "imputation_001.parquet": "altered",
        "synthesis_003_001.parquet": "no run wrote it",
        "traces.csv": "missing",
    }
