"""trees floor of gpusynth."""
