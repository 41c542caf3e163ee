"""Simulated survey files for examples, tests and benchmarks; stands on the table and io floors.

`firms` makes a table in the shape of the 2007 Survey of Business Owners microdata, `write_firms` a
Parquet file of any length, `firms_schema` their schema, `firms_truth` the coefficients behind them.
`firms_and_establishments` makes two tables that belong together.
`STUDY_MODELS` are regressions on it (`study_variables`) with their true coefficients.
"""

from __future__ import annotations

from gpusynth.datasets.facts_columns import select_columns
from gpusynth.datasets.firms import firms, firms_truth, write_firms
from gpusynth.datasets.firms_schema import firms_schema
from gpusynth.datasets.linked import firms_and_establishments
from gpusynth.datasets.study import STUDY_MODELS, StudyModel, study_variables

__all__ = [
    "STUDY_MODELS",
    "StudyModel",
    "firms",
    "firms_and_establishments",
    "firms_schema",
    "firms_truth",
    "select_columns",
    "study_variables",
    "write_firms",
]
