"""Array kernels of gpusynth: arrays in, arrays out; numpy and numba only.

This is the lowest floor: it cannot import gpusynth. `kernels/README.md` is the specification.
"""
