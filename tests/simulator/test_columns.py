"""Columns on a device: every kernel against its CPU twin or NumPy's definition."""

import numpy as np
import pytest

from gpusynth_kernels import reference_counts
from gpusynth_kernels.cpu import counts as cpu_counts
from gpusynth_kernels.cpu.lanes import pack_lanes
from gpusynth_kernels.cpu.random import fill_bits
from gpusynth_kernels.cuda import columns, counts, launch

RNG = np.random.default_rng(5)


def test_random_bits():
    key = np.uint64(2**64 - 1), np.uint64(3), np.uint64(2**63)
    out, expected = launch.empty((300, 2), np.uint64), np.empty((300, 2), np.uint64)
    columns.fill_bits.over(300, *key, out)
    fill_bits(*key, expected)
    np.testing.assert_array_equal(launch.to_host(out), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lanes_are_packed_and_taken_out_again(dtype):
    codes, bits = RNG.integers(0, 6, 200).astype(dtype), RNG.integers(0, 2**63, 6).astype(np.uint64)
    before = RNG.integers(0, 2**63, (250, 3)).astype(np.uint64)
    expected, there = before.copy(), launch.to_device(before)
    pack_lanes(codes, bits, 1, 40, expected)
    columns.pack_lanes.over(200, launch.to_device(codes), launch.to_device(bits), 1, 40, there)
    np.testing.assert_array_equal(launch.to_host(there), expected)
    expected[:, 2] &= np.uint64(12)
    columns.clear_lanes.over(250, 2, np.uint64(12), there)
    np.testing.assert_array_equal(launch.to_host(there), expected)


def test_wide_codes_are_put_and_values_taken():
    codes = RNG.integers(0, 300, 50).astype(np.uint16)
    wide = launch.zeros((2, 80), np.uint16)
    columns.put_wide.over(50, launch.to_device(codes), 1, 20, wide)
    np.testing.assert_array_equal(launch.to_host(wide)[1, 20:70], codes)
    rows = RNG.integers(0, 50, 33).astype(np.int32)
    for column in (codes, RNG.normal(size=50), RNG.integers(-9, 9, 50)):
        out = launch.empty(33, column.dtype)
        columns.take.over(33, launch.to_device(column), launch.to_device(rows), out)
        np.testing.assert_array_equal(launch.to_host(out), column[rows])


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_numbers_become_codes_by_edges(dtype):
    edges = np.unique(RNG.integers(0, 1000, 300)).astype(dtype)
    numbers = np.concatenate([edges, edges + 1, RNG.integers(edges[0], 2000, 100)]).astype(dtype)
    out = launch.empty(len(numbers), np.uint16)
    columns.encode_numbers.over(
        len(numbers), launch.to_device(numbers), launch.to_device(edges), out
    )
    expected = np.searchsorted(edges, numbers, side="right") - 1
    np.testing.assert_array_equal(launch.to_host(out), expected)


def test_rows_are_grouped_by_leaf_in_their_order():
    leaf = RNG.integers(0, 20, 400).astype(np.int32)
    leaf[leaf == 7] = 8
    offsets, rows = columns.group_by_leaf(launch.to_device(leaf), 20)
    order = np.argsort(leaf, kind="stable")
    np.testing.assert_array_equal(launch.to_host(rows), order)
    np.testing.assert_array_equal(
        launch.to_host(offsets), np.searchsorted(leaf[order], np.arange(21))
    )


@pytest.mark.parametrize("n_known", [1, 2, 40])
def test_smoothed_numbers_have_the_bits_of_numpy(n_known):
    known = np.unique(RNG.normal(size=n_known) * 1e5)
    smoothed = known + RNG.normal(size=n_known)
    numbers = np.concatenate([known, RNG.normal(size=200) * 2e5, [-1e300, 1e300]])
    out = launch.empty(len(numbers), np.float64)
    columns.interpolate.over(
        len(numbers), *(launch.to_device(array) for array in (numbers, known, smoothed)), out
    )
    expected = np.interp(numbers, known, smoothed)
    np.testing.assert_array_equal(launch.to_host(out).view(np.int64), expected.view(np.int64))


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_marginal_counts(k, weighted):
    n_codes = np.array([2, 5, 3, 300], np.int64)
    codes = np.stack([RNG.integers(0, n, 150) for n in n_codes]).astype(np.uint16)
    combinations = np.array([[0, 1, 2], [1, 2, 3], [3, 0, 1]], np.int32)[:, :k].copy()
    cells = n_codes[combinations].prod(axis=1)
    begins = np.cumsum(cells) - cells
    weight = RNG.integers(0, 10**6, 150) if weighted else np.zeros(0, np.int64)
    arguments = (codes, combinations, n_codes, weight, begins)
    out = launch.zeros(int(cells.sum()), np.int64)
    counts.count_cells.over(3 * 150, *(launch.to_device(array) for array in arguments), out)
    for twin in (reference_counts.count_cells, cpu_counts.count_cells):
        expected = np.zeros(int(cells.sum()), np.int64)
        twin(*arguments, expected)
        np.testing.assert_array_equal(launch.to_host(out), expected)
