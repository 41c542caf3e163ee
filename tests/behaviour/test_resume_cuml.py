"""A run whose trees cuML grows can be resumed: what was put down is used, the rest is grown."""

import sys
import types

import pytest

import gpusynth
from gpusynth.backends import Backend
from gpusynth.datasets import firms
from gpusynth.engine.device import DevicePlan
from gpusynth.errors import BackendUnavailableError

treelite = pytest.importorskip("treelite")
ensemble = pytest.importorskip("sklearn.ensemble")

REAL = firms(60, seed=3, columns=9).select(["FIPST", "SECTOR", "EMPLOYMENT_NOISY"])
CUML = Backend("cuda", "cuml", "a GPU", "may give other bytes")


class Cut:
    """Interrupts the run when so many columns are fitted in one phase."""

    def __init__(self, after=2):
        self.after = after

    def start(self, phase, work):
        self.left = self.after

    def advance(self, label, *, work, rows):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture
def fits(monkeypatch):
    """Return the forests grown; no two are alike, as cuML's need not be."""
    grown = []

    def forest(kind):
        def make(**settings):
            names = ("n_estimators", "bootstrap", "max_depth", "min_samples_leaf", "max_features")
            own = kind(**{name: settings[name] for name in names}, random_state=len(grown))
            own.as_treelite = lambda: treelite.sklearn.import_model(own)
            grown.append(own)
            return own

        return make

    package, module = types.ModuleType("cuml"), types.ModuleType("cuml.ensemble")
    module.RandomForestClassifier = forest(ensemble.RandomForestClassifier)
    module.RandomForestRegressor = forest(ensemble.RandomForestRegressor)
    monkeypatch.setitem(sys.modules, "cuml", package)
    monkeypatch.setitem(sys.modules, "cuml.ensemble", module)
    launch = types.ModuleType("gpusynth_kernels.cuda.launch")
    launch.to_device = lambda host: host
    monkeypatch.setitem(sys.modules, "gpusynth_kernels.cuda.launch", launch)
    monkeypatch.setattr("gpusynth.trees.cuml.device_memory", lambda: 10**9)
    # synthetic rows lie on the host, as where a device has no room for them
    nothing = DevicePlan(0, 0, 1, 1 << 20, n_tables=0, room_bytes=0)
    planned = "gpusynth.engine.draw.allocation.plan_device"
    monkeypatch.setattr(planned, lambda *given, **more: nothing)
    # what a load of the kernels would launch on a device
    monkeypatch.setattr("gpusynth.engine.synthesis.warm_up", lambda backend: None)
    for place in ("engine.library", "engine.resuming", "linked.prepared_family"):
        monkeypatch.setattr(f"gpusynth.{place}.choose_backend", lambda *asked: CUML)
        monkeypatch.setattr(f"gpusynth.{place}.share_memory", lambda *asked, **more: None)
    return grown


def begin(tmp_path, **options):
    chosen = {"output": tmp_path / "run", "n_replicates": 2, "seed": 5, "threads": 1, **options}
    return gpusynth.synthesize(
        REAL, device="cuda", fitter="cuml", checkpoints=True, keep_models=True, **chosen
    )


def test_what_was_put_down_is_used(tmp_path, fits):
    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path, listener=Cut())
    n_before = len(fits)
    models = {p.name: p.read_bytes() for p in tmp_path.rglob("model_*")}
    assert models
    run = gpusynth.resume(tmp_path / "run", REAL, threads=1)
    kept = {p.name: p.read_bytes() for p in run.path.rglob("model_*")}
    assert models.items() <= kept.items()
    assert len(fits) - n_before <= len(kept) - len(models)
    assert run.manifest["backend"]["fitter"] == "cuml"
    assert run.manifest["checkpoints"]["times_resumed"] == 1
    assert "may give other bytes" in run.manifest["notes"]


def test_without_cuml_a_run_is_left_for_a_machine_that_has_it(tmp_path, fits, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path, listener=Cut())

    def none(device, fitter):
        assert (device, fitter) == ("cuda", "cuml")
        raise BackendUnavailableError("cuML is not installed")

    monkeypatch.setattr("gpusynth.engine.resuming.choose_backend", none)
    with pytest.raises(BackendUnavailableError):
        gpusynth.resume(tmp_path / "run", REAL, threads=1)
    monkeypatch.setattr("gpusynth.engine.resuming.choose_backend", lambda *asked: CUML)
    assert gpusynth.resume(tmp_path / "run", REAL, threads=1).replicates


def test_linked_files_take_the_fitter_too(tmp_path, fits):
    parents = REAL.append_column("firm", [list(range(60))])
    data = {"firms": parents, "plants": REAL.append_column("firm", [[*range(30)] * 2])}
    links = [gpusynth.Link(child="plants", parent="firms", key="firm")]
    asked = {"output": tmp_path / "run", "threads": 1, "device": "cuda", "fitter": "cuml"}
    with pytest.raises(KeyboardInterrupt):
        gpusynth.synthesize_linked(data, links, checkpoints=True, listener=Cut(4), **asked)
    n_before = len(fits)
    assert n_before
    run = gpusynth.resume_linked(tmp_path / "run", data, threads=1)
    assert len(fits) > n_before
    assert run.manifest["backend"]["fitter"] == "cuml"
    with pytest.raises(gpusynth.PlanError, match="fitter must be histogram, cuml or auto"):
        gpusynth.synthesize_linked(data, links, fitter="mine")
