"""cli: the command ``gpusynth``; heavy imports happen inside the commands."""
