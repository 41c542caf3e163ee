"""The option of the device, as a user gives it, on machines with and without a GPU."""

import json

import pyarrow as pa
import pytest

import gpusynth
from gpusynth.backends import DeviceFacts, choose
from gpusynth.cli.main import main
from gpusynth.engine import RunSettings, fit_released
from gpusynth.engine.settings import check_cluster
from gpusynth.errors import BackendUnavailableError, PlanError
from gpusynth.imputation import ImputationSettings
from gpusynth.operations.replay import replay

REAL = pa.table({"region": ["N", "S"] * 30, "staff": list(range(60))})


@pytest.fixture
def no_gpu(monkeypatch):
    # the default of `probe` was bound when the module was read
    defaults = {"probe": lambda: DeviceFacts()}
    monkeypatch.setattr(choose.choose_backend, "__kwdefaults__", defaults)


def test_auto_gives_the_bytes_of_the_processor_and_a_note(no_gpu, tmp_path):
    runs = {
        device: gpusynth.synthesize(REAL, seed=3, output=tmp_path / device, device=device)
        for device in ("cpu", "auto")
    }
    assert runs["cpu"].replicates[0].sha256 == runs["auto"].replicates[0].sha256
    assert runs["auto"].manifest["backend"]["device"] == "cpu"
    assert [n for n in runs["auto"].manifest["notes"] if "no NVIDIA driver" in n]
    assert runs["cpu"].manifest["notes"] == []


def test_cuda_without_a_gpu_leaves_nothing(no_gpu, tmp_path):
    with pytest.raises(BackendUnavailableError, match="no NVIDIA driver"):
        gpusynth.synthesize(REAL, output=tmp_path / "run", device="cuda")
    with pytest.raises(BackendUnavailableError, match="no NVIDIA driver"):
        gpusynth.fit(REAL, device="cuda")
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_says_it_in_one_line(no_gpu, tmp_path, capsys):
    file = tmp_path / "real.csv"
    file.write_text("a,b\n" + "1,x\n2,y\n" * 20)
    out = tmp_path / "run"
    assert main(["run", "--data", str(file), "--output", str(out), "--device", "cuda"]) == 2
    assert "no NVIDIA driver" in capsys.readouterr().err
    assert not out.exists()
    options = ["--device", "auto", "--quiet", "--no-utility"]
    assert main(["run", "--data", str(file), "--output", str(out), *options]) == 0
    assert json.loads((out / "manifest.json").read_text())["backend"]["fitter"] == "histogram"


def test_impute_takes_a_device(no_gpu, tmp_path, capsys):
    file, out = tmp_path / "real.csv", tmp_path / "run"
    file.write_text("a,b\n" + "1,x\n2,y\n,x\n" * 20)
    asked = ["impute", str(file), "--output", str(out), "--imputations", "1", "--iterations", "1"]
    assert main([*asked, "--device", "cuda"]) == 2
    assert "no NVIDIA driver" in capsys.readouterr().err
    assert main([*asked, "--fitter", "cuml"]) == 2
    assert 'ask for device "cuda"' in capsys.readouterr().err
    assert not out.exists()
    assert main([*asked, "--device", "auto"]) == 0
    assert "device auto took the processor" in capsys.readouterr().out
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["backend"] == {"device": "cpu", "fitter": "histogram", "name": "cpu"}
    assert [note for note in manifest["notes"] if "no NVIDIA driver" in note]
    table = pa.table({"region": ["N", "S", None] * 20, "staff": list(range(60))})
    made = {
        device: gpusynth.impute(table, n_imputations=1, iterations=1, device=device).tables()
        for device in ("cpu", "auto")
    }
    assert made["cpu"] == made["auto"]
    with pytest.raises(BackendUnavailableError, match="no NVIDIA driver"):
        gpusynth.impute(table, device="cuda")


def test_a_released_model_takes_a_device(no_gpu, tmp_path):
    models = {device: tmp_path / device for device in ("cpu", "auto")}
    for device, model in models.items():
        gpusynth.fit(REAL, device=device).release(model)
    assert models["cpu"].read_bytes() == models["auto"].read_bytes()
    with pytest.raises(BackendUnavailableError, match="no NVIDIA driver"):
        fit_released(REAL, tmp_path / "model", device="cuda")
    with pytest.raises(BackendUnavailableError, match='ask for device "cuda"'):
        fit_released(REAL, tmp_path / "model", fitter="cuml")
    assert not (tmp_path / "model").exists()


def test_evaluate_takes_a_device(no_gpu, tmp_path, capsys):
    file = tmp_path / "real.csv"
    file.write_text("a,b\n" + "1,x\n2,y\n" * 20)
    files = ["evaluate", "--real", str(file), "--synthetic", str(file), "--quick", "--k", "1"]
    assert main([*files, "--device", "cuda"]) == 2
    assert "no NVIDIA driver" in capsys.readouterr().err
    assert main([*files, "--device", "auto"]) == 0
    assert "device auto took the processor" in capsys.readouterr().err
    with pytest.raises(BackendUnavailableError, match="no NVIDIA driver"):
        gpusynth.evaluate(REAL, REAL, device="cuda")


def test_cuml_is_refused_on_a_cluster_and_before_a_replay(tmp_path):
    settings = RunSettings(device="cuda", fitter="cuml", checkpoints=True)
    with pytest.raises(PlanError, match="need not grow the same tree"):
        check_cluster(settings, object())
    check_cluster(settings, None)
    check_cluster(RunSettings(), object())
    run = gpusynth.synthesize(REAL, output=tmp_path / "run")
    text = (tmp_path / "run" / "manifest.json").read_text()
    assert '"fitter": "histogram"' in text
    changed = text.replace('"fitter": "histogram"', '"fitter": "cuml"')
    (tmp_path / "run" / "manifest.json").write_text(changed)
    with pytest.raises(PlanError, match="cannot be replayed"):
        replay(run.path, REAL)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"device": "gpu"}, "device must be cpu, cuda or auto"),
        ({"fitter": "xgboost"}, "fitter must be histogram, cuml or auto"),
    ],
)
def test_settings_that_are_wrong(wrong, message):
    with pytest.raises(PlanError, match=message):
        RunSettings(**wrong)
    with pytest.raises(PlanError, match=message):
        ImputationSettings(**wrong)
