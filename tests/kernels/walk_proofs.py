"""Checks of kernels of walks against their plain definitions."""

from __future__ import annotations

import numpy as np

from gpusynth_kernels import reference
from gpusynth_kernels.cpu import arrivals

WAYS = {arrivals.part_arrived, arrivals._part_one_by_one}
"""In vectors where the processor can, and as on all others."""


def prove_part_arrived(rng: np.random.Generator) -> None:
    """Lists of any length, whole vectors or not; what is under way and what is not alike, too."""
    n, n_slots, n_before = (int(rng.integers(low, 90)) for low in (1, 2, 0))
    children = rng.integers(0, n_slots, n_slots)
    is_leaf = rng.random(n_slots) < rng.choice([0.0, 0.3, 0.7, 1.0])
    children[is_leaf] = np.flatnonzero(is_leaf)
    above = rng.integers(0, 2**32, n_slots).astype(np.uint64) << np.uint64(32)
    nodes = children.astype(np.uint64) | above
    rows = rng.integers(0, 2**32, n).astype(np.uint32)
    slots = rng.integers(0, n_slots, n).astype(np.uint32)
    there, others = reference.arrived(children.tolist(), rows.tolist(), slots.tolist())
    spare = np.zeros(arrivals.SPARE, np.uint32)
    for part in WAYS:
        lists = [np.concatenate([column, spare]) for column in (rows, slots)]
        found = [np.full(n_before + n + arrivals.SPARE, 7, np.uint32) for _ in range(2)]
        n_left, n_there = part(nodes, *lists, n, *found, n_before)
        assert (n_left, n_there) == (len(others), n_before + len(there))
        assert _pairs(lists, 0, n_left) == others
        assert _pairs(found, n_before, n_there) == there
        assert all((column[:n_before] == 7).all() for column in found)
        # What lies behind is walked as well: it must be slots.
        assert (lists[1][n_left:] < n_slots).all()


def _pairs(columns: list[np.ndarray], begin: int, end: int) -> list[tuple[int, int]]:
    return list(zip(*(column[begin:end].tolist() for column in columns), strict=True))
