"""io floor of gpusynth."""
