"""Backends floor: on which device and with which tree fitter a run computes.

May import the table, io and lower floors and the kernels; knows nothing of trees or methods. The
device never changes a byte of the result; a fitter other than "histogram" grows other trees.
"""

from gpusynth.backends.choose import CPU, Backend, DeviceName, FitterName, choose_backend
from gpusynth.backends.memory import (
    Holder,
    device_memory,
    holds_memory,
    keep_copy,
    make_room,
    memory_errors,
    need,
    upload,
    with_room,
)
from gpusynth.backends.pool import share_memory, spare_bytes
from gpusynth.backends.probe import DeviceFacts, probe_device

__all__ = [
    "CPU",
    "Backend",
    "DeviceFacts",
    "DeviceName",
    "FitterName",
    "Holder",
    "choose_backend",
    "device_memory",
    "holds_memory",
    "keep_copy",
    "make_room",
    "memory_errors",
    "need",
    "probe_device",
    "share_memory",
    "spare_bytes",
    "upload",
    "with_room",
]
