"""The fast kernels of marginal counts against their plain definitions."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.evaluate.coded import CodedColumn, CodedTable
from gpusynth.evaluate.packing import pack_columns, packed_codes
from gpusynth_kernels import reference_counts
from gpusynth_kernels.cpu import counts


def coded(n_rows: int, n_codes: list[int], seed: int) -> CodedTable:
    rng = np.random.default_rng(seed)
    columns = tuple(
        CodedColumn(f"c{i}", tuple(map(str, range(n))), has_null=False, n_missing=0)
        for i, n in enumerate(n_codes)
    )
    codes = tuple(
        rng.integers(0, n, n_rows).astype(np.uint8 if n <= 256 else np.uint16) for n in n_codes
    )
    return CodedTable(columns, codes, n_rows)


def weights(n_rows: int, weighted: bool, seed: int) -> np.ndarray:
    if not weighted:
        return np.empty(0, np.int64)
    return np.random.default_rng(seed).integers(0, 2**40, n_rows)


cases = {
    "n_rows": st.integers(0, 60),
    "n_codes": st.lists(st.integers(1, 9), min_size=2, max_size=7),
    "weighted": st.booleans(),
    "seed": st.integers(0, 1000),
}


@settings(deadline=None, max_examples=40)
@given(k=st.integers(1, 4), **cases)
def test_cells_equal_the_definition(k, n_rows, n_codes, weighted, seed):
    table = coded(n_rows, n_codes, seed)
    codes = np.array(table.codes, np.uint16).reshape(len(n_codes), n_rows)
    rng = np.random.default_rng(seed)
    combinations = rng.integers(0, len(n_codes), (5, k)).astype(np.int32)
    cells = np.prod(table.n_codes[combinations], axis=1)
    offsets = np.concatenate(([0], np.cumsum(cells))).astype(np.int64)
    weight = weights(n_rows, weighted, seed)
    fast, plain = np.ones((2, offsets[-1]), np.int64)
    begins = offsets[:-1]
    counts.count_cells(codes, combinations, table.n_codes, weight, begins, fast)
    reference_counts.count_cells(codes, combinations, table.n_codes, weight, begins, plain)
    assert np.array_equal(fast, plain)
    assert fast.sum() - len(fast) == 5 * (weight.sum() if weighted else n_rows)


def pair_arguments(table: CodedTable, most_codes: int, weight: np.ndarray):
    n = len(table.columns)
    packing = pack_columns(table.n_codes, np.arange(n), most_codes)
    base = np.full((n, n), -1, np.int64)
    end = 0
    for x in range(n):
        for y in range(x + 1, n):
            base[x, y] = end
            end += int(table.n_codes[x] * table.n_codes[y])
    arguments = (
        packed_codes(table, packing),
        packing.pairs,
        packing.sizes,
        packing.member_offsets,
        packing.members,
        packing.strides,
        table.n_codes,
        weight,
        base,
    )
    return arguments, end


@settings(deadline=None, max_examples=40)
@given(most_codes=st.integers(9, 256), **cases)
def test_pairs_equal_the_definition(most_codes, n_rows, n_codes, weighted, seed):
    table = coded(n_rows, n_codes, seed)
    weight = weights(n_rows, weighted, seed)
    arguments, n_cells = pair_arguments(table, most_codes, weight)
    fast, plain = np.zeros((2, n_cells), np.int64)
    counts.count_pairs(*arguments, fast)
    reference_counts.count_pairs(*arguments, plain)
    assert np.array_equal(fast, plain)
    n_pairs = len(n_codes) * (len(n_codes) - 1) // 2
    assert fast.sum() == n_pairs * (weight.sum() if weighted else n_rows)


def test_pairs_do_not_depend_on_the_packing():
    table = coded(500, [3, 3, 2, 5, 7, 1, 16], 3)
    found = []
    for most_codes in (16, 40, 256):
        arguments, n_cells = pair_arguments(table, most_codes, np.empty(0, np.int64))
        out = np.zeros(n_cells, np.int64)
        counts.count_pairs(*arguments, out)
        found.append(out)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread only")
def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 50, (2, 999))
    offsets = np.array([0, 1, 400, 999])
    found = []
    for n_threads in (1, 2):
        before = numba.get_num_threads()
        numba.set_num_threads(n_threads)
        out = np.empty(3)
        counts.sum_absolute_differences(a, b, offsets, float(a.sum()), float(b.sum()), out)
        numba.set_num_threads(before)
        found.append(out.tobytes())
    assert found[0] == found[1]


@settings(deadline=None, max_examples=40)
@given(
    cells=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_absolute_differences_equal_the_definition(cells, cut):
    a, b = np.array(cells, np.int64).T.copy()
    offsets = np.array([0, min(cut, len(cells)), len(cells)], np.int64)
    fast, plain = np.empty((2, 2))
    totals = float(max(a.sum(), 1)), float(max(b.sum(), 1))
    counts.sum_absolute_differences(a, b, offsets, *totals, fast)
    reference_counts.sum_absolute_differences(a, b, offsets, *totals, plain)
    assert np.allclose(fast, plain, rtol=0, atol=1e-12)
