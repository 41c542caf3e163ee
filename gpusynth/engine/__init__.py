"""engine: fit models on real data, draw replicates, write a run directory.

May import plan and the floors below; never evaluate.
"""

from gpusynth.engine.files.manifest import Replicate
from gpusynth.engine.library import fit, fit_released, synthesize
from gpusynth.engine.look import infer_schema, resolve_plan
from gpusynth.engine.measure import Stopwatch
from gpusynth.engine.models.fitted import FittedSynthesis, load
from gpusynth.engine.progress import Listener, SilentListener
from gpusynth.engine.real.prepare import prepare, resolve_input
from gpusynth.engine.real.prepared import Prepared, Resolved
from gpusynth.engine.resuming import resume
from gpusynth.engine.run import Run, read_run
from gpusynth.engine.settings import RunSettings, available_threads

__all__ = [
    "FittedSynthesis",
    "Listener",
    "Prepared",
    "Replicate",
    "Resolved",
    "Run",
    "RunSettings",
    "SilentListener",
    "Stopwatch",
    "available_threads",
    "fit",
    "fit_released",
    "infer_schema",
    "load",
    "prepare",
    "read_run",
    "resolve_input",
    "resolve_plan",
    "resume",
    "synthesize",
]
