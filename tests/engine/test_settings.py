"""Numbers of a run."""

from __future__ import annotations

import numpy as np
import pytest

from gpusynth.engine import RunSettings, available_threads
from gpusynth.errors import PlanError


def test_threads_are_all_by_default():
    assert RunSettings().n_threads == available_threads() >= 1
    assert RunSettings(threads=3).n_threads == 3


def test_numbers_of_numpy_are_whole_numbers():
    settings = RunSettings(seed=np.uint64(7), n_rows=np.int32(5))
    assert settings == RunSettings(seed=7, n_rows=5)
    assert type(settings.seed) is int


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_replicates", 0),
        ("n_replicates", 65_536),
        ("n_rows", 0),
        ("seed", -1),
        ("seed", 1 << 64),
        ("threads", 0),
        ("batch_rows", 0),
        ("n_rows", 2.5),
        ("n_rows", np.float64(2.0)),
        ("seed", True),
        ("seed", None),
        ("n_replicates", None),
        ("batch_rows", None),
    ],
)
def test_out_of_range(name, value):
    with pytest.raises(PlanError, match=name):
        RunSettings(**{name: value})


def test_format():
    with pytest.raises(PlanError, match="parquet or csv"):
        RunSettings(format="sav")
