"""What is done about synthetic rows that replicate a unique real row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ReplicatedUniques"]


class ReplicatedUniques(BaseModel):
    """Draw again, or remove, synthetic rows that equal a real row which no other real row equals.

    Parameters
    ----------
    keys : tuple of str, or "all"
        Columns on which rows are compared, exact numbers included; all that are put out for "all".
    action : {"redraw", "remove"}
        redraw: the columns from the first drawn key to the last one are drawn again, with fresh
        random numbers; later columns are then drawn from the new answers. A row that replicates a
        unique one after all attempts takes the record of another synthetic row. remove: the row is
        left out, which leaves a hole that can be seen where the real file is unique.
    attempts : int
        Of redraw.
    redraw_last : int, optional
        Of redraw: draw only so many of the drawn keys again, the last ones visited; all by default.
        A few are enough where the keys are many, and the models of those alone are kept meanwhile.
    among : {"unique", "all"}
        unique: only synthetic rows that no other synthetic row equals count (synthpop's
        ``replicated.uniques``); all: every synthetic row that equals a unique real one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[tuple[str, ...], Field(min_length=1)] | Literal["all"]
    action: Literal["redraw", "remove"] = "redraw"
    attempts: Annotated[int, Field(ge=1, le=1000)] = 10
    redraw_last: Annotated[int, Field(ge=1)] | None = None
    among: Literal["unique", "all"] = "unique"

    @model_validator(mode="after")
    def _check(self) -> ReplicatedUniques:
        if self.keys != "all" and len(set(self.keys)) < len(self.keys):
            raise ValueError("keys name a column twice")
        return self

    def of_columns(self, columns: Iterable[str]) -> ReplicatedUniques:
        """Return the choice with its keys named.

        Parameters
        ----------
        columns : iterable of str
            All columns that are put out and drawn or kept.

        Returns
        -------
        ReplicatedUniques
        """
        if self.keys != "all":
            return self
        return self.model_copy(update={"keys": tuple(columns)})
