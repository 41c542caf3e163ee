"""Levels of an unordered column in the order that cuts go by, worked out by one block.

Each number is added by one thread in the stated order of level and class, so keys have the very
bits of `scalar.principal`; threads only share out which numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cpu.kinds import NUMBERS
from gpusynth_kernels.cuda.launch import cuda, device
from gpusynth_kernels.scalar.principal import POWER_STEPS

__all__ = ["key_levels", "list_levels", "sort_levels"]

_1 = np.uint64(1)

_WARP = 32

_TOGETHER = 4
"""Classes whose covariances with another are summed at a time."""


@device
def list_levels(rows_at: Any, n_codes: Any, counted: Any, levels: Any, spare: Any) -> Any:
    """List the codes with rows in ascending order; return how many (to all threads).

    Parameters
    ----------
    rows_at : tuple
        counts (int32), first cell, number of planes, cells between planes.
    n_codes : int
    counted : array of int32, shape (n_threads + 1,), shared, work
    levels : array of int64, shape (>= n_codes,), changed
    spare : array of int64, shape (>= n_codes,), changed
        0 for codes without rows, more for others.
    """
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    _mark_present(rows_at, n_codes, spare)
    size = (n_codes + n_threads - 1) // n_threads
    begin, end = thread * size, min((thread + 1) * size, n_codes)
    own = np.int64(0)
    for code in range(begin, end):
        own += 1 if spare[code] != 0 else 0
    counted[thread] = own
    cuda.syncthreads()
    if thread == 0:
        total = np.int64(0)
        for t in range(n_threads):
            here = np.int64(counted[t])
            counted[t] = total
            total += here
        counted[n_threads] = total
    cuda.syncthreads()
    at = np.int64(counted[thread])
    for code in range(begin, end):
        if spare[code] != 0:
            levels[at] = code
            at += 1
    m = np.int64(counted[n_threads])
    cuda.syncthreads()
    return m


@device
def _mark_present(rows_at: Any, n_codes: Any, present: Any) -> None:
    """Set 0 for codes without rows: threads share out codes, and planes where there are many."""
    counts, first, planes, stride = rows_at
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    bits = np.int64(0)
    most = _WARP if planes > _WARP else n_threads
    while (1 << bits) < n_codes and (2 << bits) <= min(most, n_threads):
        bits += 1
    for code in range(thread, n_codes, n_threads):
        present[code] = 0
    cuda.syncthreads()
    for code in range(thread & ((1 << bits) - 1), n_codes, 1 << bits):
        for k in range(thread >> bits, planes, n_threads >> bits):
            if counts[np.uint64(first + k * stride + code)] != 0:
                cuda.atomic.add(present, code, 1)
                break
    cuda.syncthreads()


@device
def _comes_after(keys: Any, m: Any, a: Any, b: Any) -> Any:
    """Return whether level a stands after b: by key, then by place; fillers stand last."""
    if a >= m or b >= m:
        return a > b
    return keys[a] > keys[b] or (keys[a] == keys[b] and a > b)


@device
def sort_levels(keys: Any, m: Any, places: Any) -> None:
    """Set ``places[:m]`` to 0 ... m-1 sorted by key, ties by place: a bitonic sort by the block.

    Source: Batcher (1968), Sorting networks and their applications. The order is total, so it is
    the one that any sort gives. `places` holds the next power of two from m on.
    """
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    size = np.int64(1)
    while size < m:
        size *= 2
    for i in range(thread, size, n_threads):
        places[i] = i
    cuda.syncthreads()
    run = np.int64(2)
    while run <= size:
        step = run >> 1
        while step > 0:
            for i in range(thread, size, n_threads):
                other = i ^ step
                if other > i:
                    a, b = places[i], places[other]
                    if _comes_after(keys, m, a, b) == ((i & run) == 0):
                        places[i] = b
                        places[other] = a
            cuda.syncthreads()
            step >>= 1
        run <<= 1


@device
def key_levels(
    mode: Any, cells: Any, index: Any, m: Any, n_runs: Any, keys: Any, work: Any
) -> None:
    """Set the key of each level: its mean, its share of the higher class, or its score.

    Parameters
    ----------
    mode : int
    cells : tuple
        counts (int32), first cell, amounts (int64), first cell, cells between planes, whether rows
        have weights.
    index : array of int64, shape (>= m,)
        Cell of each level within a plane.
    m, n_runs : int
        Levels and classes of the node.
    keys : array of float64, shape (>= m,), changed
    work : array of float64
        m (2 n_runs + 1) + n_runs (n_runs + 3) numbers when there are three classes or more.
    """
    counts, first_count, amounts, first_amount, stride, weighted = cells
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    if mode == NUMBERS:
        for s in range(thread, m, n_threads):
            at = index[s]
            weight = np.int64(counts[first_count + at])
            if weighted:
                weight = amounts[first_amount + stride + at]
            keys[s] = np.float64(amounts[first_amount + at]) / np.float64(weight)
    elif n_runs <= 2:
        for s in range(thread, m, n_threads):
            low = _amount(cells, 0, index[s])
            high = _amount(cells, 1, index[s])
            keys[s] = np.float64(high) / np.float64(low + high)
    else:
        _principal(cells, index, m, n_runs, keys, work)
    cuda.syncthreads()


@device
def _amount(cells: Any, k: Any, at: Any) -> Any:
    """Return rows or weight of a class at a level."""
    counts, first_count, amounts, first_amount, stride, weighted = cells
    if weighted:
        return amounts[first_amount + k * stride + at]
    return np.int64(counts[first_count + k * stride + at])


@device
def _principal(cells: Any, index: Any, m: Any, n_runs: Any, keys: Any, work: Any) -> None:
    """Set the keys by the first principal component; see `scalar.principal.principal_order`."""
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    size = np.int64(m * n_runs)
    totals = work[:m]
    shares = work[m : m + size]
    weighed = work[m + size : m + 2 * size]
    rest = work[m + 2 * size :]
    covariance = rest[: n_runs * n_runs]
    direction = rest[n_runs * n_runs : n_runs * (n_runs + 1)]
    following = rest[n_runs * (n_runs + 1) : n_runs * (n_runs + 2)]
    overall = rest[n_runs * (n_runs + 2) : n_runs * (n_runs + 3)]
    for s in range(thread, m, n_threads):
        total = np.int64(0)
        for k in range(n_runs):
            total += _amount(cells, k, index[s])
        totals[s] = np.float64(total)
    for k in range(thread, n_runs, n_threads):
        of_class = np.int64(0)
        for s in range(m):
            of_class += _amount(cells, k, index[s])
        overall[k] = np.float64(of_class)
    cuda.syncthreads()
    # whole numbers below 2^53 (rows below 2^31, weights at most 2^38): exact in any order
    everything = 0.0
    for k in range(n_runs):
        everything += overall[k]
    for k in range(thread, n_runs, n_threads):
        expected, varies = overall[k] / everything, 0.0
        at = np.uint64(k)
        for s in range(m):
            share = np.float64(_amount(cells, k, index[s])) / totals[s] - expected
            shares[at] = share
            weighed[at] = share * totals[s]
            varies += weighed[at] * share
            at += np.uint64(n_runs)
        following[k] = varies
    cuda.syncthreads()
    trace = 0.0
    widest = np.int64(0)
    for k in range(n_runs):
        trace += following[k]
        if following[k] > following[widest]:
            widest = np.int64(k)
    if trace <= 0.0:
        for s in range(thread, m, n_threads):
            keys[s] = 0.0
        return
    for k in range(0, n_runs, _TOGETHER):
        for q in range(thread, n_runs, n_threads):
            _covary((shares, weighed), m, n_runs, (k, q), trace, covariance)
    cuda.syncthreads()
    _mirror_few(n_runs, covariance)
    cuda.syncthreads()
    for k in range(thread, n_runs, n_threads):
        direction[k] = covariance[widest * n_runs + k]
    cuda.syncthreads()
    for _step in range(POWER_STEPS - 1):
        for k in range(thread, n_runs, 3 * n_threads):
            _go_along(covariance, direction, n_runs, k, following)
        cuda.syncthreads()
        direction, following = following, direction
    for s in range(thread, m, n_threads):
        score = 0.0
        at, q = np.uint64(s * n_runs), np.uint64(0)
        for _ in range(n_runs):
            score += shares[at] * direction[q]
            at += _1
            q += _1
        keys[s] = score


@device
def _covary(of_levels: Any, m: Any, n_runs: Any, pair: Any, trace: Any, covariance: Any) -> None:
    """Set the covariances of class q with class k and the three next, parts of the trace.

    The later class of two is the one whose share is weighed first. Four at a time, since each
    number that is read then serves four sums; those of `_mirror_few` are not right yet.
    """
    shares, weighed = of_levels
    k, q = pair
    is_later = q > k
    last = n_runs - 1
    own, a, step = np.uint64(q), np.uint64(k), np.uint64(n_runs)
    b = np.uint64(min(k + 1, last) - k)
    c = np.uint64(min(k + 2, last) - k)
    d = np.uint64(min(k + 3, last) - k)
    ours = weighed if is_later else shares
    theirs = shares if is_later else weighed
    sum_a, sum_b, sum_c, sum_d = 0.0, 0.0, 0.0, 0.0
    for _ in range(m):
        share = ours[own]
        sum_a += theirs[a] * share
        sum_b += theirs[a + b] * share
        sum_c += theirs[a + c] * share
        sum_d += theirs[a + d] * share
        a += step
        own += step
    covariance[k * n_runs + q] = sum_a / trace
    if k + 1 < n_runs:
        covariance[(k + 1) * n_runs + q] = sum_b / trace
    if k + 2 < n_runs:
        covariance[(k + 2) * n_runs + q] = sum_c / trace
    if k + 3 < n_runs:
        covariance[(k + 3) * n_runs + q] = sum_d / trace


@device
def _mirror_few(n_runs: Any, covariance: Any) -> None:
    """Mirror the covariances of two classes of four, of which the earlier was weighed."""
    for k in range(cuda.threadIdx.x, n_runs, cuda.blockDim.x):
        for q in range(k // _TOGETHER * _TOGETHER + 1, k):
            covariance[k * n_runs + q] = covariance[q * n_runs + k]


@device
def _go_along(covariance: Any, direction: Any, n_runs: Any, k: Any, following: Any) -> None:
    """Set the product of up to three rows of the covariance with the direction.

    Rows of a thread are so far apart as there are threads. A warp goes together; rows beyond the
    last are not written. Numbers without a sign need no look whether they have one.
    """
    n_threads = cuda.blockDim.x
    of_warp = k - cuda.threadIdx.x % _WARP
    at, q, step = np.uint64(k), np.uint64(0), np.uint64(n_runs)
    first, second, third = 0.0, 0.0, 0.0
    b = np.uint64(min(k + n_threads, n_runs - 1) - k)
    c = np.uint64(min(k + 2 * n_threads, n_runs - 1) - k)
    if of_warp + 2 * n_threads < n_runs:
        for _ in range(n_runs):
            along = direction[q]
            first += covariance[at] * along
            second += covariance[at + b] * along
            third += covariance[at + c] * along
            at += step
            q += _1
        if k + 2 * n_threads < n_runs:
            following[k + 2 * n_threads] = third
    elif of_warp + n_threads < n_runs:
        for _ in range(n_runs):
            along = direction[q]
            first += covariance[at] * along
            second += covariance[at + b] * along
            at += step
            q += _1
    else:
        for _ in range(n_runs):
            first += covariance[at] * direction[q]
            at += step
            q += _1
    following[k] = first
    if k + n_threads < n_runs:
        following[k + n_threads] = second
