"""Marginals on the simulated device: the processor's counts, to the last one."""

import numpy as np
import pytest

import gpusynth
from gpusynth.backends import CPU, choose_backend
from gpusynth.datasets import firms
from gpusynth.evaluate import device_counts
from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.marginals import all_combinations, count_marginals, lay_out
from gpusynth_kernels.cuda import counts, launch

N_CODES = (2, 3, 5, 4, 150, 40, 3)
N_ROWS = 45


def table(weighted):
    rng = np.random.default_rng(4)
    columns = tuple(
        CodedColumn(f"c{n}", tuple(map(str, range(size))), has_null=False, n_missing=0, kind="x")
        for n, size in enumerate(N_CODES)
    )
    codes = tuple(rng.integers(0, size, N_ROWS).astype(np.uint8) for size in N_CODES)
    weight = rng.integers(1, 2**40, N_ROWS) if weighted else None
    return CodedTable(columns, codes, N_ROWS, weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_tables_are_those_of_the_processor(monkeypatch, k, weighted):
    monkeypatch.setattr(device_counts, "BLOCK_ROWS", 30)
    real = table(weighted)
    tables = all_combinations(len(N_CODES), k)[:9] if k == 3 else all_combinations(len(N_CODES), k)
    layout = lay_out(real.n_codes, tables, n_rows=N_ROWS)
    expected = count_marginals(real, layout)
    called = []
    for name in ("count_dense", "count_packed"):
        own = getattr(device_counts, name)
        monkeypatch.setattr(
            f"gpusynth.evaluate.marginals.{name}",
            lambda *given, own=own, name=name: (called.append(name), own(*given)),
        )
    with device_counts.counting_on(choose_backend("cuda")):
        found = count_marginals(real, layout)
    assert called == (["count_packed", "count_dense"] if k == 2 else ["count_dense"])
    np.testing.assert_array_equal(found.dense, expected.dense)
    assert found.total == expected.total
    assert count_marginals(real, layout).dense.sum() == expected.dense.sum()
    assert len(called) == (2 if k == 2 else 1)


def test_tables_without_room_are_counted_by_the_processor(monkeypatch):
    backend = choose_backend("cuda")
    with device_counts.counting_on(backend):
        assert device_counts.has_room(1000, 3)
        monkeypatch.setattr(device_counts, "device_memory", lambda: 10_000)
        assert not device_counts.has_room(1000, 3)
    with device_counts.counting_on(CPU):
        assert not device_counts.has_room(1, 1)


@pytest.mark.parametrize("n_cells", [counts.MOST_BLOCK_CELLS, counts.MOST_BLOCK_CELLS + 1])
def test_largest_table_of_a_block(n_cells):
    codes = np.array([[0, n_cells - 1, 7, n_cells - 1, 1]], np.uint16)
    out = launch.zeros(n_cells + 2, np.int64)
    arguments = (np.array([[0]], np.int32), np.array([n_cells]), np.zeros(0, np.int64))
    counts.count_tables(codes, *arguments, np.array([1]), out)
    found = launch.to_host(out)
    assert (found[1], found[2], found[8], found[n_cells], found.sum()) == (1, 1, 1, 2, 5)


def test_an_evaluation_is_the_same():
    real, synthetic = firms(60, seed=1, columns=9), firms(60, seed=2, columns=9)
    names = ["FIPST", "SECTOR", "EMPLOYMENT_NOISY"]
    real, synthetic = real.select(names), synthetic.select(names)
    chosen = {"quick": True, "k": 2, "seed": 3}
    here = gpusynth.evaluate(real, synthetic, **chosen)
    there = gpusynth.evaluate(real, synthetic, device="cuda", **chosen)
    assert here.model_dump_json() == there.model_dump_json()
