"""A whole run as Python's own audit sees it: nothing is unpickled, executed or sent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from gpusynth.datasets import firms

WATCHED = """
import sys

found = []
at_work = False
FORBIDDEN = ("pickle.find_class", "marshal.load", "marshal.loads", "exec", "compile",
             "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn",
             "socket.connect", "socket.bind", "ctypes.dlopen", "code.__new__")

INSTALLED = ("importlib", "_frozen_importlib", "numba", "llvmlite", "typer")


def callers():
    frame, names = sys._getframe(2), []
    while frame is not None:
        names.append(frame.f_globals.get("__name__", "?"))
        frame = frame.f_back
    return names


def hook(event, arguments):
    if not at_work or not event.startswith(FORBIDDEN):
        return
    names = callers()
    # imports load code that is installed, and Numba compiles kernels or loads those it has kept;
    # typer parses the annotations of the commands
    if any(name.startswith(INSTALLED) for name in names):
        return
    found.append((event, [name for name in names if name != "inspect"][:6]))


sys.addaudithook(hook)
from gpusynth.cli.main import main

at_work = True
code = 0
for line in sys.stdin.read().splitlines():
    code = code or main(line.split("|"))
at_work = False
if "--self-test" in sys.argv:
    at_work = True
    eval("1 + 1")
    at_work = False
for event, names in found:
    print("FOUND", event, names)
sys.exit(code)
"""


def watched(lines: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "kernels")])
    return subprocess.run(
        [sys.executable, "-c", WATCHED, *options],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_nothing_is_executed_in_a_whole_run(tmp_path):
    real = tmp_path / "real.parquet"
    pq.write_table(firms(120, columns=5, seed=1), real)
    run, model = tmp_path / "run", tmp_path / "a.model"
    ended = watched(
        [
            f"run|--data|{real}|--output|{run}|--quiet|--checkpoints|--keep-models",
            f"verify|{run}",
            f"fit|{real}|--output|{model}|--quiet",
            f"sample|{model}|--output|{tmp_path / 'made'}|--quiet",
        ]
    )
    assert ended.returncode == 0, ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith("FOUND")] == []


def test_the_watch_finds():
    ended = watched([], "--self-test")
    assert "FOUND" in ended.stdout
