"""plan: from a user's choices to the exact steps of a synthesis; pure, no data, JSON and TOML.

May import methods and the floors below.
"""

from gpusynth.plan.choices import Plan, VisitOrder
from gpusynth.plan.plan_file import plan_to_toml, read_plan, write_plan
from gpusynth.plan.resolve import resolve
from gpusynth.plan.synthesis_plan import Part, Step, SynthesisPlan

__all__ = [
    "Part",
    "Plan",
    "Step",
    "SynthesisPlan",
    "VisitOrder",
    "plan_to_toml",
    "read_plan",
    "resolve",
    "write_plan",
]
