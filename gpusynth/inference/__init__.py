"""Inference: valid answers from synthetic files.

`pool` combines estimates from replicates by the rule that fits the release, `fit` runs a regression
on every replicate, `compare` sets it beside the real file's. Needs the extra ``inference``, which
is imported on first use. A sibling of `gpusynth.evaluate`; neither may import `gpusynth.plan`,
`methods` or `engine`, so that the judge never sees how the data were made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpusynth.inference.document import comparisons_json
    from gpusynth.inference.fitting import PooledFit, fit
    from gpusynth.inference.formulas import FUNCTIONS
    from gpusynth.inference.model import Model, NamedModel
    from gpusynth.inference.model_file import read_models
    from gpusynth.inference.pooling import Pooled, pool
    from gpusynth.inference.rules import RULES, RuleGuide, recommend_rule
    from gpusynth.inference.variances import Clustered, RandomGroups, ReplicateWeights
    from gpusynth.inference.wald import WaldTest

_HOMES = {
    "comparing": ("compare",),
    "comparison": ("Comparison", "TermComparison"),
    "document": ("comparisons_json",),
    "fitting": ("PooledFit", "fit"),
    "formulas": ("FUNCTIONS",),
    "model": ("Model", "NamedModel"),
    "model_file": ("read_models",),
    "pooling": ("Pooled", "pool"),
    "rules": ("RULES", "RuleGuide", "recommend_rule"),
    "variances": ("Clustered", "RandomGroups", "ReplicateWeights"),
    "wald": ("WaldTest",),
}
_HOME = {name: f"gpusynth.inference.{home}" for home, names in _HOMES.items() for name in names}

__all__ = [
    "FUNCTIONS",
    "RULES",
    "Clustered",
    "Comparison",
    "Model",
    "NamedModel",
    "Pooled",
    "PooledFit",
    "RandomGroups",
    "ReplicateWeights",
    "RuleGuide",
    "TermComparison",
    "WaldTest",
    "compare",
    "comparisons_json",
    "fit",
    "pool",
    "read_models",
    "recommend_rule",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'gpusynth.inference' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
