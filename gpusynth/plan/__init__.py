"""plan floor of gpusynth."""
