"""A saved model draws what the model in memory draws, from any process, without the data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth import Edit, Partial, Plan, Rule, Strata
from gpusynth.errors import DataError, ModelFileError, OutputError, PlanError
from gpusynth.io import read_model_file, write_model_file
from tests.behaviour.plan_survey import SCHEMA, survey

PLANS = {
    "default": Plan(),
    "strata": Plan(strata=Strata(columns=("sector", "state"), min_rows=40)),
    "conditions": Plan(
        methods={
            "state": "keep",
            "county": {"method": "nested", "parent": "state"},
            "total": {"method": "passive", "expression": "cost + profit"},
            "cost": {"method": "cart", "min_leaf": 20},
        },
        rules=(Rule(target="job", when="age < 16", value=None),),
        edits=(Edit(name="pay", holds="staff > 0 or pay = 0"),),
        smoothing={"cost": "density", "profit": "spline"},
    ),
    "parametric": Plan(default="parametric", smoothing={"cost": "rmean"}),
    "partial": Plan(partial=Partial(columns=("income", "age"), rows="state = 'TX'")),
    "predict only": Plan(predict_only=("state",), methods={"pay": "norm", "cost": "pmm"}),
}


@pytest.fixture(scope="module")
def real() -> pa.Table:
    return survey()


def model_of(real: pa.Table, plan: Plan, path: Path) -> gpusynth.FittedSynthesis:
    fitted = gpusynth.fit(real, SCHEMA, plan)
    fitted.save(path)
    return fitted


@pytest.mark.parametrize("name", PLANS)
def test_a_loaded_model_draws_the_same(real, tmp_path, name):
    path = tmp_path / "a.model"
    fitted = model_of(real, PLANS[name], path)
    loaded = gpusynth.load(path)
    assert loaded.schema == fitted.schema
    assert loaded.plan.fingerprint() == fitted.plan.fingerprint()
    for n_rows in (None, 37):
        before = fitted.sample(n_rows, 2, seed=5)
        after = loaded.sample(n_rows, 2, seed=5)
        assert all(one.equals(two) for one, two in zip(before, after, strict=True))


def test_a_start_table_is_in_the_file(real, tmp_path):
    start = tmp_path / "start.parquet"
    pq.write_table(real.select(["state", "age"]).slice(0, 50), start)
    plan = Plan(methods={"state": "keep", "age": "keep"}, start_table=str(start))
    path = tmp_path / "a.model"
    fitted = model_of(real, plan, path)
    start.unlink()
    assert gpusynth.load(path).sample(seed=3).equals(fitted.sample(seed=3))


def test_files_with_every_kind_of_column(tmp_path):
    random = np.random.default_rng(0)
    n = 70_000  # more distinct numbers than codes
    table = pa.table(
        {
            "id": pa.array(np.arange(n)),
            "text": pa.array(random.choice(["a", "b"], n), mask=random.random(n) < 0.1),
            "group": pa.array(random.choice(["x", "y", "z"], n)).dictionary_encode(),
            "money": np.round(np.exp(random.normal(8, 2, n)), 3),
            "day": pa.array(random.integers(0, 9000, n).astype(np.int32)).cast(pa.date32()),
            "flag": random.random(n) < 0.3,
        }
    )
    plan = Plan(methods={"money": {"method": "cart", "min_leaf": 500}})
    fitted = gpusynth.fit(table, plan=plan)
    fitted.save(tmp_path / "a.model")
    loaded = gpusynth.load(tmp_path / "a.model")
    one, two = (
        model.sample(1000, output=tmp_path / d) for model, d in [(fitted, "1"), (loaded, "2")]
    )
    assert one.replicates[0].sha256 == two.replicates[0].sha256


COMMAND = """
import sys
from gpusynth.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def gpusynth_command(*arguments: object, directory: Path) -> subprocess.CompletedProcess:
    root = Path(gpusynth.__file__).parents[1]
    paths = os.pathsep.join([str(root), str(root / "kernels")])
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_process_draws_the_same_bytes_without_the_data(real, tmp_path):
    data, model = tmp_path / "real.parquet", tmp_path / "a.model"
    pq.write_table(real, data)
    whole = gpusynth.synthesize(data, n_replicates=2, seed=9, output=tmp_path / "in_one")
    done = gpusynth_command("fit", data, "--output", model, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CONFIDENTIAL" in done.stdout
    assert model.stat().st_mode & 0o777 == 0o600
    data.unlink()
    options = ("--output", "later", "--replicates", "2", "--seed", "9", "--threads", "1")
    done = gpusynth_command("sample", model, *options, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    for replicate in whole.replicates:
        again = tmp_path / "later" / replicate.path.name
        assert again.read_bytes() == replicate.path.read_bytes()


def test_proper_and_user_written_models_are_refused(real, tmp_path):
    with pytest.raises(PlanError, match="fits every replicate anew"):
        gpusynth.fit(real, SCHEMA, Plan(proper="bootstrap"))

    @gpusynth.register_method("saved_test_method")
    def resized(target, predictors, synthetic, uniforms):
        return np.resize(target, len(uniforms))

    fitted = gpusynth.fit(real, SCHEMA, Plan(methods={"cost": "saved_test_method"}))
    with pytest.raises(PlanError, match="'cost' cannot be stored: its method is user-written"):
        fitted.save(tmp_path / "a.model")
    assert list(tmp_path.iterdir()) == []


def test_bad_files(real, tmp_path, capfd):
    path = tmp_path / "a.model"
    fitted = model_of(real, Plan(default="sample"), path)
    with pytest.raises(OutputError, match="exists"):
        fitted.save(path)
    fitted.save(path, overwrite=True)
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 40).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=r"a\.model"):
            gpusynth.load(path)
    path.write_bytes(whole[:-100])
    with pytest.raises(ModelFileError, match="truncated"):
        gpusynth.load(path)
    with pytest.raises(DataError, match="does not exist"):
        gpusynth.load(tmp_path / "absent")
    write_model_file(path, {}, [], kind="other", mark="", version="1", overwrite=True)
    with pytest.raises(ModelFileError, match="of the kind 'other'"):
        gpusynth.load(path)


def changed(document, path, to):
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return document


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        (("schema",), "{}", "its schema is damaged"),
        (("plan",), {"format": 99}, "this plan has format 99"),
        (("plan", "steps"), 3, "its plan"),
        (("plan", "schema_fingerprint"), "x", "plan is of another schema"),
        (("codecs",), {}, "codecs are of other columns"),
        (("codecs", "state", "levels"), [1], "a level of 'state' is no text"),
        (("codecs", "state", "levels"), ["AK"], "a code of 'state' is none"),
        (("codecs", "state", "automatic"), ["?"], "a missing code of 'state'"),
        (("codecs", "age", "code_values"), 0, "another type|do not ascend"),
        (("codecs", "age", "codec"), "levels", "its missing is missing"),
        (("codecs", "age", "answers"), ["x"], "age"),
        (("table", "n_rows"), 7, "is none of its codes"),
        (("table", "codes", "state"), 10**6, "array of 'state' is missing"),
        (("table", "codes"), {}, "a column of its table is missing"),
        (("source", "arrow_schema"), 2, "schema of its source|another type"),
        (("source", "n_rows"), "x", "rows of its source"),
        (("steps",), {}, "its 1 is missing"),
        (("steps", "1", "first"), -4, "arrays of step 1 are missing"),
        (("steps", "1", "models"), [], "step 1 has 0 models"),
        (("steps", "1", "models"), [{"model": "os.system", "fields": {}}], "unknown kind"),
        (("start",), [], "its start is missing"),
    ],
)
def test_forged_documents_are_refused(real, tmp_path, path, to, message):
    file = tmp_path / "a.model"
    if not _whole:
        model_of(real, Plan(default="sample"), file)
        _whole.append(read_model_file(file, kind="fitted synthesis"))
    whole = _whole[0]
    document = changed(_copy(whole.document), path, to)
    write_model_file(
        file, document, whole.arrays, kind=whole.kind, mark="", version="1", overwrite=True
    )
    with pytest.raises(ModelFileError, match=message):
        gpusynth.load(file)


_whole: list = []


def _copy(document):
    import copy

    return copy.deepcopy(document)
