"""methods floor of gpusynth."""
