import pytest

from benchmarks.macro.workload import prepare_firms
from gpusynth.engine.real.prepared import Prepared


@pytest.fixture(scope="session")
def small_firms() -> Prepared:
    """2,000 firms, 14 columns; the simulator's schema, so that amounts have states and values."""
    return prepare_firms(2_000, 14, seed=3, given_schema=True)
