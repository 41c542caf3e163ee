"""keep: real columns that start every synthetic row, jointly from one real row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.methods.model import (
    Block,
    DrawnColumns,
    FittedModel,
    MethodSpecification,
    ModelSize,
    StepData,
    StepTarget,
)

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["Keep", "KeepModel", "start_rows"]


class Keep(MethodSpecification):
    """Take the column from a real row, the same row for all kept columns of a synthetic row.

    When as many rows are asked for as there are real rows, every real row starts exactly one
    synthetic row, in random order, so that kept columns keep their joint distribution exactly;
    otherwise rows are drawn with replacement.
    """

    name: ClassVar[str] = "keep"
    uses_predictors: ClassVar[bool] = False

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Remember the column.

        Parameters
        ----------
        data : StepData
            All rows take part, whatever `data.rows` says: the state and the value of a kept number
            come from the same row.
        n_threads : int
            Not needed; here for the protocol.

        Returns
        -------
        KeepModel
        """
        return KeepModel(data.target, data.n_real)


@dataclass(frozen=True, slots=True)
class KeepModel:
    """A real column."""

    target: StepTarget
    n_real: int

    @property
    def size(self) -> ModelSize:
        """One leaf."""
        return ModelSize()

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Take the values of the start rows; see `FittedModel.draw`.

        The step of `key` is not used: all kept columns share one stream.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,) or None)
        """
        from gpusynth.streams import Purpose

        start = start_rows(key.at(step=0, purpose=Purpose.START), self.n_real, block.n_total)
        part = start[block.first_row : block.first_row + block.n_rows]
        return self.target.take(block.take(part))


@lru_cache(maxsize=2)
def start_rows(key: StreamKey, n_real: int, n_total: int) -> Array:
    """Return the real row that starts each synthetic row.

    Kept for the last two calls, since every kept column of a replicate asks for the same rows.

    Parameters
    ----------
    key : StreamKey
        Stream of the replicate's start rows.
    n_real : int
    n_total : int

    Returns
    -------
    array of int64, shape (n_total,)
        A permutation of ``arange(n_real)`` when both numbers are equal (the order of random
        64-bit numbers, ties by row), else draws with replacement.
    """
    from gpusynth.streams import random_bits, uniform

    if n_total == n_real:
        return np.argsort(random_bits(key, 0, n_real)[:, 0], kind="stable")
    return (uniform(key, 0, n_total)[:, 0] * n_real).astype(np.int64)
