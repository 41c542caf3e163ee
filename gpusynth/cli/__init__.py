"""cli floor of gpusynth."""
