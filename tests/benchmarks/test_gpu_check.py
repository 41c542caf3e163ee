"""The GPU check: its pieces add up to one file, and it says what does not hold."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.gpu import check

ROOT = Path(__file__).parents[2]


def test_results_are_searched_for_what_does_not_hold():
    assert check.all_hold({"a": [{"same_tree": True}, {"passed": True, "n": 0}], "b": None})
    assert not check.all_hold({"a": [{"same_tree": True}, {"same_files": False}]})
    assert not check.all_hold({"piece": {"found": {"error": "ValueError: no"}}})


def test_without_a_device_it_says_so(capsys, monkeypatch):
    def none(*_):
        raise check.BackendUnavailableError("no driver")

    monkeypatch.setattr(check, "choose_backend", none)
    assert check.main(["--only", "tree"]) == 2
    assert "no device: no driver" in capsys.readouterr().err


def test_a_piece_that_fails_leaves_the_others(tmp_path, monkeypatch):
    def fail(_work):
        raise ValueError("broken")

    path = tmp_path / "check.json"
    path.write_text(json.dumps({"pieces": {"files": {"found": {"seconds": 1.0}}}}))
    monkeypatch.setattr(check, "choose_backend", lambda *_: None)
    monkeypatch.setitem(check.PIECES, "tree", fail)
    monkeypatch.setitem(check.PIECES, "draw", lambda work: {"same_draw": True})
    assert check.main(["--only", "tree,draw", "--together", "--output", str(path)]) == 1
    pieces = json.loads(path.read_text())["pieces"]
    assert list(pieces) == ["files", "tree", "draw"]
    assert pieces["tree"]["found"]["error"] == "ValueError: broken"
    with pytest.raises(SystemExit):
        check.main(["--only", "trees"])


def test_pieces_run_apart_and_one_that_hangs_costs_itself(tmp_path, monkeypatch):
    """Each is a command of its own: here two write their pieces, one waits and one dies."""
    path = tmp_path / "check.json"
    program = """
import json, os, sys, time
from pathlib import Path
name, path = sys.argv[sys.argv.index("--only") + 1], Path(sys.argv[-1])
if name == "draw":
    time.sleep(60)
if name == "codes":
    os.abort()
held = json.loads(path.read_text()) if path.exists() else {"pieces": {}}
held["pieces"][name] = {"found": {"same_tree": True, "given": sys.argv[1:3]}}
path.write_text(json.dumps(held))
"""
    plain = subprocess.Popen

    def start(command, **options):
        assert command[1:3] == ["-m", "benchmarks.gpu.check"]
        return plain([command[0], "-c", program, *command[3:]], **options)

    monkeypatch.setattr(check, "choose_backend", lambda *_: None)
    monkeypatch.setattr("benchmarks.gpu.apart.subprocess.Popen", start)
    given = ["--only", "tree,draw,codes,files", "--output", str(path), "--piece-seconds", "3"]
    assert check.main([*given, "--directory", str(tmp_path)]) == 1
    pieces = json.loads(path.read_text())["pieces"]
    assert pieces["tree"]["found"] == {"same_tree": True, "given": ["--directory", str(tmp_path)]}
    assert pieces["draw"]["found"] == {"error": "not done in 3 seconds"}
    assert pieces["codes"]["found"]["error"].startswith("ended by SIGABRT")
    assert check.all_hold(pieces["files"])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("numba.cuda") is None, reason="this Numba comes without numba.cuda")
def test_pieces_hold_in_the_simulator(tmp_path):
    path = tmp_path / "check.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.gpu.check", "--simulate", "--only", "tree,draw"),
            *("--output", str(path)),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'kernels'}", "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pieces = json.loads(path.read_text())["pieces"]
    tree = pieces["tree"]["found"]
    assert tree["same_tree"] and tree["same_donors"] and tree["traffic"]["launches"] > 0
    assert {row["kernel"] for row in tree["kernels"]} >= {"mark_runs", "choose_columns"}
    assert pieces["draw"]["found"]["share_of_floor"] > 0
