"""operations: what a run will need, and what the machine has.

Stands on the engine, which it asks by carrying out small runs.
"""

from gpusynth.operations.doctor import Finding, examine
from gpusynth.operations.estimate import Estimate, estimate

__all__ = ["Estimate", "Finding", "estimate", "examine"]
