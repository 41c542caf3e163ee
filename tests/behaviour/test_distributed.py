"""Promise: workers of a cluster give the same bytes as one process, whatever becomes of them."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, Future

import gpusynth
from gpusynth import Cart, Plan, Schema
from gpusynth.engine.cluster import parts, worker, workers
from gpusynth.engine.cluster.connect import ClusterChoice, connected
from gpusynth.engine.cluster.workers import Workers
from gpusynth.errors import ClusterError, OutputError, PlanError, TooFewDonorsError
from gpusynth.io.output import output_error
from gpusynth.methods import register_method, registry
from gpusynth.trees import warm_up
from tests.behaviour.cut_runs import CHOICES, PLANS, WORK, Cut, files, lasting
from tests.behaviour.plan_survey import SCHEMA, survey

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

TOTALS = {"columns": ["state"]}
MORE_PLANS = {
    "small strata": Plan(
        strata={"columns": ["county"], "min_rows": 20},
        smoothing={"cost": "spline"},
        proper="bayesian",
    ),
    "together": Plan(together=(("cost", "profit"),), methods={"state": "keep"}),
    "tails": Plan(preset="release", tails={"profit": {"kind": "swap", "share": 0.1}}),
}


@pytest.fixture(name="client", scope="module")
def _client():
    with connected(ClusterChoice("local", n_workers=2)) as client:
        yield client


@pytest.fixture(name="data", scope="module")
def _data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("real") / "survey.parquet"
    pq.write_table(survey(500), path)
    return path


def check_same(data: Path, tmp_path: Path, plan: Plan, client, schema=SCHEMA, **options) -> None:
    options = {**CHOICES, **options}
    one = gpusynth.synthesize(data, schema, plan, output=tmp_path / "one", **options)
    run = gpusynth.synthesize(data, schema, plan, output=tmp_path / "d", client=client, **options)
    assert files(run.path) == files(one.path)
    assert lasting(run.path) == lasting(one.path)
    assert sorted(p.name for p in run.path.iterdir()) == sorted(p.name for p in one.path.iterdir())


def test_workers_that_are_started_here_keep_freed_memory(client):
    """Dask's own value costs a quarter of the time of fits."""
    found = client.run(os.environ.get, "MALLOC_TRIM_THRESHOLD_")
    assert set(found.values()) == {os.environ.get("MALLOC_TRIM_THRESHOLD_", str(64 << 20))}


def test_workers_load_their_kernels_while_the_data_are_read(client):
    workers.Workers(client).wake()
    for _ in range(600):
        found = client.run(warm_up.cache_info).values()
        if all(info.currsize for info in found):
            break
        time.sleep(0.1)
    assert [info.currsize for info in found] == [1, 1]


@pytest.mark.parametrize("name", PLANS | MORE_PLANS)
def test_workers_give_the_same_bytes(data, tmp_path, client, name):
    check_same(data, tmp_path, (PLANS | MORE_PLANS)[name], client)


def test_a_table_in_memory_with_weights_and_another_size(tmp_path, client):
    random = np.random.default_rng(4)
    table = survey(300).append_column("weight", pa.array(np.round(random.gamma(2, 30, 300), 1)))
    weight = gpusynth.Column(
        name="weight", kind="numeric", storage="double", decimals=1, role="weight"
    )
    schema = Schema(columns=(*SCHEMA.columns, weight))
    plan = Plan(default=Cart(weighted=True))
    check_same(table, tmp_path, plan, client, schema=schema, n_rows=70, format="csv")


def test_a_start_table_and_calibrated_weights(data, tmp_path, client):
    start = tmp_path / "start.parquet"
    pq.write_table(survey(90, seed=8).select(["state", "sector"]), start)
    kept = {"state": "keep", "sector": "keep"}
    check_same(data, tmp_path / "start", Plan(methods=kept, start_table=str(start)), client)
    calibrate = ({"weight": "cost", "margins": [TOTALS], "start": "drawn"},)
    check_same(data, tmp_path / "margins", Plan(methods=kept, calibrate=calibrate), client)


@pytest.mark.parametrize("first, second", [("one", "many"), ("many", "one"), ("many", "many")])
def test_a_run_that_is_cut_short_goes_on_with_or_without_a_cluster(
    data, tmp_path, client, first, second
):
    clients = {"one": None, "many": client}
    plan = PLANS["protected"]
    whole = gpusynth.synthesize(data, SCHEMA, plan, output=tmp_path / "whole", **CHOICES)
    for after in (15, 24):
        out = tmp_path / f"cut_{after}"
        options = {"client": clients[first], "checkpoints": True, **CHOICES}
        with pytest.raises(KeyboardInterrupt) as interrupt:
            gpusynth.synthesize(data, SCHEMA, plan, output=out, listener=Cut(after), **options)
        assert interrupt.value.__notes__ == [f"resume with: gpusynth resume {out}"]
        gpusynth.resume(out, client=clients[second])
        assert files(out) == files(whole.path)
        assert lasting(out) == lasting(whole.path)


@pytest.mark.parametrize("name", ["edits", "protected", "plain"])
def test_a_cluster_goes_on_from_the_columns_that_one_process_has_drawn(
    data, tmp_path, client, machines, name
):
    plan = PARTED["edits"] if name == "plain" else PLANS[name]
    options = (
        {**CHOICES, "n_replicates": 1} if name == "plain" else CHOICES
    )  # one is drawn in parts
    whole = gpusynth.synthesize(data, SCHEMA, plan, output=tmp_path / "whole", **options)
    first = [step.target for step in whole.plan.steps if step.method.is_fitted][:5]
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize(
            data,
            SCHEMA,
            plan,
            output=out,
            checkpoints=True,
            listener=CutAt(first[-1]),
            **options,
        )
    heard = Heard()
    gpusynth.resume(out, client=client, listener=heard)
    redrawn = {"sector", "staff", "pay"} if name == "protected" else set()
    assert not (set(first[:-1]) - redrawn) & set(heard.labels)
    assert files(out) == files(whole.path)
    assert lasting(out) == lasting(whole.path)


def test_a_cut_leaves_private_files_and_replicates_that_are_found_again(data, tmp_path, client):
    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize(
            data,
            SCHEMA,
            output=tmp_path / "out",
            client=client,
            listener=CutAt("replicate"),
            **CHOICES,
        )
    work = tmp_path / "out" / WORK
    own = [p for p in work.rglob("*") if not p.name.startswith("replicate_")]
    assert {p.stat().st_mode & 0o777 for p in own if p.is_dir()} == {0o700}
    assert {p.stat().st_mode & 0o777 for p in own if p.is_file()} == {0o600}
    assert (work / "files" / "table.gpusynth").read_bytes()[:14] == b"GPUSYNTH MODEL"
    heard = Heard()
    gpusynth.resume(tmp_path / "out", client=client, listener=heard)
    assert "replicate 1" not in heard.labels or "replicate 2" not in heard.labels
    whole = gpusynth.synthesize(data, SCHEMA, output=tmp_path / "whole", **CHOICES)
    assert files(tmp_path / "out") == files(whole.path)


class Heard:
    """A listener that remembers labels."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def start(self, phase: str, work: int | None) -> None:
        pass

    def advance(self, label: str, *, work: int, rows: int) -> None:
        self.labels.append(label)


PARTED = {
    **{name: PLANS[name] for name in ("plain", "proper", "partial")},
    "edits": Plan(
        rules=PLANS["edits"].rules,
        edits=PLANS["edits"].edits,
        replicated_uniques={"keys": ["sector", "staff"], "action": "remove"},
        output={"shuffle_rows": True},
    ),
    "together": MORE_PLANS["together"],
}


@pytest.fixture(name="machines")
def _machines(monkeypatch):
    """Every worker counts as a machine, and a few rows as enough for a part."""
    monkeypatch.setattr(workers, "_machine", lambda address: address)
    monkeypatch.setattr(parts, "_LEAST_ROWS", 50)


@pytest.mark.parametrize("name", PARTED)
def test_machines_draw_parts_of_a_replicate(data, tmp_path, client, machines, name):
    heard = Heard()
    check_same(data, tmp_path, PARTED[name], client, n_replicates=1, listener=heard)
    assert heard.labels.count("replicate 1") == 3  # two parts and what joins them


def test_a_step_that_looks_at_all_rows_is_drawn_by_one_machine(data, tmp_path, client, machines):
    for plan in (
        PLANS["protected"],
        Plan(smoothing={"cost": "density"}),
        Plan(methods={"cost": Cart(max_donor_uses=9)}),
        Plan(tails={"profit": {"kind": "swap", "share": 0.1}}),
        Plan(replicated_uniques={"keys": ["sector"]}),
    ):
        assert not parts.can_be_parted(gpusynth.resolve_plan(data, SCHEMA, plan))
    heard = Heard()
    check_same(data, tmp_path, PLANS["protected"], client, n_replicates=1, listener=heard)
    assert heard.labels.count("replicate 1") == 1


def test_a_part_that_is_damaged_is_drawn_again(data, tmp_path, client, machines):
    class Damage(Heard):
        def advance(self, label: str, *, work: int, rows: int) -> None:
            found = sorted((tmp_path / "out" / WORK / "files").glob("part_*"))
            if found and not self.labels:
                content = bytearray(found[0].read_bytes())
                content[len(content) // 2] ^= 1
                found[0].write_bytes(content)
                self.labels.append(found[0].name)

    heard = Damage()
    one = gpusynth.synthesize(data, SCHEMA, PARTED["edits"], output=tmp_path / "one", seed=5)
    run = gpusynth.synthesize(
        data,
        SCHEMA,
        PARTED["edits"],
        output=tmp_path / "out",
        seed=5,
        client=client,
        listener=heard,
    )
    assert files(run.path) == files(one.path)
    assert run.manifest["edits"] == one.manifest["edits"]
    assert heard.labels == list(run.manifest["checkpoints"]["damaged_files"])


class CutAt(Heard):
    """A listener that interrupts the run at a label."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label

    def advance(self, label: str, *, work: int, rows: int) -> None:
        if label.startswith(self.label):
            raise KeyboardInterrupt


class KillWorker(Heard):
    """A listener that kills a worker once a few columns are fitted."""

    def __init__(self, client) -> None:
        super().__init__()
        self.left, self.client = 3, client

    def advance(self, label: str, *, work: int, rows: int) -> None:
        if label in SCHEMA.names:
            self.left -= 1
        if self.left == 0:
            self.left = -1
            os.kill(next(iter(self.client.run(os.getpid).values())), signal.SIGKILL)


def test_a_worker_that_is_killed_changes_nothing(data, tmp_path, client):
    plan = PLANS["edits"]
    whole = gpusynth.synthesize(data, SCHEMA, plan, output=tmp_path / "whole", **CHOICES)
    listener = KillWorker(client)
    run = gpusynth.synthesize(
        data, SCHEMA, plan, output=tmp_path / "out", client=client, listener=listener, **CHOICES
    )
    assert listener.left < 0
    assert files(run.path) == files(whole.path)


def test_a_worker_that_dies_while_it_is_asked_is_asked_no_more(tmp_path, client, monkeypatch):
    plain, asked, n_lost = client.run, [], 1

    def run(*given, **options):
        found = plain(*given, **options)
        asked.append(found)
        return {**found, next(iter(found)): OSError()} if len(asked) <= n_lost else found

    monkeypatch.setattr(client, "run", run)
    monkeypatch.setattr(workers, "_LOST_SECONDS", 0.0)
    workers.Workers(client).check(tmp_path)
    assert len(asked) == 2
    n_lost = 9
    with pytest.raises(ClusterError, match="lost as soon as they are asked: tls://"):
        workers.Workers(client).check(tmp_path)
    assert not list(tmp_path.iterdir())


class ForgetTasks(Heard):
    """A listener that makes the scheduler forget all tasks once a few columns are fitted."""

    def __init__(self, client) -> None:
        super().__init__()
        self.left, self.client = 3, client

    def advance(self, label: str, *, work: int, rows: int) -> None:
        if label in SCHEMA.names:
            self.left -= 1
        if self.left == 0:
            keys = [key for key in self.client.futures if str(key).startswith("gpusynth-fit")]
            self.client.cancel([Future(key, client=self.client) for key in keys], force=True)


def test_tasks_that_the_scheduler_forgets_are_asked_for_again(data, tmp_path, client):
    whole = gpusynth.synthesize(data, SCHEMA, output=tmp_path / "whole", **CHOICES)
    listener = ForgetTasks(client)
    run = gpusynth.synthesize(
        data, SCHEMA, output=tmp_path / "out", client=client, listener=listener, **CHOICES
    )
    assert listener.left < 0
    assert files(run.path) == files(whole.path)


def test_a_damaged_model_is_fitted_again(data, tmp_path, client):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize(
            data, SCHEMA, output=out, client=client, listener=CutAt("replicate"), **CHOICES
        )
    model = sorted((out / WORK / "files").glob("model_*"))[3]
    content = bytearray(model.read_bytes())
    content[-40] ^= 1
    model.write_bytes(content)
    for replicate in (out / WORK / "output").glob("replicate_*"):
        replicate.unlink()
    run = gpusynth.resume(out, client=client)
    assert model.name in run.manifest["checkpoints"]["damaged_files"]
    whole = gpusynth.synthesize(data, SCHEMA, output=tmp_path / "whole", **CHOICES)
    assert files(out) == files(whole.path)


def test_only_texts_and_numbers_go_over_the_network(data, tmp_path, client, monkeypatch):
    seen = []
    plain = Workers.answers

    def answers(self, function, tasks):
        seen.extend(task.arguments for task in tasks)
        for task, answer in plain(self, function, tasks):
            seen.append(answer)
            yield task, answer

    monkeypatch.setattr(Workers, "answers", answers)
    gpusynth.synthesize(data, SCHEMA, output=tmp_path / "out", client=client, **CHOICES)
    assert len(seen) >= 2 * len(SCHEMA.names)
    for content in seen:
        assert json.loads(json.dumps(content)) == content
        assert len(json.dumps(content)) < 10_000


def test_the_error_of_a_worker_is_the_error_of_the_run(data, tmp_path, client):
    plan = Plan(methods={"staff": Cart(min_distinct_values=400)})
    with pytest.raises(TooFewDonorsError) as alone:
        gpusynth.synthesize(data, SCHEMA, plan, output=tmp_path / "one", **CHOICES)
    with pytest.raises(TooFewDonorsError) as many:
        gpusynth.synthesize(data, SCHEMA, plan, output=tmp_path / "many", client=client, **CHOICES)
    assert str(many.value) == str(alone.value)
    assert not (tmp_path / "many").exists()


def test_a_full_disk_under_a_worker_leaves_a_run_to_resume(data, tmp_path, monkeypatch):
    write = worker.write_step_models
    written = []

    def full(path, step, models, prepared):
        if len(written) == 4:
            raise output_error(path, OSError(errno.ENOSPC, ""))
        written.append(path)
        return write(path, step, models, prepared)

    monkeypatch.setattr(worker, "write_step_models", full)
    out = tmp_path / "out"
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    refused = pytest.raises(OutputError, match="No space left")
    with Client(processes=False, set_as_default=False, **options) as threads, refused as error:
        gpusynth.synthesize(data, SCHEMA, output=out, client=threads, **CHOICES)
    assert error.value.__notes__ == [f"resume with: gpusynth resume {out}"]
    assert not list((out / WORK / "files").glob("unfinished_*"))
    gpusynth.resume(out)
    whole = gpusynth.synthesize(data, SCHEMA, output=tmp_path / "whole", **CHOICES)
    assert files(out) == files(whole.path)


def test_what_cannot_be_distributed_is_refused(data, tmp_path, client, monkeypatch):
    with pytest.raises(OutputError, match="output="):
        gpusynth.synthesize(survey(50), SCHEMA, client=client)
    with pytest.raises(ClusterError, match="not str"):
        gpusynth.synthesize(data, SCHEMA, output=tmp_path / "a", client="local")
    monkeypatch.setattr(registry, "_methods", dict(registry._methods))
    monkeypatch.setattr(registry, "METHODS", registry._methods)

    @register_method("first")
    def first(target, predictors, synthetic, uniforms):
        return target[(uniforms[:, 0] * len(target)).astype(int)]

    plan = Plan(methods={"age": {"method": "first"}})
    with pytest.raises(PlanError, match=r"'age'.*user-written"):
        gpusynth.synthesize(data, SCHEMA, plan, output=tmp_path / "b", client=client)
    assert [p.name for p in tmp_path.iterdir()] == []
