"""gpusynth: sequential CART synthesis of survey microdata."""

__version__ = "0.1.0"
