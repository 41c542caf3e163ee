"""Released models on the simulated device: the file is the processor's, and so are its rows."""

import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.cli.main import main
from gpusynth.datasets import firms
from gpusynth.engine import fit_released
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
    for device in ("cuda", "cpu"):
        with counted() as seen:
            fit_released(real, tmp_path / device, device=device, **options)
        assert (seen.launches > 20) == (device == "cuda")
        files.append((tmp_path / device).read_bytes())
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
    for device in ("cuda", "cpu"):
        model, out = tmp_path / device, tmp_path / f"from_{device}"
        asked = ["--device", device, "--quiet"]
        assert main(["fit", str(data), "--output", str(model), "--release", *asked]) == 0
        assert main(["sample", str(model), "--output", str(out), *asked]) == 0
        models.append(model.read_bytes())
        models.append((out / "replicate_001.parquet").read_bytes())
    assert models[:2] == models[2:]
