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

from gpusynth.kernel_place import switch_cache_off_without_place

if TYPE_CHECKING:
    from gpusynth.calibration import Calibration, Margin, calibrate, read_margins, weighted_margin
    from gpusynth.engine import (
        FittedSynthesis,
        Listener,
        Replicate,
        Run,
        fit,
        infer_schema,
        load,
        resolve_plan,
        resume,
        synthesize,
    )
    from gpusynth.errors import (
        BackendUnavailableError,
        CheckpointMismatchError,
        ClusterError,
        CodecError,
        DataError,
        DeviceMemoryError,
        EmptyLeafError,
        GpusynthError,
        GpusynthWarning,
        IncomputableMetricError,
        ModelFileError,
        OutputError,
        PlanError,
        RuleSyntaxError,
        SchemaError,
        TooFewDonorsError,
    )
    from gpusynth.imputation import (
        ImputationRun,
        Imputations,
        ImputedSyntheses,
        impute,
        impute_and_synthesize,
        resume_imputation,
    )
    from gpusynth.linked import Link, LinkedRun, resume_linked, synthesize_linked
    from gpusynth.methods import (
        Bag,
        Cart,
        CatAll,
        Constant,
        CubeRootNorm,
        Follow,
        Forest,
        Keep,
        LogNorm,
        LogReg,
        Lookup,
        Nested,
        Norm,
        NormRank,
        Parametric,
        Passive,
        Pmm,
        Polr,
        PolyReg,
        Sample,
        SatCat,
        SqrtNorm,
        register_method,
    )
    from gpusynth.methods.smoothing import Smoothing
    from gpusynth.methods.tails import Tail
    from gpusynth.plan import (
        Calibrate,
        Edit,
        MarginChoice,
        Output,
        Partial,
        Plan,
        ReplicatedUniques,
        Rule,
        Strata,
        StratumSize,
        SynthesisPlan,
        read_plan,
        write_plan,
    )
    from gpusynth.table import Column, InferredSchema, Schema, read_schema, write_schema

__version__ = "0.1.0"

_HOMES = {
    "gpusynth.calibration": "Calibration Margin calibrate read_margins weighted_margin",
    "gpusynth.engine": (
        "FittedSynthesis Listener Replicate Run fit infer_schema load resolve_plan resume "
        "synthesize"
    ),
    "gpusynth.errors": (
        "BackendUnavailableError CheckpointMismatchError ClusterError CodecError "
        "DataError DeviceMemoryError EmptyLeafError GpusynthError GpusynthWarning "
        "IncomputableMetricError ModelFileError OutputError PlanError RuleSyntaxError "
        "SchemaError TooFewDonorsError"
    ),
    "gpusynth.imputation": (
        "ImputationRun Imputations ImputedSyntheses impute impute_and_synthesize resume_imputation"
    ),
    "gpusynth.linked": "Link LinkedRun resume_linked synthesize_linked",
    "gpusynth.methods": (
        "Bag Cart CatAll Constant CubeRootNorm Follow Forest Keep LogNorm LogReg Lookup "
        "Nested Norm NormRank Parametric Passive Pmm Polr PolyReg Sample SatCat SqrtNorm "
        "register_method"
    ),
    "gpusynth.methods.smoothing": "Smoothing",
    "gpusynth.methods.tails": "Tail",
    "gpusynth.plan": (
        "Calibrate Edit MarginChoice Output Partial Plan ReplicatedUniques Rule Strata "
        "StratumSize SynthesisPlan read_plan write_plan"
    ),
    "gpusynth.table": "Column InferredSchema Schema read_schema write_schema",
}
_PACKAGES = ("datasets", "evaluate", "imputation", "inference", "linked", "report")
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "BackendUnavailableError",
    "Bag",
    "Calibrate",
    "Calibration",
    "Cart",
    "CatAll",
    "CheckpointMismatchError",
    "ClusterError",
    "CodecError",
    "Column",
    "Constant",
    "CubeRootNorm",
    "DataError",
    "DeviceMemoryError",
    "Edit",
    "EmptyLeafError",
    "FittedSynthesis",
    "Follow",
    "Forest",
    "GpusynthError",
    "GpusynthWarning",
    "ImputationRun",
    "Imputations",
    "ImputedSyntheses",
    "IncomputableMetricError",
    "InferredSchema",
    "Keep",
    "Link",
    "LinkedRun",
    "Listener",
    "LogNorm",
    "LogReg",
    "Lookup",
    "Margin",
    "MarginChoice",
    "ModelFileError",
    "Nested",
    "Norm",
    "NormRank",
    "Output",
    "OutputError",
    "Parametric",
    "Partial",
    "Passive",
    "Plan",
    "PlanError",
    "Pmm",
    "Polr",
    "PolyReg",
    "Replicate",
    "ReplicatedUniques",
    "Rule",
    "RuleSyntaxError",
    "Run",
    "Sample",
    "SatCat",
    "Schema",
    "SchemaError",
    "Smoothing",
    "SqrtNorm",
    "Strata",
    "StratumSize",
    "SynthesisPlan",
    "Tail",
    "TooFewDonorsError",
    "__version__",
    "calibrate",
    "fit",
    "impute",
    "impute_and_synthesize",
    "infer_schema",
    "load",
    "read_margins",
    "read_plan",
    "read_schema",
    "register_method",
    "resolve_plan",
    "resume",
    "resume_imputation",
    "resume_linked",
    "synthesize",
    "synthesize_linked",
    "weighted_margin",
    "write_plan",
    "write_schema",
]

switch_cache_off_without_place()


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is not None:
        return getattr(importlib.import_module(home), name)
    if name in _PACKAGES:
        return importlib.import_module(f"gpusynth.{name}")
    raise AttributeError(f"module 'gpusynth' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_PACKAGES})
