"""Kernels launched in the simulator compute what their Python says, with the CPU's functions."""

import numpy as np

from gpusynth_kernels.cpu.random import fill_bits
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.launch import cuda, device, kernel
from gpusynth_kernels.scalar.philox import philox_pair


@kernel
def bits_of_rows(seed, stream, first, out):
    for i in range(cuda.grid(1), out.shape[0], cuda.gridsize(1)):
        a, b = philox_pair(seed, stream, first + np.uint64(i))
        out[i, 0] = a
        out[i, 1] = b


def test_the_shared_scalar_functions_give_the_bits_of_the_cpu():
    key = np.uint64(2**63 + 5), np.uint64(77), np.uint64(2**40)
    out = launch.empty((1000, 2), np.uint64)
    bits_of_rows.over(1000, *key, out)
    expected = np.empty((1000, 2), np.uint64)
    fill_bits(*key, expected)
    np.testing.assert_array_equal(launch.to_host(out), expected)


@device
def doubled(value):
    return np.uint64(2) * value


@kernel
def block_sums(values, out):
    total = cuda.shared.array(1, np.uint64)
    if cuda.threadIdx.x == 0:
        total[0] = np.uint64(0)
    cuda.syncthreads()
    cuda.atomic.add(total, 0, doubled(values[cuda.grid(1)]))
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        out[cuda.blockIdx.x] = total[0]


def test_blocks_share_memory_and_wait_and_integers_wrap_silently():
    values = launch.to_device(np.array([1, 2, 3, 2**63 + 1, 5, 6], np.uint64))
    out = launch.zeros(2, np.uint64)
    block_sums[2, 3](values, out)
    np.testing.assert_array_equal(launch.to_host(out), np.array([12, 24], np.uint64))


def test_arrays_of_the_device_are_copies_and_unwritten_cells_are_seen():
    host = np.arange(3)
    host.flags.writeable = False
    there = launch.to_device(host)
    there[0] = 9
    assert host[0] == 0
    assert launch.empty(2, np.int32).tolist() == [-1, -1]
    assert launch.free_bytes() > 0


@kernel
def note_module(seen):
    seen[cuda.grid(1)] = np.uint64(cuda.blockDim.x)


def test_a_running_kernel_leaves_the_module_as_it_is():
    found = []

    class Values:
        """An argument that looks at the module while the kernel runs."""

        def __setitem__(self, _place, value):
            found.append((launch.cuda is cuda, int(value)))

    note_module[1, 2](Values())
    assert found == [(True, 2), (True, 2)]
