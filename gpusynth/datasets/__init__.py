"""datasets floor of gpusynth."""
