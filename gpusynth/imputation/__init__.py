"""imputation: missing values imputed by chained equations with trees, and then synthesized.

May import the engine and the floors below; never evaluation or inference.
"""

from gpusynth.imputation.imputations import Imputations
from gpusynth.imputation.library import ImputedSyntheses, impute, impute_and_synthesize
from gpusynth.imputation.resuming import resume_imputation
from gpusynth.imputation.run import ImputationFile, ImputationRun
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.traces import TraceRow, Traces, split_rhat

__all__ = [
    "ImputationFile",
    "ImputationRun",
    "ImputationSettings",
    "Imputations",
    "ImputedSyntheses",
    "TraceRow",
    "Traces",
    "impute",
    "impute_and_synthesize",
    "resume_imputation",
    "split_rhat",
]
