"""Faults, for real: kill, fill the disk and damage files at random moments, then resume.

    python -m benchmarks.faults.run --kills 100 --output benchmarks/results/production_faults.json

Every trial ends with the files of an unbroken run, byte for byte, and without a work directory, or
counts as a failure; the two are told apart. How far a run had come is read from its journal.
Children are forked after everything is imported, so that moments fall into the run and not into
Python's start. A full disk is a small tmpfs; without the right to mount one these trials are left
out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import gpusynth
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.cli.main import run as command
from gpusynth.datasets import firms

WORK = ".gpusynth-work"
JOURNAL = "journal.jsonl"
SETTINGS = ["--replicates", "2", "--seed", "11", "--threads", "2", "--quiet"]


class Trials:
    """Runs on one small file, and what came of them."""

    def __init__(self, directory: Path, rows: int, columns: int) -> None:
        self.directory = directory
        self.make_data(rows, columns)
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []
        self.reached: Counter[str] = Counter()
        # Twice: the first run may compile kernels, and moments are chosen within the second's time.
        for name in ("first", "whole"):
            begun = time.perf_counter()
            process = self.start(directory / name)
            assert wait(process) == 0
            self.seconds = time.perf_counter() - begun
        self.whole = hashes(directory / "whole")
        manifest = json.loads((directory / "whole" / "manifest.json").read_bytes())
        self.n_draws = self.count_draws(manifest)

    def make_data(self, rows: int, columns: int) -> None:
        self.data = self.directory / "survey.parquet"
        pq.write_table(firms(rows, columns=columns, seed=1), self.data)

    def arguments(self) -> list[str]:
        """Return the command, without its output."""
        return ["run", "--data", str(self.data), *SETTINGS, "--no-utility"]

    def count_draws(self, manifest: dict[str, Any]) -> int:
        """Return how many draws a run puts down."""
        return sum(len(v["steps"]) for v in manifest["variables"]) * len(manifest["outputs"])

    def start(self, out: Path, *more: str) -> int:
        command, *rest = self.arguments()
        return fork([command, *rest, "--output", str(out), *more])

    def go_on(self, out: Path) -> int:
        """Resume, or run where nothing can be resumed; return the process."""
        if (out / WORK / JOURNAL).exists():
            self.outcomes["resumed"] += 1
            return fork(["resume", str(out), "--quiet", "--threads", "1"])
        if (out / "manifest.json").exists():  # all but the end of the work directory was removed
            self.outcomes["run again with --overwrite"] += 1
            return self.start(out, "--overwrite")
        self.outcomes["begun anew"] += 1
        return self.start(out)

    def check(self, what: str, out: Path) -> None:
        """Count whether the files are those of an unbroken run, and what else lies there."""
        same = hashes(out) == self.whole
        left = (out / WORK).exists()
        self.outcomes[f"{what}: {'same bytes' if same else 'OTHER BYTES'}"] += 1
        if not same:
            self.failures.append(f"{what}: other bytes")
        if left:
            self.outcomes[f"{what}: WORK DIRECTORY LEFT"] += 1
            self.failures.append(f"{what}: the work directory is left")

    def note_how_far(self, out: Path) -> bool:
        """Count how far a run had come when it ended; return whether nothing is left to do."""
        complete, work = (out / "manifest.json").exists(), (out / WORK).exists()
        if complete:
            self.reached["7 files complete" + (", work directory left" if work else "")] += 1
            if hashes(out) != self.whole:
                self.failures.append("a manifest beside other bytes")
            return not work
        kinds = journal_kinds(out / WORK)
        if kinds is None:
            self.reached["0 before the journal"] += 1
        elif kinds["commit"]:
            self.reached["6 files ready, not all moved"] += 1
        elif kinds["written"]:
            self.reached["5 a replicate written"] += 1
        elif kinds["draw"]:
            quarter = min(4 * kinds["draw"] // self.n_draws, 3)
            self.reached[f"{quarter + 1} drawn: {25 * quarter} to {25 * quarter + 25} %"] += 1
        else:
            self.reached["0 nothing drawn"] += 1
        return False


def fork(arguments: list[str]) -> int:
    process = os.fork()
    if process == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        sys.argv = ["gpusynth", *arguments]
        code = 1
        try:
            command()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os._exit(code)  # nothing of the parent is to be cleaned up here
    return process


def wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def hashes(out: Path) -> dict[str, str]:
    files = [f for f in out.iterdir() if f.is_file() and f.name != "manifest.json"]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def journal_kinds(work: Path) -> Counter[str] | None:
    """Count the entries of a run's journal and of its parts' by kind; None where there is none."""
    if not (work / JOURNAL).exists():
        return None
    kinds: Counter[str] = Counter()
    for journal in (work / JOURNAL, *work.glob(f"part_*/{JOURNAL}")):
        for line in journal.read_bytes().split(b"\n")[1:-1]:
            try:
                kinds[str(json.loads(line).get("kind"))] += 1
            except ValueError:
                kinds["damaged"] += 1
    return kinds


def only_whole_files(out: Path) -> bool:
    """Return whether a run that was cut short shows no half file: the manifest comes last."""
    if not out.exists() or (out / "manifest.json").exists():
        return True
    return not any(f.name.endswith(".partial") for f in out.iterdir())


def kill(trials: Trials, number: int, chance: random.Random, how: signal.Signals) -> None:
    out = trials.directory / f"{how.name}_{number}"
    process = trials.start(out)
    for again in range(3):
        time.sleep(chance.uniform(0.0, trials.seconds))
        os.kill(process, how)
        code = wait(process)
        trials.outcomes[f"{how.name}: exit {code}"] += 1
        if not only_whole_files(out):
            trials.failures.append(f"{how.name}: a half file is shown")
        if trials.note_how_far(out):
            break
        process = trials.go_on(out)
        if again == 2 or chance.random() < 0.7:  # the others are killed once more
            code = wait(process)
            trials.outcomes[f"resume: exit {code}"] += 1
            break
    trials.check(how.name, out)
    shutil.rmtree(out)


def damage(trials: Trials, number: int, chance: random.Random) -> None:
    """Kill in the second half, then flip bits of files and cut files off."""
    out = trials.directory / f"damage_{number}"
    process = trials.start(out)
    time.sleep(chance.uniform(0.5, 0.95) * trials.seconds)
    os.kill(process, signal.SIGKILL)
    wait(process)
    is_done = trials.note_how_far(out)
    files = sorted((out / WORK).rglob("files/*"))
    for file in files:
        content = bytearray(file.read_bytes())
        fate = chance.random()
        if fate < 0.2 and content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            file.write_bytes(content)
            trials.outcomes["bits flipped"] += 1
        elif fate < 0.3:
            file.write_bytes(content[: chance.randrange(len(content) + 1)])
            trials.outcomes["files cut off"] += 1
    if not is_done:
        wait(trials.go_on(out))
    trials.check("damage", out)
    shutil.rmtree(out)


@contextmanager
def small_disk(n_bytes: int) -> Iterator[Path | None]:
    with tempfile.TemporaryDirectory() as place:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", place],
            check=False,
            capture_output=True,
        )
        try:
            yield Path(place) if mounted.returncode == 0 else None
        finally:
            if mounted.returncode == 0:
                subprocess.run(["umount", place], check=True)


def disk_full(trials: Trials, number: int, chance: random.Random, needed: int) -> None:
    with small_disk(chance.randrange(needed // 50, needed)) as disk:
        if disk is None:
            trials.outcomes["disk full: no tmpfs may be mounted"] += 1
            return
        out = disk / "out"
        code = wait(trials.start(out))
        trials.outcomes[f"disk full: exit {code}"] += 1
        if not only_whole_files(out):
            trials.failures.append("disk full: a half file is shown")
        is_done = trials.note_how_far(out)
        subprocess.run(["mount", "-o", f"remount,size={16 * needed}", str(disk)], check=True)
        if not is_done:
            wait(trials.go_on(out))
        trials.check("disk full", out)


def carry_out(arguments: argparse.Namespace) -> dict[str, object]:
    chance, begun = random.Random(arguments.seed), time.perf_counter()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as directory:
        trials = Trials(Path(directory), arguments.rows, arguments.columns)
        needed = 4 * sum(f.stat().st_size for f in (Path(directory) / "whole").iterdir())
        plan: list[tuple[int, Callable[[int], None]]] = [
            (arguments.kills, lambda n: kill(trials, n, chance, signal.SIGKILL)),
            (arguments.others, lambda n: kill(trials, n, chance, signal.SIGTERM)),
            (arguments.others, lambda n: kill(trials, n, chance, signal.SIGINT)),
            (arguments.others, lambda n: damage(trials, n, chance)),
            (arguments.others, lambda n: disk_full(trials, n, chance, needed)),
        ]
        n_trials, done = sum(times for times, _ in plan), 0
        for times, trial in plan:
            for number in range(times):
                trial(number)
                done += 1
                print(f"\r{done} of {n_trials} trials", end="", file=sys.stderr)
        print(file=sys.stderr)
        return {
            "rows": arguments.rows,
            "columns": arguments.columns,
            "kills": arguments.kills,
            "other_faults_each": arguments.others,
            "seed": arguments.seed,
            "unbroken_seconds": round(trials.seconds, 3),
            "seconds": round(time.perf_counter() - begun, 1),
            "n_draws": trials.n_draws,
            "how_far": dict(sorted(trials.reached.items())),
            "outcomes": dict(sorted(trials.outcomes.items())),
            "failures": trials.failures,
            "machine": describe_machine(),
            "versions": describe_versions(),
            "gpusynth": gpusynth.__version__,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--others", type=int, default=10)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result = carry_out(arguments)
    put_result(result, arguments.output)
    return 1 if result["failures"] else 0


def put_result(result: dict[str, Any], output: Path | None) -> None:
    """Print what came of the trials, or write it to a file."""
    text = json.dumps(result, indent=2, sort_keys=True)
    if output is None:
        print(text)
    else:
        output.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
