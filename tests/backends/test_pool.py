"""One pool for CuPy and RAPIDS: what is asked of RMM and CUDA, with stand-ins for both."""

import sys
import types

import pytest

from gpusynth.backends import Backend, device_memory, memory, pool, share_memory, spare_bytes

CUML = Backend("cuda", "cuml", "a GPU")
OURS = Backend("cuda", "histogram", "a GPU")


class Plain:
    """RMM's first resource: cudaMalloc for every allocation."""


class Pool:
    """A pool that somebody set up."""

    def pool_size(self):
        return 5_000


class Other:
    """A resource that cannot be asked."""


class View:
    def __init__(self, handle):
        self.handle = handle


class Counted:
    def __init__(self, upstream):
        self.upstream = upstream
        self.allocation_counts = types.SimpleNamespace(current_bytes=1_500)


class Machine:
    """What RMM, CuPy and the driver were asked for."""

    def __init__(self):
        self.resource = Plain()
        self.allocators = []
        self.attributes = {5: 9_000, 7: 2_000}
        self.n_set = 0

    def set_resource(self, resource):
        self.resource = resource
        self.n_set += 1


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    rmm, mr = types.ModuleType("rmm"), types.ModuleType("rmm.mr")
    allocators, for_cupy = types.ModuleType("rmm.allocators"), types.ModuleType("allocator")
    rmm.mr, for_cupy.rmm_cupy_allocator = mr, "RMM's allocator"
    mr.CudaMemoryResource, mr.PoolMemoryResource = Plain, Pool
    mr.CudaAsyncViewMemoryResource, mr.StatisticsResourceAdaptor = View, Counted
    mr.get_current_device_resource = lambda: machine.resource
    mr.set_current_device_resource = machine.set_resource
    runtime = types.SimpleNamespace(
        cudaMemPoolAttrReleaseThreshold=4,
        cudaMemPoolAttrReservedMemCurrent=5,
        cudaMemPoolAttrUsedMemCurrent=7,
        getDevice=lambda: 0,
        deviceGetDefaultMemPool=lambda device: 77,
        memPoolSetAttribute=lambda pool, name, value: machine.attributes.update({name: value}),
        memPoolGetAttribute=lambda pool, name: machine.attributes[name],
    )
    cupy = types.SimpleNamespace(
        cuda=types.SimpleNamespace(runtime=runtime, set_allocator=machine.allocators.append)
    )
    launch = types.ModuleType("gpusynth_kernels.cuda.launch")
    launch.SIMULATED, launch.arrays, launch.free_bytes = False, lambda: cupy, lambda: 1 << 30
    for name, module in (
        ("rmm.mr", mr),
        ("rmm.allocators", allocators),
        ("rmm.allocators.cupy", for_cupy),
        ("gpusynth_kernels.cuda.launch", launch),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(pool, "_shared", pool._Shared())
    machine.rmm = rmm
    return machine


def load(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "rmm", machine.rmm)


def test_cudas_own_pool_is_set_up_once(machine, monkeypatch):
    load(machine, monkeypatch)
    share_memory(CUML)
    share_memory(CUML)
    assert isinstance(machine.resource, View)
    assert (machine.resource.handle, machine.n_set) == (77, 1)
    assert machine.attributes[4] == (1 << 64) - 1
    assert machine.allocators == ["RMM's allocator"]
    assert spare_bytes() == 7_000
    assert device_memory() == (1 << 30) + 7_000 - memory._SPARE


def test_what_somebody_set_up_stays(machine, monkeypatch):
    load(machine, monkeypatch)
    machine.resource = found = Pool()
    share_memory(OURS)  # RMM is loaded: RAPIDS is at work here
    assert machine.resource.upstream is found
    assert spare_bytes() == 3_500
    assert 4 not in machine.attributes


def test_a_resource_that_cannot_be_asked(machine, monkeypatch):
    load(machine, monkeypatch)
    machine.resource = found = Other()
    share_memory(CUML)
    assert machine.resource is found
    assert spare_bytes() == 0
    assert machine.allocators == ["RMM's allocator"]


def test_nothing_is_shared_where_rapids_is_not_at_work(machine):
    sys.modules.pop("rmm", None)
    share_memory(OURS)
    share_memory(Backend(), has_frames=True)
    assert machine.allocators == []
    assert spare_bytes() == 0


@pytest.mark.rapids
def test_rmm_and_cupy_have_what_is_asked():
    mr = pytest.importorskip("rmm").mr
    runtime = pytest.importorskip("cupy").cuda.runtime
    assert mr.PoolMemoryResource.pool_size
    assert mr.StatisticsResourceAdaptor.allocation_counts
    assert mr.CudaMemoryResource and mr.CudaAsyncViewMemoryResource
    assert mr.get_current_device_resource and mr.set_current_device_resource
    assert runtime.cudaMemPoolAttrReservedMemCurrent == 5
    assert runtime.cudaMemPoolAttrUsedMemCurrent == 7
    assert runtime.cudaMemPoolAttrReleaseThreshold == 4
    assert runtime.memPoolGetAttribute and runtime.memPoolSetAttribute
    assert runtime.deviceGetDefaultMemPool and runtime.getDevice
