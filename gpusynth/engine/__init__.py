"""engine floor of gpusynth."""
