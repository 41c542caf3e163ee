"""``gpusynth doctor``: what is there, what is missing, what to do."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from gpusynth.backends import Backend
from gpusynth.cli.main import main
from gpusynth.errors import BackendUnavailableError
from gpusynth.operations import doctor


def test_a_machine_that_has_everything(capsys):
    code = main(["doctor"])
    shown = capsys.readouterr().out
    assert code in (0, 1)  # 1 on a machine that is short of memory or disk
    for word in ("numba", "pyarrow", "extra evaluate", "memory", "cache"):
        assert word in shown


def test_a_missing_extra_comes_with_its_remedy(monkeypatch):
    def version(package: str) -> str:
        if package == "jinja2":
            raise metadata.PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(doctor.metadata, "version", version)
    found = {finding.what: finding for finding in doctor.examine()}
    assert found["extra report"].verdict == "optional"
    assert found["extra report"].found == "no jinja2"
    assert found["extra report"].remedy == 'pip install "gpusynth[report]"'
    assert found["extra dask"].verdict == "ok"


@pytest.mark.parametrize(
    ("switch", "setting", "remedy"),
    [
        ("GPUSYNTH_KERNEL_CACHE", "0", "Unset GPUSYNTH_KERNEL_CACHE"),
        ("NUMBA_CACHE_DIR", "/proc/nowhere", "Set NUMBA_CACHE_DIR"),
    ],
)
def test_a_cache_that_cannot_be_kept_is_a_problem(monkeypatch, capsys, switch, setting, remedy):
    monkeypatch.setenv(switch, setting)
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert main(["doctor", "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    [cache] = [finding for finding in findings if finding["what"] == "cache"]
    assert cache["verdict"] == "problem"
    assert remedy in cache["remedy"]


def test_devices_come_with_what_is_missing(monkeypatch):
    def choose(device: str, fitter: str) -> Backend:
        if fitter == "cuml":
            raise BackendUnavailableError("cuML is not installed. Install it with: pip")
        return Backend("cuda", "histogram", "NVIDIA H200")

    monkeypatch.setattr(doctor, "choose_backend", choose)
    found = {finding.what: finding for finding in doctor.examine()}
    assert found["GPU"] == doctor.Finding("devices", "GPU", "NVIDIA H200", "ok")
    assert found["cuML trees"].verdict == "optional"
    assert found["cuML trees"].remedy == "Install it with: pip"


def test_extras_are_those_of_the_package():
    """The list in the module is what pyproject says: a new extra must be added here too."""
    import tomllib
    from pathlib import Path

    file = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(file.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {
        extra: tuple(need.split(">")[0].split("[")[0] for need in needs)
        for extra, needs in extras.items()
        if extra != "all" and not extra.startswith(("cuda", "rapids"))
    }
    assert named == doctor._EXTRAS
