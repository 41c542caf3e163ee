"""gpusynth: sequential CART synthesis of survey microdata.

>>> import gpusynth
>>> import pyarrow as pa
>>> real = pa.table({"region": ["N", "S", "S", "W"] * 25, "staff": list(range(100))})
>>> synthetic = gpusynth.synthesize(real, seed=1)
>>> synthetic.schema == real.schema
True

Everything is imported on first use, so that ``import gpusynth`` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpusynth.engine import (
        FittedSynthesis,
        Replicate,
        Run,
        fit,
        infer_schema,
        resolve_plan,
        synthesize,
    )
    from gpusynth.errors import (
        DataError,
        GpusynthError,
        GpusynthWarning,
        OutputError,
        PlanError,
        SchemaError,
    )
    from gpusynth.methods import Cart, Constant, Keep, Sample
    from gpusynth.plan import Plan, SynthesisPlan, read_plan, write_plan
    from gpusynth.table import Column, InferredSchema, Schema, read_schema, write_schema

__version__ = "0.1.0"

_HOMES = {
    "gpusynth.engine": (
        "FittedSynthesis",
        "Replicate",
        "Run",
        "fit",
        "infer_schema",
        "resolve_plan",
        "synthesize",
    ),
    "gpusynth.errors": (
        "DataError",
        "GpusynthError",
        "GpusynthWarning",
        "OutputError",
        "PlanError",
        "SchemaError",
    ),
    "gpusynth.methods": ("Cart", "Constant", "Keep", "Sample"),
    "gpusynth.plan": ("Plan", "SynthesisPlan", "read_plan", "write_plan"),
    "gpusynth.table": ("Column", "InferredSchema", "Schema", "read_schema", "write_schema"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Cart",
    "Column",
    "Constant",
    "DataError",
    "FittedSynthesis",
    "GpusynthError",
    "GpusynthWarning",
    "InferredSchema",
    "Keep",
    "OutputError",
    "Plan",
    "PlanError",
    "Replicate",
    "Run",
    "Sample",
    "Schema",
    "SchemaError",
    "SynthesisPlan",
    "__version__",
    "fit",
    "infer_schema",
    "read_plan",
    "read_schema",
    "resolve_plan",
    "synthesize",
    "write_plan",
    "write_schema",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is not None:
        return getattr(importlib.import_module(home), name)
    if name == "datasets":
        return importlib.import_module("gpusynth.datasets")
    raise AttributeError(f"module 'gpusynth' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
