"""Released models on the simulated device: the file is the processor's, and so are its rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.datasets import firms
from gpusynth.engine import device, fit_released
from gpusynth.engine.draw.resident import ResidentColumns
from gpusynth.methods import Block, DrawnColumns
from gpusynth.streams import StreamKey
from gpusynth.trees import DrawTable, PredictorTable
from gpusynth_kernels.cuda.traffic import counted

REAL = firms(400, columns=7, seed=1)
FEW = REAL.select([0, 2, 4])
UNITED = FEW.append_column("firm", [[f"f{row % 150}" for row in range(400)]])


@pytest.mark.parametrize("case", ["plain", "weighted"])
def test_the_file_is_that_of_the_processor(tmp_path, case):
    options = {"real": FEW, "min_units": 10}
    if case == "weighted":
        weight = [1.0 + row * 0.37 % 3 for row in range(400)]
        options["real"] = UNITED.append_column("weight", [weight])
        names = {"firm": "key", "weight": "weight"}
        options["schema"] = gpusynth.infer_schema(options["real"]).schema
        columns = (
            one.model_copy(update={"role": names.get(one.name, one.role)})
            for one in options["schema"].columns
        )
        options["schema"] = gpusynth.Schema(columns=tuple(columns))
        options["plan"] = gpusynth.Plan(default={"method": "cart", "weighted": True})
        options["unit"] = "firm"
    real = options.pop("real")
    files = []
    for place in ("cuda", "cpu"):
        with counted() as seen:
            fit_released(real, tmp_path / place, device=place, **options)
        assert (seen.launches > 20) == (place == "cuda")
        files.append((tmp_path / place).read_bytes())
    assert files[0] == files[1]


def test_rows_of_a_released_model_walk_on_the_device(tmp_path, quick_fits):
    gpusynth.fit(REAL, device="cuda").release(tmp_path / "model")
    loaded = gpusynth.load(tmp_path / "model")
    with counted() as seen:
        there = loaded.sample(300, seed=3, device="cuda")
    assert seen.launches >= REAL.num_columns - 1
    with counted() as seen:
        here = loaded.sample(300, seed=3)
    assert seen.launches == 0
    assert there.equals(here)


def test_command_line(tmp_path, quick_fits):
    data, models = tmp_path / "firms.parquet", []
    pq.write_table(REAL, data)
    for place in ("cuda", "cpu"):
        model, out = tmp_path / place, tmp_path / f"from_{place}"
        asked = ["--device", place, "--quiet"]
        assert main(["fit", str(data), "--output", str(model), "--release", *asked]) == 0
        assert main(["sample", str(model), "--output", str(out), *asked]) == 0
        models.append(model.read_bytes())
        models.append((out / "replicate_001.parquet").read_bytes())
    assert models[:2] == models[2:]


def money(n=900):
    """Numbers of each sort: with and without decimals, whole, few and many, with states."""
    rng = np.random.default_rng(8)
    size = rng.lognormal(2, 1, n)
    region = np.array(["N", "S", "E", "W"])[rng.integers(0, 4, n)]
    return pa.table(
        {
            "region": region,
            "staff": (5 * size).astype(np.int64),
            "sales": np.round(1000 * size * rng.uniform(0.5, 2, n), 2),
            "ratio": pa.array(rng.normal(-1, 3, n), mask=rng.random(n) < 0.2),
            "debt": pa.array((size * 1e4).astype(np.int64), mask=rng.random(n) < 0.3),
            "change": np.round(rng.normal(0, 0.2, n), 1),
            "trade": [f"t{row}" for row in rng.integers(0, 30, n)],
        }
    )


@pytest.fixture(scope="module")
def bins(tmp_path_factory):
    model = tmp_path_factory.mktemp("released") / "model"
    fit_released(money(), model, min_units=5)
    return gpusynth.load(model)


def test_answers_are_drawn_where_the_trees_are_walked(bins, monkeypatch):
    stayed = []
    put = ResidentColumns.put

    def noting(self, name, first_row, drawn):
        stayed.append(name)
        put(self, name, first_row, drawn)

    monkeypatch.setattr(ResidentColumns, "put", noting)
    monkeypatch.setattr(device, "DEVICE_BLOCK_ROWS", 500)
    with counted() as seen:
        there = bins.sample(800, seed=5, device="cuda", threads=1)
    here = bins.sample(800, seed=5)
    assert set(stayed) == set(there.column_names)
    assert there.equals(here)
    for name in there.column_names:  # signs of zero, too
        for one, other in zip(there[name].chunks, here[name].chunks, strict=True):
            assert [part and part.to_pybytes() for part in one.buffers()] == [
                part and part.to_pybytes() for part in other.buffers()
            ]
    assert seen.bytes_to_host <= 800 * 60


def test_chosen_rows_are_drawn_by_the_host(bins):
    """A draw of chosen rows, whose trees alone are walked on the device."""
    fitted = bins._synthesis.prepared
    for step in fitted.plan.steps:
        model = bins._models[step.number].of(1)
        table = DrawTable(fitted.predictors.layout, 60)
        block = Block(0, 60, 60, positions=np.arange(3, 50, 5, dtype=np.int32))
        host = PredictorTable(fitted.predictors.layout, 60)
        key = StreamKey(4, step=step.number)
        there = model.draw(DrawnColumns(table, None), key, block)
        here = model.draw(DrawnColumns(host, None), key, block)
        for one, other in zip(there, here, strict=True):
            assert np.array_equal(one, other)
