"""table floor of gpusynth."""
