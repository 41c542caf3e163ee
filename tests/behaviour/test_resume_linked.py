"""Promise: a run of linked files that is cut short anywhere goes on to the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Edit, Link, Plan
from gpusynth.cli.main import main
from gpusynth.datasets import firms_and_establishments
from gpusynth.errors import CheckpointMismatchError, DataError, OutputError, PlanError
from gpusynth.operations import verify
from tests.behaviour.cut_runs import WORK, Cut, cut_off, cut_when_moved, files, flip
from tests.behaviour.killed_runs import after_each_line, some

LINKS = [Link(child="places", parent="firms", key="firm_id", sequential=3)]
PLANS = {
    "firms": Plan(output={"shuffle_rows": True}),
    "places": Plan(
        methods={"payroll": "norm"},
        edits=(Edit(holds="employees < 500"),),
        output={"shuffle_rows": True},
        never_predict=["sector"],
    ),
}
PROPER = {name: Plan(proper="bootstrap", max_predictors=3) for name in PLANS}
SETTINGS = {"n_replicates": 2, "seed": 5, "threads": 2}


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("real")
    firms, places = firms_and_establishments(80, seed=3)
    pq.write_table(firms, place / "firms.parquet")
    pq.write_table(places, place / "places.parquet")
    return {"firms": place / "firms.parquet", "places": place / "places.parquet"}


class CutAmongChildren(Cut):
    """A listener that interrupts the run after so many rounds of children."""

    is_near = False

    def start(self, phase: str, work: int | None) -> None:
        self.is_near = phase.startswith("draw places")

    def advance(self, label: str, *, work: int, rows: int) -> None:
        if self.is_near:
            self._hear()


def begin(data, out: Path, plans=PLANS, *, after: int | None = None, **options):
    return gpusynth.synthesize_linked(
        data,
        LINKS,
        plans=plans,
        output=out,
        checkpoints=True,
        listener=None if after is None else CutAmongChildren(after),
        **SETTINGS,
        **options,
    )


def lasting(out: Path) -> dict:
    manifest = json.loads((out / "manifest.json").read_text())
    for name in ("timings", "peak_memory_bytes", "checkpoints", "threads"):
        manifest.pop(name)
    for entry in manifest["inputs"].values():
        entry.pop("timings")
        for variable in entry["variables"]:
            for step in variable["steps"]:
                for name in [name for name in step if name.endswith("seconds")]:
                    del step[name]
    return manifest


@pytest.fixture(name="whole", scope="module")
def _whole(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    gpusynth.synthesize_linked(data, LINKS, plans=PLANS, output=out, **SETTINGS)
    return out


@pytest.fixture(name="half")
def _half(data, tmp_path) -> Path:
    """A run that was cut in the middle of the children."""
    with pytest.raises(KeyboardInterrupt) as interrupt:
        begin(data, tmp_path / "out", after=4)
    assert interrupt.value.__notes__ == [f"resume with: gpusynth resume {tmp_path / 'out'}"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [WORK]
    return tmp_path / "out"


def test_the_same_bytes_after_a_kill(data, whole, tmp_path, monkeypatch):
    copies = after_each_line(lambda out: begin(data, out), tmp_path, monkeypatch)
    assert files(tmp_path / "unbroken") == files(whole)
    assert lasting(tmp_path / "unbroken") == lasting(whole)
    for killed in some(copies, about=7):
        gpusynth.resume_linked(killed, threads=1)
        assert files(killed) == files(whole)
        assert lasting(killed) == lasting(whole)
        assert not (killed / WORK).exists()


def test_the_device_may_be_another(half, whole):
    with pytest.raises(PlanError, match="device must be cpu, cuda or auto"):
        gpusynth.resume_linked(half, device="gpu")
    gpusynth.resume_linked(half, device="auto")
    assert files(half) == files(whole)


def test_a_proper_synthesis(data, tmp_path, monkeypatch):
    copies = after_each_line(lambda out: begin(data, out, PROPER), tmp_path, monkeypatch)
    for killed in some(copies, about=4)[1:-1]:
        gpusynth.resume_linked(killed)
        assert files(killed) == files(tmp_path / "unbroken")


def test_grandchildren(data, tmp_path, monkeypatch):
    """Columns of all files above are read again, though their files are written."""
    places = pq.read_table(data["places"])
    goods = places.select(["establishment_id"]).append_column("value", places["employees"])
    pq.write_table(goods, tmp_path / "goods.parquet")
    three = {**data, "goods": tmp_path / "goods.parquet"}
    links = [*LINKS, Link(child="goods", parent="places", key="establishment_id")]

    def carry_out(out):
        gpusynth.synthesize_linked(three, links, output=out, checkpoints=True, seed=2)

    copies = after_each_line(carry_out, tmp_path, monkeypatch)
    for killed in some(copies, about=5)[2:]:
        gpusynth.resume_linked(killed)
        assert files(killed) == files(tmp_path / "unbroken")


def test_only_the_owner_may_read_what_is_put_down(half):
    inside = [path for path in (half / WORK).rglob("*") if path.parent.name != "output"]
    assert {p.stat().st_mode & 0o777 for p in inside if p.is_file()} == {0o600}
    assert {p.stat().st_mode & 0o777 for p in inside if p.is_dir()} == {0o700}
    assert len(list((half / WORK / "part_00002" / "files").glob("draw_*"))) >= 2


def test_nothing_that_was_drawn_is_drawn_again(half, whole, monkeypatch):
    from gpusynth.linked import rounds

    drawn = []
    draw = rounds._Drawing.draw
    monkeypatch.setattr(
        rounds._Drawing, "draw", lambda self, each, s: drawn.append(each) or draw(self, each, s)
    )
    put_down = len(list((half / WORK / "part_00002" / "files").glob("draw_*")))
    done = gpusynth.resume_linked(half)
    assert files(half) == files(whole)
    of_firms = 2 * sum(len(v["steps"]) for v in done.manifest["inputs"]["firms"]["variables"])
    assert done.manifest["checkpoints"]["draws_found"] == put_down + of_firms
    assert drawn


@pytest.mark.parametrize("damage", [flip, cut_off, Path.unlink])
def test_damaged_files_are_computed_again(half, whole, damage):
    parts = [half / WORK / f"part_{number:05d}" / "files" for number in (1, 2)]
    damaged = [sorted(part.glob("draw_*"))[1] for part in parts]
    for path in damaged:
        damage(path)
    done = gpusynth.resume_linked(half)
    assert files(half) == files(whole)
    found = done.manifest["checkpoints"]["damaged_files"]
    assert {path.name for path in damaged} <= set(found)


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"part":1,"check":"0000000000000000"}\n'])
def test_a_damaged_journal_of_a_part(half, whole, content):
    (half / WORK / "part_00001" / "journal.jsonl").write_bytes(content)
    gpusynth.resume_linked(half)
    assert files(half) == files(whole)


def test_a_damaged_journal_of_the_run(half):
    (half / WORK / "journal.jsonl").write_bytes(b"{}\n")
    with pytest.raises(OutputError, match="first line"):
        gpusynth.resume_linked(half)


def test_changed_input(data, half, whole, tmp_path):
    other = tmp_path / "places.parquet"
    pq.write_table(pq.read_table(data["places"]).slice(1), other)
    with pytest.raises(CheckpointMismatchError, match="input data of places") as error:
        gpusynth.resume_linked(half, {"places": other})
    assert "firms:" not in str(error.value)
    with pytest.raises(DataError, match="no file 'plants'"):
        gpusynth.resume_linked(half, {"plants": other})
    shutil.copy(data["places"], other)
    gpusynth.resume_linked(half, {"places": other})
    assert files(half) == files(whole)


def test_changed_plan(half):
    plan = half / WORK / "plan_00002.toml"
    plan.write_text(plan.read_text().replace("norm", "sample"))
    with pytest.raises(CheckpointMismatchError, match="plan"):
        gpusynth.resume_linked(half)


@pytest.mark.parametrize("name", ["version of numpy", "code of gpusynth"])
def test_other_versions(half, monkeypatch, name):
    from gpusynth.engine.checkpoint import head

    pins = {**head.code_pins(), name: "another"}
    monkeypatch.setattr(head, "code_pins", lambda: pins)
    with pytest.raises(CheckpointMismatchError, match=rf"{name}: .* then, another now"):
        gpusynth.resume_linked(half)


def test_tables_in_memory(data, whole, tmp_path):
    tables = {name: pq.read_table(path) for name, path in data.items()}
    schemas = {"firms": gpusynth.infer_schema(tables["firms"])}
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        begin(tables, out, after=4, schemas=schemas)
    with pytest.raises(DataError, match="tables in memory"):
        gpusynth.resume_linked(out, {"firms": tables["firms"]})
    done = gpusynth.resume_linked(out, tables)
    wanted = {path.name: pq.read_table(path) for path in whole.glob("*.parquet")}
    assert {path.name: pq.read_table(path) for path in out.glob("*.parquet")} == wanted
    assert done.manifest["checkpoints"]["times_resumed"] == 1


def test_another_call_is_named(half):
    for call in (gpusynth.resume, gpusynth.resume_imputation):
        with pytest.raises(CheckpointMismatchError, match=r"gpusynth\.resume_linked"):
            call(half)


@pytest.mark.parametrize("moved", [0, 2])
def test_cut_while_files_are_moved(data, tmp_path, whole, moved):
    with cut_when_moved(tmp_path / "out", moved):
        begin(data, tmp_path / "out")
    done = gpusynth.resume_linked(tmp_path / "out")
    assert files(tmp_path / "out") == files(whole)
    assert [file.path.name for file in done.files] == [
        f"{name}_00{number}.parquet" for name in ("firms", "places") for number in (1, 2)
    ]


def test_kept_models(data, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):  # the second replaces the first
        begin(data, out, keep_models=True, overwrite=True)
        models = out / "models"
        assert models.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in models.iterdir()) == [
            *("CONFIDENTIAL.txt", "firms", "places")
        ]
        for name in ("firms", "places"):
            assert list((models / name).glob("model_*.gpusynth"))
    begin(data, out, overwrite=True)
    assert not (out / "models").exists()


def test_the_command(data, tmp_path, capsys, monkeypatch):
    from gpusynth.linked import rounds

    links = tmp_path / "links.toml"
    links.write_text(
        "".join(f'[files.{name}]\ndata = "{path}"\n' for name, path in data.items())
        + '[[links]]\nchild = "places"\nparent = "firms"\nkey = "firm_id"\n'
    )
    out, options = tmp_path / "out", ["run-linked", str(links), "--seed", "4"]

    def interrupted(*_arguments, **_named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rounds, "put_round", interrupted)
        assert main([*options, "--output", str(out)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == f"resume with: gpusynth resume {out}"
    assert main([*options, "--output", str(out)]) == 2
    assert "gpusynth resume" in capsys.readouterr().err
    assert main(["resume", str(out), "--data", str(data["firms"])]) == 2
    assert "NAME=FILE" in capsys.readouterr().err
    assert main(["resume", str(out), "--metrics", str(tmp_path / "m.prom")]) == 2
    assert "one file" in capsys.readouterr().err
    log = tmp_path / "log.jsonl"
    given = ["--data", f"firms={data['firms']}", "--threads", "1", "--log", str(log)]
    assert main(["resume", str(out), *given]) == 0
    assert "places_001.parquet" in capsys.readouterr().out
    assert log.read_text().count("\n") > 3
    assert main([*options, "--output", str(tmp_path / "whole"), "--no-checkpoints"]) == 0
    assert files(out) == files(tmp_path / "whole")
    assert main(["resume", str(out)]) == 2
    assert "finished" in capsys.readouterr().err
    assert main(["verify", str(out)]) == 0


def test_verify(whole, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    assert all(check.is_good for check in verify(out))
    shutil.copy(out / "firms_001.parquet", out / "firms_003.parquet")
    flip(out / "places_002.parquet")
    wrong = {check.what: check.found for check in verify(out) if not check.is_good}
    assert wrong == {"places_002.parquet": "altered", "firms_003.parquet": "no run wrote it"}
