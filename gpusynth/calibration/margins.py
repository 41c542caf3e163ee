"""Margin: the weighted totals that a file must have, over the levels of columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gpusynth.errors import PlanError

__all__ = ["Margin", "MarginCell", "first_problem"]


class MarginCell(BaseModel):
    """One total of a margin.

    Parameters
    ----------
    levels : tuple of str
        One level for each column of the margin, as text; a missing answer is ``""``.
    total : float
        Sum of the weights, or of weight times number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    levels: tuple[str, ...]
    total: Annotated[float, Field(allow_inf_nan=False)]


class Margin(BaseModel):
    """Totals over the combinations of levels of some columns.

    Parameters
    ----------
    columns : tuple of str
        Without any there is one cell: the whole population.
    number : str, optional
        Column of numbers whose weighted total is given; without it totals are sums of weights.
    cells : tuple of MarginCell
    complete : bool
        Every row must lie in one of the cells. Otherwise rows outside are not constrained.
    is_real : bool
        Whether the totals come from confidential data, so that no message may show them.
    source : str
        File that it was read from, for messages.

    Raises
    ------
    pydantic.ValidationError
        If a column or a cell occurs twice, a cell has another number of levels than columns, or a
        sum of weights is negative.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = ()
    number: str | None = None
    cells: Annotated[tuple[MarginCell, ...], Field(min_length=1)]
    complete: bool = True
    is_real: bool = False
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Margin:
        twice = [name for name, count in Counter(self.columns).items() if count > 1]
        if twice:
            raise ValueError(f"margin {self.title} names the column {twice[0]!r} twice")
        for cell in self.cells:
            if len(cell.levels) != len(self.columns):
                raise ValueError(
                    f"margin {self.title}: a cell has {len(cell.levels)} levels for "
                    f"{len(self.columns)} columns"
                )
            if self.number is None and cell.total < 0:
                raise ValueError(
                    f"margin {self.title}: the total of {shown(cell.levels)} is negative"
                )
        again = [levels for levels, n in Counter(c.levels for c in self.cells).items() if n > 1]
        if again:
            raise ValueError(f"margin {self.title} has the cell {shown(again[0])} twice")
        return self

    @property
    def title(self) -> str:
        """What the totals are of, for messages and the manifest."""
        where = " x ".join(self.columns)
        if self.number is None:
            return where or "population"
        return f"total of {self.number}" + (f" by {where}" if where else "")

    @property
    def place(self) -> str:
        """Title, and the file that it comes from."""
        return f"margin {self.title}" + (f" ({self.source})" if self.source else "")

    @property
    def population(self) -> float:
        """Sum of all totals, in the order of the cells."""
        return sum(cell.total for cell in self.cells)

    @classmethod
    def of(
        cls,
        columns: str | Sequence[str],
        totals: Mapping[Any, float],
        *,
        number: str | None = None,
        complete: bool = True,
    ) -> Margin:
        """Build a margin from a mapping.

        Parameters
        ----------
        columns : str or sequence of str
        totals : mapping
            Level, or tuple of levels where there are several columns, to total. Levels are taken
            as text; None is a missing answer.
        number : str, optional
        complete : bool

        Returns
        -------
        Margin

        Raises
        ------
        PlanError
            If the margin contradicts itself.

        Examples
        --------
        >>> Margin.of("state", {"TX": 120.0, "AL": 30}).population
        150.0
        """
        names = (columns,) if isinstance(columns, str) else tuple(columns)
        cells = [
            {
                "levels": [_text(v) for v in (key if isinstance(key, tuple) else (key,))],
                "total": total,
            }
            for key, total in totals.items()
        ]
        return cls.from_mapping(
            {"columns": names, "number": number, "cells": cells, "complete": complete}
        )

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any], *, place: str = "margins") -> Margin:
        """Build a margin from parsed TOML or JSON.

        Parameters
        ----------
        given : mapping
        place : str
            Where it comes from, for messages.

        Returns
        -------
        Margin

        Raises
        ------
        PlanError
            One line that says where and what.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            raise PlanError(f"{place}: {first_problem(error)}. Correct it.") from None


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a validation in words.

    Parameters
    ----------
    error : pydantic.ValidationError

    Returns
    -------
    str
        Place and reason, without the value at fault.
    """
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason


def shown(levels: Sequence[str]) -> str:
    """Return the levels of a cell for a message."""
    return " x ".join(level or "(missing)" for level in levels) or "all rows"


def _text(level: Any) -> str:
    return "" if level is None else str(level)
