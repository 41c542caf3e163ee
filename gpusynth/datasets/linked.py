"""Firms and their establishments: two simulated tables whose rows belong together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.datasets.draws import logit
from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = ["firms_and_establishments"]

_SECTORS = ("11", "23", "31", "42", "44", "48", "52", "54", "62", "72")
_REGIONS = ("midwest", "northeast", "south", "west")
_FIRST_STEP = 301  # of the streams; `gpusynth.datasets.draws` uses those below
_UNIT_VARIANCE = float(np.sqrt(3.0) / np.pi)  # of a logistic variable

_MOST_ESTABLISHMENTS = 500


def firms_and_establishments(n_firms: int, *, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Simulate firms and the establishments of each.

    A hidden trait of the firm raises its number of establishments, their staff and their wages, so
    that the establishments of a firm are alike beyond what the firm's columns say: of the logarithm
    of pay per head one half of the variance lies between firms. Five in six establishments are of
    the firm's sector. About one firm in eight has no establishment.

    Parameters
    ----------
    n_firms : int
    seed : int
        64 bits.

    Returns
    -------
    tuple of pyarrow.Table
        Firms (firm_id, sector, region, receipts) and establishments (firm_id, establishment_id,
        sector, employees, payroll), in thousand dollars; about four establishments a firm.

    Examples
    --------
    >>> firms, establishments = firms_and_establishments(100, seed=1)
    >>> firms.column_names
    ['firm_id', 'sector', 'region', 'receipts']
    """
    trait = _trait(seed, 0, n_firms)
    sector = (_uniform(seed, 1, n_firms) ** 1.5 * len(_SECTORS)).astype(np.int64)
    region = (_uniform(seed, 2, n_firms) * len(_REGIONS)).astype(np.int64)
    size = 0.8 * trait + 0.9 * _trait(seed, 3, n_firms) + 0.04 * sector
    counts = np.minimum(np.exp(0.8 * size + 1.15).astype(np.int64), _MOST_ESTABLISHMENTS)
    counts = np.where(_uniform(seed, 4, n_firms) < 0.1, 0, counts)
    receipts = np.exp(6.0 + 1.1 * size + 0.5 * _trait(seed, 5, n_firms)).astype(np.int64)
    names = [f"F{1_000_003 * (row + 1) % 10_000_019:08d}" for row in range(n_firms)]
    firms = pa.table(
        {
            "firm_id": pa.array(names),
            "sector": pa.array(np.asarray(_SECTORS)[sector]),
            "region": pa.array(np.asarray(_REGIONS)[region]),
            "receipts": pa.array(receipts),
        }
    )
    owner = np.repeat(np.arange(n_firms), counts)
    n = len(owner)
    other = (_uniform(seed, 6, n) * len(_SECTORS)).astype(np.int64)
    own_sector = np.where(_uniform(seed, 7, n) < 5 / 6, sector[owner], other)
    staff = np.exp(1.8 + 0.8 * trait[owner] + 0.8 * _trait(seed, 8, n)).astype(np.int64)
    pay = np.exp(3.4 + 0.3 * trait[owner] + 0.02 * own_sector + 0.3 * _trait(seed, 9, n))
    establishments = pa.table(
        {
            "firm_id": pa.array(np.asarray(names, object)[owner], pa.string()),
            "establishment_id": pa.array(np.arange(1, n + 1) * 7 + 1_000_000),
            "sector": pa.array(np.asarray(_SECTORS)[own_sector]),
            "employees": pa.array(staff),
            "payroll": pa.array((staff * pay).astype(np.int64)),
        }
    )
    return firms, establishments


def _uniform(seed: int, draw: int, n_rows: int) -> Array:
    """Return uniform numbers in the open interval (0, 1)."""
    key = StreamKey(seed, step=_FIRST_STEP + draw, purpose=Purpose.SIMULATE)
    bits = random_bits(key, 0, n_rows)[:, 0] >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) * 2.0**-52


def _trait(seed: int, draw: int, n_rows: int) -> Array:
    """Return logistic numbers with mean 0 and variance 1."""
    return logit(_uniform(seed, draw, n_rows)) * _UNIT_VARIANCE
