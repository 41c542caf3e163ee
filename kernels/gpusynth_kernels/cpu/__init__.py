"""CPU drivers of the kernels."""
