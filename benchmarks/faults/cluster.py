"""Faults of a cluster, for real: kill workers, schedulers and coordinators at random moments.

    python -m benchmarks.faults.cluster --output benchmarks/results/production_faults.json

- A *worker* of a scheduler with two workers, each a process of its own with its nanny: the run must
  end by itself, to the same bytes.
- The *scheduler*: the run must end with an error, and ``gpusynth resume`` must finish it, in turns
  alone and on a new cluster.
- The *coordinator*, in turns of a cluster that it has started itself, whose processes must end with
  it, and of a scheduler that lives on.

Every trial ends with the files of a run in one process, byte for byte, and without a work
directory, or counts as a failure. The result goes into the file's entry "cluster", beside the
trials of `benchmarks.faults.run`.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Sequence
from pathlib import Path

import psutil

import gpusynth
from benchmarks.faults.run import JOURNAL, WORK, Trials, fork, hashes, journal_kinds, wait
from benchmarks.machine import describe_machine, describe_versions
from gpusynth.engine.cluster.connect import ClusterChoice, connected

WAIT_SECONDS = 3  # for a scheduler that is gone; the command's own half minute takes too long here
END_SECONDS = 15.0


class Cluster:
    """A scheduler and two workers, each with its nanny, as a site would start them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "scheduler.json"
        directory.mkdir()
        quiet = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(self.file)]
        self.scheduler = self._start("scheduler", [*quiet, "--port", "0"])
        while not self.file.exists():
            time.sleep(0.05)
        own = ["--nthreads", "1", "--memory-limit", "0", "--local-directory", str(directory)]
        self.nannies = [self._start("worker", [*quiet, *own]) for _ in range(2)]

    def _start(self, what: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        module = f"distributed.cli.dask_{what}"
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def workers(self) -> list[int]:
        """Return the processes that carry tasks out, without their nannies."""
        found = [child for n in self.nannies for child in descendants(n.pid)]
        return sorted(child.pid for child in found if "spawn_main" in " ".join(command_of(child)))

    def stop(self) -> None:
        """End what is left of the cluster."""
        left = [child for n in self.nannies for child in descendants(n.pid)]
        for process in (*self.nannies, self.scheduler):
            process.terminate()
        for process in (*self.nannies, self.scheduler):
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for process in left:
            if process.is_running():
                process.kill()
        shutil.rmtree(self.directory)


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class ClusterTrials(Trials):
    """Runs on clusters, and what came of them."""

    def __init__(self, directory: Path, rows: int, columns: int) -> None:
        super().__init__(directory, rows, columns)
        self._clusters = 0
        self.cluster = self.new_cluster()
        self.slowest_end = 0.0
        for name in ("first on a cluster", "whole on a cluster"):
            begun = time.perf_counter()
            process = self.start(directory / name, "--cluster", str(self.cluster.file))
            self.wait_for_journal(directory / name)
            known = time.perf_counter()
            assert wait(process) == 0
            self.cluster_seconds = time.perf_counter() - begun
            self.working_seconds = time.perf_counter() - known
        assert hashes(directory / name) == self.whole
        begun = time.perf_counter()
        process = self.start(directory / "local", "--cluster", "local", "--workers", "2")
        self.wait_for_journal(directory / "local")
        self.start_seconds = time.perf_counter() - begun
        assert wait(process) == 0
        self.local_seconds = time.perf_counter() - begun
        manifest = json.loads((directory / "local" / "manifest.json").read_bytes())
        fitted = [step for v in manifest["variables"] for step in v["steps"] if step["n_leaves"]]
        self.n_models = len(fitted)

    def wait_for_journal(self, out: Path) -> None:
        """Wait until a run knows what it will do; before there is nothing to lose."""
        begun = time.perf_counter()
        while not (out / WORK / JOURNAL).exists():
            assert time.perf_counter() - begun < 120, "the run does not begin"
            time.sleep(0.005)

    def wait_for_a_moment(self, out: Path, chance: random.Random) -> None:
        """Wait for any moment of a run; four of five of them lie where it has begun to work."""
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0.0, self.start_seconds))
            return
        self.wait_for_journal(out)
        time.sleep(chance.uniform(0.0, self.working_seconds))

    def note_how_far(self, out: Path) -> bool:
        """Count how far a run had come; return whether nothing is left to do."""
        if (out / "manifest.json").exists():
            self.reached["5 files complete"] += 1
            return not (out / WORK).exists()
        kinds = journal_kinds(out / WORK)
        if kinds is None:
            self.reached["0 before the journal"] += 1
        elif kinds["written"]:
            self.reached["4 a replicate written"] += 1
        elif kinds["fit"]:
            self.reached["3 all fitted"] += 1
        elif kinds["model"]:
            half = min(2 * kinds["model"] // self.n_models, 1)
            self.reached[f"{1 + half} fitted: {50 * half} to {50 * half + 50} %"] += 1
        else:
            self.reached["0 nothing fitted"] += 1
        return False

    def new_cluster(self) -> Cluster:
        self._clusters += 1
        return Cluster(self.directory / f"cluster_{self._clusters}")

    def go_on_with(self, out: Path, *more: str) -> None:
        """Resume, on a cluster or without, or run again where nothing can be resumed."""
        if (out / WORK / JOURNAL).exists():
            self.outcomes["resumed on a cluster" if more else "resumed without a cluster"] += 1
            code = wait(fork(["resume", str(out), "--quiet", *more]))
        else:
            self.outcomes["begun anew"] += 1
            code = wait(self.start(out, *more))
        self.outcomes[f"resume: exit {code}"] += 1
        if code:
            self.failures.append(f"resume: exit {code}")

    def start_waiting_less(self, out: Path) -> int:
        """Run on the cluster in a process that soon gives a lost scheduler up."""
        process = os.fork()
        if process == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            choice = ClusterChoice(str(self.cluster.file), wait_seconds=WAIT_SECONDS)
            code = 2
            try:
                with connected(choice) as client:
                    options = {"n_replicates": 2, "seed": 11, "checkpoints": True}
                    gpusynth.synthesize(self.data, output=out, client=client, **options)
                code = 0
            finally:
                os._exit(code)
        return process


def kill_worker(trials: ClusterTrials, number: int, chance: random.Random) -> None:
    out = trials.directory / f"worker_{number}"
    process = trials.start(out, "--cluster", str(trials.cluster.file))
    trials.wait_for_a_moment(out, chance)
    victims = trials.cluster.workers()
    trials.note_how_far(out)
    if victims:
        os.kill(chance.choice(victims), signal.SIGKILL)
        trials.outcomes["worker: killed"] += 1
    code = wait(process)
    trials.outcomes[f"worker: exit {code}"] += 1
    if code:
        trials.failures.append(f"worker: the run ended with {code}")
        trials.go_on_with(out)
    trials.check("worker", out)
    shutil.rmtree(out)


def kill_scheduler(trials: ClusterTrials, number: int, chance: random.Random) -> None:
    out = trials.directory / f"scheduler_{number}"
    process = trials.start_waiting_less(out)
    trials.wait_for_a_moment(out, chance)
    trials.cluster.scheduler.send_signal(signal.SIGKILL)
    code = wait(process)
    trials.outcomes[f"scheduler: exit {code}"] += 1
    is_done = trials.note_how_far(out)
    trials.cluster.stop()
    trials.cluster = trials.new_cluster()
    if not is_done:
        trials.go_on_with(out, *(["--cluster", str(trials.cluster.file)] if number % 2 else []))
    trials.check("scheduler", out)
    shutil.rmtree(out)


def kill_coordinator(trials: ClusterTrials, number: int, chance: random.Random) -> None:
    out, is_local = trials.directory / f"coordinator_{number}", number % 2 == 0
    local = ["--cluster", "local", "--workers", "2"]
    process = trials.start(out, *(local if is_local else ["--cluster", str(trials.cluster.file)]))
    trials.wait_for_a_moment(out, chance)
    own = descendants(process)
    os.kill(process, signal.SIGKILL)
    trials.outcomes[f"coordinator: exit {wait(process)}"] += 1
    is_done = trials.note_how_far(out)
    if not is_done:
        trials.go_on_with(out, *(["--cluster", str(trials.cluster.file)] if number % 4 > 1 else []))
    begun = time.perf_counter()
    _, alive = psutil.wait_procs(own, timeout=END_SECONDS)
    trials.slowest_end = max(trials.slowest_end, time.perf_counter() - begun)
    if alive:
        trials.failures.append("coordinator: processes are left")
        for one in alive:
            one.kill()
    trials.check("coordinator", out)
    shutil.rmtree(out)


def carry_out(arguments: argparse.Namespace) -> dict[str, object]:
    chance, begun = random.Random(arguments.seed), time.perf_counter()
    reached: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as directory:
        trials = ClusterTrials(Path(directory), arguments.rows, arguments.columns)
        try:
            for times, what, trial in (
                (arguments.workers, "worker", kill_worker),
                (arguments.schedulers, "scheduler", kill_scheduler),
                (arguments.coordinators, "coordinator", kill_coordinator),
            ):
                trials.reached = reached[what] = Counter()
                for number in range(times):
                    trial(trials, number, chance)
                    print(f"\r{what}: {number + 1} of {times}", end="", file=sys.stderr)
                print(file=sys.stderr)
        finally:
            trials.cluster.stop()
    return {
        "rows": arguments.rows,
        "columns": arguments.columns,
        "kills": {
            "worker": arguments.workers,
            "scheduler": arguments.schedulers,
            "coordinator": arguments.coordinators,
        },
        "seed": arguments.seed,
        "unbroken_seconds": {
            "scheduler of its own": round(trials.cluster_seconds, 3),
            "local": round(trials.local_seconds, 3),
            "of it from the journal on": round(trials.working_seconds, 3),
        },
        "slowest_end_of_local_workers_seconds": round(trials.slowest_end, 3),
        "seconds": round(time.perf_counter() - begun, 1),
        "how_far": {what: dict(sorted(counts.items())) for what, counts in reached.items()},
        "outcomes": dict(sorted(trials.outcomes.items())),
        "failures": trials.failures,
        "machine": describe_machine(),
        "versions": describe_versions("dask", "distributed"),
        "gpusynth": gpusynth.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=30)
    parser.add_argument("--schedulers", type=int, default=20)
    parser.add_argument("--coordinators", type=int, default=20)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result = carry_out(arguments)
    if arguments.output is None:
        print(json.dumps(result, indent=2, sort_keys=True))
    else:
        others = json.loads(arguments.output.read_bytes()) if arguments.output.exists() else {}
        text = json.dumps({**others, "cluster": result}, indent=2, sort_keys=True)
        arguments.output.write_text(text + "\n")
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
