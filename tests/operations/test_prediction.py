"""Small runs extended to large ones: what grows, how, and with which number."""

from __future__ import annotations

import pytest

from gpusynth.operations.prediction import (
    BYTES_PER_ENCODED,
    FIT_EXPONENT,
    Timed,
    predict_bytes,
    predict_phases,
)


def _timed(n_rows: int, **phases: float) -> Timed:
    return Timed(
        n_rows=n_rows,
        phases={"fit and draw": 2.0, "load kernels": 0.5, "encode": 1.0, "write": 0.25, **phases},
        fit_share=0.75,
        peak_bytes=300_000_000 + 100 * n_rows,
        encoded_bytes=40 * n_rows,
        file_bytes=1_000 + 20 * n_rows,
    )


def test_a_run_of_the_larger_sample_itself_is_predicted_as_it_was():
    small, large = _timed(1_000, encode=0.4), _timed(4_000)
    seconds = predict_phases(small, large, n_rows=4_000, n_out=4_000, n_replicates=1)
    assert seconds["fit"] + seconds["draw"] == pytest.approx(2.0)
    assert seconds["encode"] == pytest.approx(1.0)
    need = predict_bytes(small, large, n_rows=4_000, n_out=4_000, n_replicates=1)
    assert need["memory"] == large.peak_bytes
    assert need["output"] == large.file_bytes


def test_each_phase_grows_with_its_own_rows():
    small, large = _timed(1_000, encode=0.4, write=0.1), _timed(4_000)
    seconds = predict_phases(small, large, n_rows=40_000, n_out=8_000, n_replicates=5, fits=5)
    assert seconds["fit"] == pytest.approx(5 * 1.5 * 10**FIT_EXPONENT)
    assert seconds["draw"] == pytest.approx(0.5 * 10)
    assert seconds["encode"] == pytest.approx(0.2 + 0.0002 * 40_000)
    assert seconds["write"] == pytest.approx(0.05 + 0.00005 * 40_000)
    assert seconds["load kernels"] == 0.5  # once, however many rows


def test_a_phase_that_was_no_slower_on_more_rows_grows_in_proportion():
    small, large = _timed(1_000, encode=1.2), _timed(4_000)
    seconds = predict_phases(small, large, n_rows=40_000, n_out=1, n_replicates=1)
    assert seconds["encode"] == pytest.approx(10.0)


def test_memory_grows_with_codes_and_replicates():
    small, large = _timed(1_000), _timed(4_000)
    one = predict_bytes(small, large, n_rows=40_000, n_out=40_000, n_replicates=1)
    assert one["memory"] == large.peak_bytes + BYTES_PER_ENCODED * 40 * 36_000
    two = predict_bytes(small, large, n_rows=40_000, n_out=40_000, n_replicates=2)
    assert two["memory"] - one["memory"] == 2 * 40 * 40_000
    assert two["output"] == 2 * one["output"]
    assert two["drawing"] == 2 * two["encoded"]


def test_a_manifest_gives_what_is_needed():
    manifest = {
        "input": {"n_rows": 7},
        "timings": {"fit_cpu_seconds": 3.0, "draw_cpu_seconds": 1.0, "phases": {"encode": 2.0}},
        "peak_memory_bytes": 11,
        "encoded_bytes": 13,
    }
    timed = Timed.of(manifest, 17)
    assert (timed.n_rows, timed.fit_share, timed.file_bytes) == (7, 0.75, 17)
    idle = {**manifest, "timings": {**manifest["timings"]}}
    idle["timings"].update(fit_cpu_seconds=0.0, draw_cpu_seconds=0.0)
    assert Timed.of(idle, 0).fit_share == 0.5
