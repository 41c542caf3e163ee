"""A run directory from elsewhere: no name leads out of it, no link is followed, nothing is open."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.datasets import firms
from gpusynth.engine import read_run
from gpusynth.engine.checkpoint import Journal, WorkDirectory
from gpusynth.errors import DataError, GpusynthError, OutputError
from gpusynth.evaluate.files import open_files
from gpusynth.operations.verify import verify
from gpusynth.table.run_files import check_own_name

SECRET = "a secret of 4711"
NAMES = {
    "up": "../outside.parquet",
    "absolute": "/etc/passwd",
    "dots": "..",
    "itself": ".",
    "zero": "a\x00b.parquet",
    "escape": "a\x1b[2J.parquet",
    "windows": "..\\outside.parquet",
    "drive": "C:outside.parquet",
    "inside": "models/step.arrow",
    "long": "x" * 300,
    "empty": "",
    "number": 7,
    "list": ["replicate_001.parquet"],
    "turned": "a\u202eb.parquet",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "run"
    real = place.with_name("real.parquet")
    pq.write_table(firms(120, columns=5, seed=1), real)
    gpusynth.synthesize(real, output=place, seed=1)
    return place


@pytest.fixture(name="run")
def _run(finished, tmp_path):
    """A copy that a test may spoil; beside it a file that must not be opened."""
    copy = tmp_path / "run"
    copy.mkdir()
    for file in finished.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (tmp_path / "outside.parquet").write_bytes((copy / "replicate_001.parquet").read_bytes())
    (tmp_path / "outside.json").write_text(SECRET)
    return copy


def renamed(run: Path, name: object) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["outputs"][0]["file"] = name
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_out_are_refused(name, run, finished, capsys):
    renamed(run, NAMES[name])
    real = finished.with_name("real.parquet")
    with pytest.raises(OutputError):
        read_run(run)
    with pytest.raises(DataError):
        open_files(real, run, None, None)
    assert main(["verify", str(run)]) == 2
    assert main(["evaluate", "--real", str(real), "--synthetic", str(run)]) == 2
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err


@pytest.mark.parametrize("name", ["replicate_001.parquet", "ä.csv", "a b.parquet", "...x"])
def test_plain_names_pass(name):
    assert check_own_name(name, DataError) == name


@pytest.mark.parametrize("file", ["manifest.json", "plan.json", "schema.toml"])
def test_links_are_not_followed(file, run, finished, tmp_path, capsys):
    (run / file).unlink()
    (run / file).symlink_to(tmp_path / "outside.json")
    if file == "schema.toml":
        assert not all(check.is_good for check in verify(run) if check.what == file)
    else:
        with pytest.raises(OutputError, match="is a link"):
            read_run(run)
    if file != "plan.json":
        with pytest.raises(GpusynthError, match=r"link|damaged"):
            open_files(finished.with_name("real.parquet"), run, None, None)
    assert main(["verify", str(run)]) != 0
    shown = capsys.readouterr()
    assert "4711" not in shown.out + shown.err


def test_a_linked_replicate_is_no_replicate(run, finished, tmp_path):
    (run / "replicate_001.parquet").unlink()
    (run / "replicate_001.parquet").symlink_to(tmp_path / "outside.parquet")
    (check,) = (check for check in verify(run) if check.what == "replicate_001.parquet")
    assert not check.is_good
    with pytest.raises(DataError):
        open_files(finished.with_name("real.parquet"), run, None, None)


def test_files_the_manifest_lists_beside_replicates(run):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"] = {"../outside.parquet": "0" * 64, "/etc/passwd": "0" * 64, "a\x00": "0"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    bad = {check.what for check in verify(run) if not check.is_good}
    assert bad >= set(manifest["files"])


def test_an_overwritten_link_is_replaced_and_its_goal_stays(tmp_path):
    goal = tmp_path / "goal.json"
    goal.write_text(SECRET)
    run = tmp_path / "run"
    run.mkdir()
    for name in ("manifest.json", "replicate_001.parquet", "plan.json.partial"):
        (run / name).symlink_to(goal)
    gpusynth.synthesize(firms(60, columns=4, seed=1), output=run, overwrite=True)
    assert goal.read_text() == SECRET
    assert not any(file.is_symlink() for file in run.iterdir())


needs_modes = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no modes of POSIX here")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@needs_modes
def test_the_work_directory_is_closed_to_others(tmp_path):
    open_one = tmp_path / ".gpusynth-work"
    open_one.mkdir(mode=0o777)
    open_one.chmod(0o777)
    work = WorkDirectory(tmp_path)
    work.enter()
    work.make_directories()
    assert mode(work.path) == 0o700
    assert {mode(file) for file in work.path.iterdir() if file.is_file()} == {0o600}
    assert {mode(file) for file in work.path.iterdir() if file.is_dir()} == {0o700}
    Journal.begin(work.journal_file, {"a": 1})
    assert mode(work.journal_file) == 0o600
    work.remove()


@needs_modes
def test_a_work_directory_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / ".gpusynth-work").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(OutputError, match="belongs to another user"):
        WorkDirectory(tmp_path).enter()


@needs_modes
def test_a_journal_that_is_a_link_is_refused(tmp_path):
    Journal.begin(tmp_path / "journal.jsonl", {"a": 1})
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "journal.jsonl")
    with pytest.raises(OutputError):
        Journal.open(tmp_path / "link.jsonl")


@needs_modes
def test_modes_of_what_stays(tmp_path):
    """Run files follow the umask, as they are for others; models are their owner's alone."""
    before = os.umask(0o027)
    try:
        gpusynth.synthesize(firms(60, columns=4, seed=1), output=tmp_path / "run")
        gpusynth.fit(firms(60, columns=4, seed=1)).save(tmp_path / "a.model")
    finally:
        os.umask(before)
    assert mode(tmp_path / "run") == 0o750
    assert {mode(file) for file in (tmp_path / "run").iterdir()} == {0o640}
    assert mode(tmp_path / "a.model") == 0o600


@needs_modes
def test_kept_models_are_their_owners_alone(tmp_path):
    gpusynth.synthesize(
        firms(60, columns=4, seed=1), output=tmp_path / "run", checkpoints=True, keep_models=True
    )
    models = tmp_path / "run" / "models"
    assert mode(models) == 0o700
    assert {mode(file) for file in models.iterdir()} == {0o600}


def test_a_cluster_configuration_is_read_within_limits(tmp_path):
    pytest.importorskip("distributed")
    from gpusynth.engine.cluster.connect import read_security
    from gpusynth.errors import ClusterError

    path = tmp_path / "tls.toml"
    for text in (
        "",
        "a = " + "[" * 50_000,
        "[tls]\nca_file = 5\n",
        "\x00",
        "[tls]\nca_file = 'x'\n",
    ):
        path.write_text(text)
        with pytest.raises(ClusterError):
            read_security(path)
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ClusterError, match="more than"):
        read_security(path)
    with pytest.raises(ClusterError, match="not found"):
        read_security(tmp_path / "absent.toml")
