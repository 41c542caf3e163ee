"""The steps of `docker/Dockerfile.cpu` install a program that starts, in a clean environment.

No engine runs here: the lines of the file are carried out in a directory. What `Dockerfile.cuda`
installs are gigabytes: only whether all of it can be had together is asked. Both are skipped where
pip reaches no index.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"


def steps_of(name):
    """Return the instructions of a Dockerfile, each in one line, stage by stage."""
    text = re.sub(r"\\\n\s*", " ", (DOCKER / name).read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    stages = []
    for line in lines:
        if line.startswith("FROM"):
            stages.append([])
        elif stages:
            word, _, rest = line.partition(" ")
            stages[-1].append((word, rest.strip()))
    return stages


def reaches_an_index(place):
    asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(place)]
    done = subprocess.run([*asked, "tomlkit"], capture_output=True, check=False, timeout=60)
    return done.returncode == 0


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.cuda"])
def test_images_run_as_a_user_who_may_write_nothing_but_temporary_files(name):
    build, last = steps_of(name)
    assert [rest for word, rest in last if word == "USER"][-1] == "10001"
    assert not any("pip install" in rest or "apt" in rest for _, rest in last)
    settings = " ".join(rest for word, rest in last if word == "ENV")
    assert "NUMBA_CACHE_DIR=/tmp/" in settings
    assert [word for word, _ in last].count("HEALTHCHECK") == 1
    copied = {part for word, rest in build if word == "COPY" for part in rest.split()[:-1]}
    assert all((ROOT / part).exists() for part in copied)


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile.cuda"])
def test_hadolint_finds_nothing(name):
    beside = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    hadolint = beside or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, DOCKER / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="wheels for CUDA are those of Linux")
def test_what_the_image_for_gpus_installs_can_be_had_together(tmp_path):
    if not reaches_an_index(tmp_path / "reached"):
        pytest.skip("pip reaches no index")
    build, _ = steps_of("Dockerfile.cuda")
    (extras,) = re.findall(r'pip install --no-cache-dir "\.(\[.+?\])"', str(dict(build)["RUN"]))
    report = tmp_path / "report.json"
    asked = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    done = subprocess.run(
        [*asked, "--report", str(report), f"{ROOT}{extras}"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = {one["metadata"]["name"] for one in json.loads(report.read_text())["install"]}
    assert {"gpusynth", "cupy-cuda13x", "numba-cuda", "dask", "scikit-learn"} <= found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the steps are those of a Linux image")
def test_the_steps_of_the_image_install_a_program_that_starts(tmp_path):
    if not reaches_an_index(tmp_path / "reached"):
        pytest.skip("pip reaches no index")
    build, last = steps_of("Dockerfile.cpu")
    source, venv = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    clean = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for word, rest in build:
        if word == "COPY":
            for part in rest.split()[:-1]:
                copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
                copy(ROOT / part, source / part)
        elif word == "RUN" and "warm_up" not in rest:  # compiles for a minute
            command = rest.replace("/venv", str(venv))
            done = subprocess.run(
                ["sh", "-c", command], cwd=source, env=clean, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    (venv / "kernels").mkdir()
    for path in (venv / "kernels", venv):
        path.chmod(0o555)
    check = next(rest for word, rest in last if word == "HEALTHCHECK")
    health = json.loads(check[check.index("[") :])
    entrypoint = (DOCKER / "entrypoint.sh").read_text(encoding="utf-8")
    (tmp_path / "entrypoint").write_text(entrypoint.replace("/venv", str(venv)), encoding="utf-8")
    cache = tmp_path / "kernels"
    environment = clean | {"PATH": f"{venv / 'bin'}:/usr/bin:/bin", "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        ["sh", str(tmp_path / "entrypoint"), *health],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    venv.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert re.match(r"gpusynth \d+\.\d+", done.stdout), done.stdout
    assert cache.is_dir()
