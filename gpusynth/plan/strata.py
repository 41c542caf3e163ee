"""Strata as a plan states them: groups of rows that have trees of their own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gpusynth.plan.limits import MOST_STRATA

__all__ = ["Strata", "StratumSize"]


class StratumSize(BaseModel):
    """Rows asked for in one stratum.

    Parameters
    ----------
    levels : tuple of str
        One level for each stratum column, in their order.
    rows : int
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: tuple[str, ...]
    rows: Annotated[int, Field(ge=0)]


class Strata(BaseModel):
    """Fit every variable apart in each stratum.

    A stratum with too few rows is pooled along a hierarchy: it is fitted on the rows that agree
    with it on the columns of the first pool that has enough, and at last on all rows.

    Parameters
    ----------
    columns : tuple of str
        They start every row, as kept columns do.
    min_rows : int, optional
        Fewest rows of a fit; 10 + 10 x the number of variables by default (synthpop's syn.strata).
    pool : tuple of tuple of str, optional
        Columns to agree on, one entry a stage; by default the first stratum column is left off at
        every stage: (state, sector), (sector), all rows.
    sizes : "fixed", "drawn" or tuple of StratumSize
        With "fixed" the real shares, exact up to rounding; with "drawn" by chance in proportion to
        them. Or as many rows as listed; strata that are not listed have none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    min_rows: Annotated[int, Field(ge=1)] | None = None
    pool: tuple[tuple[str, ...], ...] | None = None
    sizes: Literal["fixed", "drawn"] | Annotated[tuple[StratumSize, ...], Field(min_length=1)] = (
        "fixed"
    )

    @model_validator(mode="after")
    def _check(self) -> Strata:
        for stage in self.pool or ():
            unknown = [name for name in stage if name not in self.columns]
            if unknown:
                raise ValueError(f"pool names {unknown[0]!r}, which is not a stratum column")
        if not isinstance(self.sizes, str):
            if len(self.sizes) > MOST_STRATA:
                raise ValueError(
                    f"sizes list {len(self.sizes):,} strata, and {MOST_STRATA:,} are the most"
                )
            for size in self.sizes:
                if len(size.levels) != len(self.columns):
                    raise ValueError(
                        f"a size names {len(size.levels)} levels for {len(self.columns)} columns"
                    )
            if len({size.levels for size in self.sizes}) != len(self.sizes):
                raise ValueError("sizes name a stratum twice")
            if not sum(size.rows for size in self.sizes):
                raise ValueError("sizes ask for no rows at all")
        return self

    @property
    def stages(self) -> tuple[tuple[str, ...], ...]:
        """Columns to agree on at each stage, from the strata themselves to all rows."""
        stages = self.pool
        if stages is None:
            stages = tuple(self.columns[left:] for left in range(1, len(self.columns)))
        return (self.columns, *(stage for stage in stages if stage), ())
