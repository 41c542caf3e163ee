"""Simulated survey files for examples, tests and benchmarks; stands on the table and io floors.

`firms` makes a table in the shape of the 2007 Survey of Business Owners microdata, `write_firms` a
Parquet file of any length, `firms_schema` their schema, `firms_truth` the coefficients behind them.
"""

from __future__ import annotations

from gpusynth.datasets.facts_columns import select_columns
from gpusynth.datasets.firms import firms, firms_truth, write_firms
from gpusynth.datasets.firms_schema import firms_schema

__all__ = ["firms", "firms_schema", "firms_truth", "select_columns", "write_firms"]
