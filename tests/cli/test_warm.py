"""``gpusynth warm``: one line a backend, and an error where there is none."""

import pytest

from gpusynth.backends import DeviceFacts, choose
from gpusynth.cli.main import main


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    defaults = {"probe": lambda: DeviceFacts()}
    monkeypatch.setattr(choose.choose_backend, "__kwdefaults__", defaults)


def test_what_was_compiled_is_said(capsys):
    assert main(["warm"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("kernels for cpu: ")
    assert "device auto took the processor" in said


def test_a_switch_and_a_gpu_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setenv("GPUSYNTH_KERNEL_CACHE", "0")
    assert main(["warm", "--device", "cpu"]) == 0
    assert "nothing was kept" in capsys.readouterr().out
    assert main(["warm", "--device", "cuda"]) == 2
    assert "no NVIDIA driver" in capsys.readouterr().err
