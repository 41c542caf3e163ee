"""Every way in which a device cannot be had says so, and says what to install."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gpusynth.backends import CPU, DeviceFacts, choose_backend
from gpusynth.backends import probe as probe_module
from gpusynth.errors import BackendUnavailableError

GOOD = DeviceFacts(
    driver=13_000,
    cupy="14.2.0",
    numba_cuda="0.30.4",
    runtime=13_000,
    n_devices=1,
    name="NVIDIA H200",
    capability=(9, 0),
    rapids={"cuml": "26.10.00", "cudf": "26.10.2", "rmm": "26.10.0"},
)

NO_DEVICE = {
    "no driver": ({"driver": 0}, "no NVIDIA driver was found"),
    "old driver": ({"driver": 11_080}, "runs CUDA 11.8, and 12.0 is needed"),
    "no CuPy": ({"cupy": None}, "CuPy is not installed"),
    "no numba-cuda": ({"numba_cuda": None}, "CuPy is there, but numba-cuda is not installed"),
    "another numba-cuda": ({"numba_cuda": "0.28.1"}, "not of the series"),
    "CuPy ahead of the driver": ({"driver": 12_080}, "built for CUDA 13.0"),
    "CuPy fails": ({"trouble": "CUDARuntimeError: unknown error"}, "cannot use the GPU"),
    "no GPU": ({"n_devices": 0}, "shows no GPU"),
    "no compiler": ({"has_compiler": False}, "libNVVM"),
    "Volta with CUDA 13": ({"capability": (7, 0), "name": "V100"}, "CUDA 13 supports 7.5"),
    "old GPU": ({"capability": (6, 1), "name": "Tesla P100"}, "compute capability 6.1"),
}
NO_CUML = {
    "no cuML": ({"rapids": {}}, "cuML is not installed"),
    "mixed": (
        {"rapids": {"cuml": "26.10.0", "cudf": "26.08.0"}},
        r"different releases \(cudf 26.08.0, cuml 26.10.0\)",
    ),
    "old cuML": ({"rapids": {"cuml": "26.06.0"}}, "outside the releases"),
    "new cuML": ({"rapids": {"cuml": "27.02.0"}}, "outside the releases"),
    "simulator": ({"simulated": True}, "simulator is none"),
}
ADVICE = r'pip install "gpusynth\[(rapids-cu|cuda)1[23]\]"|device "cpu"|driver 525|"histogram"'


def with_facts(**changed):
    return lambda: replace(GOOD, **changed)


@pytest.mark.parametrize("case", NO_DEVICE)
def test_a_device_that_cannot_be_had_is_an_error_with_a_remedy(case):
    changed, message = NO_DEVICE[case]
    with pytest.raises(BackendUnavailableError, match=message) as raised:
        choose_backend("cuda", probe=with_facts(**changed))
    with pytest.raises(BackendUnavailableError, match=ADVICE):
        raise raised.value


@pytest.mark.parametrize("case", NO_DEVICE)
def test_auto_takes_the_processor_and_says_why_in_one_line(case):
    changed, message = NO_DEVICE[case]
    backend = choose_backend("auto", probe=with_facts(**changed))
    assert (backend.device, backend.fitter) == ("cpu", "histogram")
    assert backend.note.startswith("device auto took the processor: ")
    assert message.split("\\")[0] in backend.note
    assert "\n" not in backend.note


@pytest.mark.parametrize("device", ["cuda", "auto"])
@pytest.mark.parametrize("case", NO_CUML)
def test_cuml_is_never_replaced_in_silence(case, device):
    changed, message = NO_CUML[case]
    with pytest.raises(BackendUnavailableError, match=message) as raised:
        choose_backend(device, "cuml", probe=with_facts(**changed))
    with pytest.raises(BackendUnavailableError, match=ADVICE):
        raise raised.value


def test_what_is_there_is_taken():
    assert choose_backend("cuda", probe=with_facts()).to_json() == {
        "device": "cuda",
        "fitter": "histogram",
        "name": "NVIDIA H200",
    }
    assert choose_backend("auto", "cuml", probe=with_facts()).fitter == "cuml"
    assert choose_backend("cuda", "cuml", probe=with_facts(rapids={"cuml": "26.8.1"})).on_device
    assert choose_backend("cuda", probe=lambda: DeviceFacts(simulated=True)).on_device


def test_the_extra_suits_the_driver():
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[cuda12\]"):
        choose_backend("cuda", probe=with_facts(driver=12_040, cupy=None))
    with pytest.raises(BackendUnavailableError, match=r"gpusynth\[rapids-cu12\]"):
        older = with_facts(driver=12_040, runtime=12_000, rapids={})
        choose_backend("cuda", "cuml", probe=older)


def test_the_processor_asks_nothing_of_the_machine():
    def never():
        raise AssertionError("probed")

    assert choose_backend("cpu", probe=never) is CPU
    with pytest.raises(BackendUnavailableError, match='ask for device "cuda"'):
        choose_backend("cpu", "cuml", probe=never)


def test_a_probe_only_looks(monkeypatch):
    monkeypatch.setattr(probe_module, "_driver_version", lambda: 12_020)
    monkeypatch.setattr(probe_module, "_first_version", lambda packages: "1.2.3")
    monkeypatch.setattr(probe_module, "_ask_cupy", lambda: {"n_devices": 2, "name": "GPU"})
    monkeypatch.setattr(probe_module, "_has_compiler", lambda: True)
    facts = probe_module.probe_device()
    assert (facts.driver, facts.cupy, facts.n_devices, facts.name) == (12_020, "1.2.3", 2, "GPU")
    assert set(facts.rapids) == {"cuml", "cudf", "rmm"}


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("cudaErrorNoDevice: no CUDA-capable device is detected", ""),
        ("cudaErrorUnknown: unknown error", "RuntimeError: cudaErrorUnknown: unknown error"),
    ],
)
def test_a_gpu_that_is_hidden_is_no_trouble_of_cupy(said, trouble, monkeypatch):
    def count():
        raise RuntimeError(said)

    runtime = SimpleNamespace(runtimeGetVersion=lambda: 13_000, getDeviceCount=count)
    cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert probe_module._ask_cupy().get("trouble", "") == trouble


@pytest.mark.parametrize("found", [True, False])
def test_the_compiler_is_looked_for_as_numba_cuda_does(found, monkeypatch):
    def load(name):
        assert name == "nvvm"
        if not found:
            raise OSError("nowhere")

    finder = SimpleNamespace(load_nvidia_dynamic_lib=load, DynamicLibNotFoundError=OSError)
    monkeypatch.setitem(sys.modules, "cuda", SimpleNamespace(pathfinder=finder))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    assert probe_module._has_compiler() is found
    monkeypatch.setattr(probe_module, "_driver_version", lambda: 13_000)
    monkeypatch.setattr(probe_module, "_first_version", lambda packages: "0.30.4")
    monkeypatch.setattr(probe_module, "_ask_cupy", dict)
    assert probe_module.probe_device().has_compiler is found
