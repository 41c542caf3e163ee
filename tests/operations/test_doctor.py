"""``gpusynth doctor``: what is there, what is missing, what to do."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from gpusynth.backends import Backend, DeviceFacts
from gpusynth.cli.main import main
from gpusynth.errors import BackendUnavailableError
from gpusynth.operations import doctor, kernel_cache


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


def test_a_cache_that_others_may_write_to_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    inside = tmp_path / "kernels"
    inside.mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    assert cache_finding() == doctor.Finding("kernels", "cache", str(tmp_path), "ok")
    inside.chmod(0o703)
    found = cache_finding()
    assert (found.verdict, found.found) == ("problem", f"{inside} is open to other users")
    assert "NUMBA_CACHE_DIR" in found.remedy
    inside.chmod(0o770)  # a group of its own name is a user's private one
    monkeypatch.setattr(kernel_cache, "_is_own_group", lambda _: True)
    assert cache_finding().verdict == "ok"
    monkeypatch.setattr(kernel_cache, "_is_own_group", lambda _: False)
    assert cache_finding().verdict == "problem"
    monkeypatch.setattr(kernel_cache.os, "geteuid", lambda: 12345)
    monkeypatch.setattr(kernel_cache, "_is_own_group", lambda _: True)
    assert (cache_finding().verdict == "ok") == (tmp_path.stat().st_uid == 0)


def cache_finding() -> doctor.Finding:
    [found] = [finding for finding in doctor.examine() if finding.what == "cache"]
    return found


def test_clusters_say_what_they_would_start(monkeypatch):
    versions = dict.fromkeys(("dask", "distributed", "cryptography", "dask-cuda"), "1.0")
    monkeypatch.setattr(doctor, "_version", versions.get)
    monkeypatch.setattr(doctor, "available_threads", lambda: 6)
    monkeypatch.setattr(doctor, "probe_device", lambda: DeviceFacts(n_devices=4))
    local, cuda = doctor._clusters()
    assert local.found.startswith("6 workers of one thread, ")
    assert (cuda.found, cuda.verdict) == ("dask-cuda 1.0, 4 workers, one a GPU", "ok")
    monkeypatch.setattr(doctor, "probe_device", DeviceFacts)
    assert doctor._clusters()[1].verdict == "optional"
    del versions["dask-cuda"]
    assert doctor._clusters()[1].found == "no dask-cuda"
    del versions["distributed"]
    for finding in doctor._clusters():
        assert (finding.found, finding.verdict) == ("no distributed", "optional")
        assert finding.remedy == 'pip install "gpusynth[dask]"'


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


@pytest.mark.parametrize(("rapids", "verdict"), [({}, "optional"), ({"cudf": "26.10.2"}, "ok")])
def test_cudf_is_found_without_importing_it(monkeypatch, rapids, verdict):
    facts = DeviceFacts(rapids=rapids)
    monkeypatch.setattr("gpusynth.operations.doctor.probe_device", lambda: facts)
    found = {finding.what: finding for finding in doctor.examine()}["cuDF files and frames"]
    assert found.verdict == verdict
    assert found.found == rapids.get("cudf", "missing")
    assert ("rapids-cu13" in found.remedy) == (verdict == "optional")
