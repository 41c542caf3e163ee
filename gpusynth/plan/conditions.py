"""Rules, edits and partial synthesis as a plan states them: expressions with a purpose."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gpusynth.table.expression import parse_expression

__all__ = ["Edit", "Partial", "Rule"]


def _parses(text: str) -> str:
    parse_expression(text)
    return text


Condition: TypeAlias = Annotated[str, AfterValidator(_parses)]
"""Text of an expression; refused where it does not parse."""


class Rule(BaseModel):
    """Where `when` is true, `target` has one value (synthpop's rules and rvalues).

    Such rows leave both fit and draw of the target. Of several rules that hold in one row the last
    one counts.

    Parameters
    ----------
    target : str
    when : str
        Expression over columns that are visited before the target.
    value : str, int, float or bool, optional
        A level, number or missing code; missing (null) where it is not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    when: Condition
    value: str | bool | int | float | None = None


class Edit(BaseModel):
    """What every synthetic row must satisfy.

    A row that fails is drawn again at the column that completes the edit, with fresh random numbers
    each time; a row that still fails takes the edit's columns from one real row that satisfies it.

    Parameters
    ----------
    holds : str
        Expression; a row in which it is neither true nor false (something is missing) passes.
    name : str
        For messages and the manifest; the expression itself by default.
    attempts : int
        How often a row is drawn again before it is repaired.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    holds: Condition
    name: str = ""
    attempts: Annotated[int, Field(ge=0, le=1000)] = 25

    @property
    def title(self) -> str:
        """Name, or the expression."""
        return self.name or self.holds


class Partial(BaseModel):
    """Which answers are synthesized; everything else stays as in the real row (Reiter 2003).

    Parameters
    ----------
    columns : tuple of str
        Columns to synthesize; the others are kept.
    rows : str, optional
        Expression over the real row; where it is not true, the answers of `columns` are kept too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    rows: Condition | None = None
