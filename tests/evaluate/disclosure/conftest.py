"""Files that attacks are tried on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluate.disclosure.tables import common, mixed, population


@pytest.fixture(scope="module")
def files():
    """A real file, a holdout, rows of the population, and a copy of the real file."""
    columns = mixed(12)
    whole = population(columns, 2400, 21)
    real, holdout, fresh = (whole.take(slice(i, i + 800)) for i in (0, 800, 1600))
    return common(real, fresh, real.take(np.arange(800)[::-1]), holdout=holdout)
