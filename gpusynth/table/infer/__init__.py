"""Inference of a schema: what each column is, with one plain reason a column.

The rules stand in `gpusynth.table.infer.columns`.
"""

from gpusynth.table.infer.columns import InferredSchema, infer_column, infer_schema

__all__ = ["InferredSchema", "infer_column", "infer_schema"]
