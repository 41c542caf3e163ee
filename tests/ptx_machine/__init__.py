"""A GPU made of gcc and patience: the PTX of our CUDA kernels runs on the processor.

Numba's simulator runs a kernel's Python; this runs what the compiler made of it for a GPU, with the
types that it chose, in blocks of the size that a GPU gets. Threads take turns at random; addresses,
barriers and races are checked at every step.
"""
