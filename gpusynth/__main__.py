"""``python -m gpusynth``."""

from gpusynth.cli.main import run

run()
