"""operations: what a run will need, what the machine has, and whether a run is what it says.

Stands on the engine, which it asks by carrying out small runs.
"""

from gpusynth.operations.doctor import Finding, examine
from gpusynth.operations.estimate import Estimate, estimate
from gpusynth.operations.replay import replay
from gpusynth.operations.verify import Check, verify

__all__ = ["Check", "Estimate", "Finding", "estimate", "examine", "replay", "verify"]
