"""The machine sees what a GPU would not forgive: races, bad addresses, barriers not all reach."""

import numpy as np
import pytest
from numba import int64

from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.launch import cuda, kernel
from tests.ptx_machine.launching import KernelFaultError

N = 64


@kernel
def turn_round(values, out):
    held = cuda.shared.array(64, int64)
    at = cuda.threadIdx.x
    held[at] = values[at]
    cuda.syncthreads()
    out[at] = held[63 - at]


@kernel
def turn_round_too_soon(values, out):
    held = cuda.shared.array(64, int64)
    at = cuda.threadIdx.x
    held[at] = values[at]
    out[at] = held[63 - at]


@kernel
def read_beyond(values, out):
    at = cuda.threadIdx.x
    out[at] = values[at + 1]


@kernel
def some_wait(values, out):
    at = cuda.threadIdx.x
    if values[at] < 9:
        cuda.syncthreads()
    out[at] = values[at]


@kernel
def blocks_meet(values, out):
    out[0] = values[cuda.blockIdx.x]


@kernel
def blocks_add(values, out):
    cuda.atomic.add(out, 0, values[cuda.grid(1)])


def run(work, blocks=1):
    out = launch.zeros(N, np.int64)
    work[blocks, N // blocks](launch.to_device(np.arange(N)), out)
    return launch.to_host(out)


def test_kernels_without_a_fault_compute():
    np.testing.assert_array_equal(run(turn_round), np.arange(N)[::-1])
    assert run(blocks_add, blocks=8)[0] == N * (N - 1) // 2


@pytest.mark.parametrize(
    ("work", "blocks", "fault"),
    [
        (turn_round_too_soon, 1, "a cell that one has written|writes what another reads"),
        (read_beyond, 1, "an address lies in no array"),
        (some_wait, 1, "9 of 64 threads of a block wait at a barrier"),
        (blocks_meet, 8, "two threads meet at a cell that one has written"),
    ],
)
def test_faults_are_found(work, blocks, fault):
    with pytest.raises(KernelFaultError, match=fault):
        run(work, blocks)


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(KernelFaultError, match="grid of 0x64"):
        turn_round[0, 64](launch.empty(1, np.int64), launch.empty(1, np.int64))


def test_memory_is_not_what_it_would_be_by_chance():
    assert launch.to_host(launch.empty(2, np.uint16)).tolist() == [0xA5A5, 0xA5A5]
