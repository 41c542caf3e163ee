"""Kernels for CUDA devices: the same results as `cpu`, bit for bit."""
