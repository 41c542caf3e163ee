"""smoothing: numbers that a method drew from donors become numbers that no donor need have had.

Three kinds with synthpop's definitions. A smoother is fitted to all drawn numbers of a column and
then applied row by row, so that neither blocks nor the order of rows matter.
"""

from gpusynth.methods.smoothing.smoother import Smoother, fit_smoother
from gpusynth.methods.smoothing.specification import Smoothing, SmoothingKind, parse_smoothing

__all__ = ["Smoother", "Smoothing", "SmoothingKind", "fit_smoother", "parse_smoothing"]
