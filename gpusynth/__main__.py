"""``python -m gpusynth``."""

from gpusynth.cli.entry import run

run()
