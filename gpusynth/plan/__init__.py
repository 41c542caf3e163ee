"""plan: from a user's choices to the exact steps of a synthesis; pure, no data, JSON and TOML.

May import methods and the floors below.
"""

from gpusynth.plan.choices import Plan, VisitOrder
from gpusynth.plan.conditions import Edit, Partial, Rule
from gpusynth.plan.output import Output
from gpusynth.plan.plan_file import asked_plan, plan_to_toml, read_plan, write_plan
from gpusynth.plan.refine import refine
from gpusynth.plan.resolve import resolve
from gpusynth.plan.strata import Strata, StratumSize
from gpusynth.plan.synthesis_plan import Part, Proper, Step, SynthesisPlan
from gpusynth.plan.uniques import ReplicatedUniques
from gpusynth.plan.weighting import Calibrate, MarginChoice

__all__ = [
    "Calibrate",
    "Edit",
    "MarginChoice",
    "Output",
    "Part",
    "Partial",
    "Plan",
    "Proper",
    "ReplicatedUniques",
    "Rule",
    "Step",
    "Strata",
    "StratumSize",
    "SynthesisPlan",
    "VisitOrder",
    "asked_plan",
    "plan_to_toml",
    "read_plan",
    "refine",
    "resolve",
    "write_plan",
]
