"""Scalar functions, written once and called from CPU and CUDA kernels alike."""
