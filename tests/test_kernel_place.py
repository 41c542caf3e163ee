"""Where no directory can hold compiled kernels, they are compiled in every process."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from gpusynth import kernel_place
from gpusynth.errors import GpusynthWarning
from gpusynth.kernel_place import switch_cache_off_without_place

SWITCH = "GPUSYNTH_KERNEL_CACHE"


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_place.sys, "platform", "linux")
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


def writable(monkeypatch, *places: Path) -> None:
    """Let only these directories be written."""

    def access(path, mode):
        there = Path(path).exists()
        return there and (mode == os.F_OK or Path(path) in places)

    monkeypatch.setattr(kernel_place.os, "access", access)


def test_nowhere(monkeypatch):
    writable(monkeypatch)
    with pytest.warns(GpusynthWarning, match="set NUMBA_CACHE_DIR"):
        switch_cache_off_without_place()
    assert os.environ[SWITCH] == "0"
    with warnings.catch_warnings():  # told once, and not where the user has switched it off
        warnings.simplefilter("error")
        switch_cache_off_without_place()


@pytest.mark.parametrize("given", [False, True], ids=["the user's cache", "NUMBA_CACHE_DIR"])
def test_a_directory_that_can_be_made_is_enough(monkeypatch, tmp_path, given):
    if given:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "a" / "b"))
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    writable(monkeypatch, tmp_path)
    switch_cache_off_without_place()
    assert os.environ[SWITCH] == "1"


def test_a_file_in_the_way_is_no_directory(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    writable(monkeypatch, tmp_path, tmp_path / "file")
    with pytest.warns(GpusynthWarning, match="cannot be kept"):
        switch_cache_off_without_place()
