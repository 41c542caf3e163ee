"""Look at data before a run: the schema that would be inferred, the plan that would be resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.progress import SilentListener
from gpusynth.engine.real.prepare import prepare, resolve_input
from gpusynth.engine.settings import available_threads
from gpusynth.io import open_source
from gpusynth.plan import Plan, SynthesisPlan
from gpusynth.table import BATCH_ROWS, InferredSchema, Schema
from gpusynth.table import infer_schema as infer_from_source

__all__ = ["infer_schema", "resolve_plan"]


def infer_schema(data: Any) -> InferredSchema:
    """Infer what each column of a file or table is.

    Parameters
    ----------
    data : path, or pandas, polars or pyarrow table, or any object with ``__arrow_c_stream__``

    Returns
    -------
    InferredSchema
        The schema, and for each column why its kind was chosen.

    Raises
    ------
    DataError, SchemaError
    """
    return infer_from_source(open_source(data), n_threads=available_threads())


def resolve_plan(
    data: Any,
    schema: Schema | InferredSchema | str | Path | None = None,
    plan: Plan | str | Path | None = None,
) -> SynthesisPlan:
    """Resolve a plan on the data without fitting anything.

    Parameters
    ----------
    data, schema, plan : as for `synthesize`

    Returns
    -------
    SynthesisPlan
        Every step, in visit order.

    Raises
    ------
    GpusynthError
    """
    options: dict[str, Any] = {
        "batch_rows": BATCH_ROWS,
        "listener": SilentListener(),
        "stopwatch": Stopwatch(),
        "n_threads": available_threads(),
    }
    return prepare(resolve_input(data, schema, plan, **options), **options).plan
