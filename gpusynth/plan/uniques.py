"""What is done about synthetic rows that replicate a unique real row."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ReplicatedUniques"]


class ReplicatedUniques(BaseModel):
    """Draw again, or remove, synthetic rows that equal a real row which no other real row equals.

    Parameters
    ----------
    keys : tuple of str
        Columns on which rows are compared, exact numbers included.
    action : {"redraw", "remove"}
        redraw: the columns from the first drawn key to the last one are drawn again, with fresh
        random numbers; later columns are then drawn from the new answers. A row that replicates a
        unique one after all attempts takes the record of another synthetic row. remove: the row is
        left out, which leaves a hole that can be seen where the real file is unique.
    attempts : int
        Of redraw.
    among : {"unique", "all"}
        unique: only synthetic rows that no other synthetic row equals count (synthpop's
        ``replicated.uniques``); all: every synthetic row that equals a unique real one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[tuple[str, ...], Field(min_length=1)]
    action: Literal["redraw", "remove"] = "redraw"
    attempts: Annotated[int, Field(ge=1, le=1000)] = 10
    among: Literal["unique", "all"] = "unique"

    @model_validator(mode="after")
    def _check(self) -> ReplicatedUniques:
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("keys name a column twice")
        return self
