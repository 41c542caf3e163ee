"""One thread for linear algebra, where threadpoolctl is there."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from gpusynth.evaluate.threads import one_thread


def test_one_thread_inside_and_as_before_outside():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    np.linalg.eigvalsh(np.eye(2))
    before = threadpoolctl.threadpool_info()
    with one_thread():
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {1}
    assert threadpoolctl.threadpool_info() == before


def test_without_threadpoolctl_nothing_is_limited(monkeypatch):
    genuine = builtins.__import__
    asked = []

    def refuse(name, *args, **kwargs):
        if name == "threadpoolctl":
            asked.append(name)
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with one_thread():
        assert asked == ["threadpoolctl"]
