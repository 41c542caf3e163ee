"""evaluate floor of gpusynth."""
