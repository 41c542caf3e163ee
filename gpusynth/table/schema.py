"""Schema: what each column of a survey file is, validated, frozen and pure.

A schema is inferred (`gpusynth.table.infer`), written as TOML that a person edits
(`gpusynth.table.schema_file`) and read back. Nothing here touches data.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gpusynth.table.limits import MOST_COLUMNS, MOST_LEVELS

__all__ = ["Column", "Kind", "Role", "Schema"]

Kind: TypeAlias = Literal[
    "categorical", "ordered", "integer", "numeric", "boolean", "date", "timestamp"
]
"""What the answers of a column are.

categorical, ordered, boolean
    levels; `ordered` ones are split by threshold, the others by subsets.
integer, numeric, date, timestamp
    numbers (dates as days, timestamps in the storage unit); they may hold missing codes and spikes.
"""

Role: TypeAlias = Literal["synthesize", "keep", "drop", "key", "weight", "stratum"]
"""What becomes of a column: see the user guide's table of roles."""

NUMBER_KINDS = frozenset({"integer", "numeric", "date", "timestamp"})


class Column(BaseModel):
    """One column of the survey.

    Parameters
    ----------
    name : str
        Exactly as in the file.
    kind : Kind
    storage : str
        Arrow type of the output column, as `str(pyarrow.DataType)` writes it; output columns have
        exactly the input's types.
    role : Role
    levels : tuple of str, optional
        All answers in order, as text, without missing codes. None for numbers.
    labels : dict
        Level or missing code (as text) -> what it means.
    missing_codes : tuple of str, int or float
        Values that stand for a missing answer besides null; each is kept apart, and null is a
        missing code of its own wherever it occurs.
    spikes : tuple of float
        Ordinary numbers that many records share (0 of receipts); modelled as states of their own.
    bounds : (low, high), optional
        Lowest and highest number that may be made, either None for open. Real answers beyond them
        are handed on as they are: what every row must satisfy is an edit of the plan.
    decimals : int, optional
        Digits after the point that the numbers have at most; None for not known or more than is
        meant (quotients). An integer stays whole: there it only says how text is written.
    trailing_zeros : bool
        Numbers of a text file are written with all their `decimals` ("17000.0"), not in the
        shortest form.
    note : str
        For people; never interpreted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    kind: Kind
    storage: Annotated[str, Field(min_length=1)]
    role: Role = "synthesize"
    levels: tuple[str, ...] | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    missing_codes: tuple[str | int | float, ...] = ()
    spikes: tuple[float, ...] = ()
    bounds: tuple[float | None, float | None] | None = None
    decimals: Annotated[int, Field(ge=0, le=18)] | None = None
    trailing_zeros: bool = False
    note: str = ""

    @property
    def is_number(self) -> bool:
        """True for kinds whose answers are numbers on a scale."""
        return self.kind in NUMBER_KINDS

    @model_validator(mode="after")
    def _check(self) -> Column:
        if self.is_number and self.levels is not None:
            raise ValueError(f"column {self.name!r} is {self.kind} and cannot list levels")
        if not self.is_number and (self.spikes or self.bounds or self.decimals is not None):
            raise ValueError(
                f"column {self.name!r} is {self.kind}: spikes, bounds and decimals are for numbers"
            )
        if self.trailing_zeros and self.decimals is None:
            raise ValueError(f"column {self.name!r}: trailing_zeros needs decimals")
        if self.levels is not None and len(self.levels) > MOST_LEVELS:
            raise ValueError(
                f"column {self.name!r} has more than {MOST_LEVELS:,} levels; make it coarser, or "
                "give it the role key or drop and list none"
            )
        if self.levels is not None and len(set(self.levels)) != len(self.levels):
            raise ValueError(f"column {self.name!r} lists a level twice")
        if len(set(self.missing_codes)) != len(self.missing_codes):
            raise ValueError(f"column {self.name!r} lists a missing code twice")
        if set(self.spikes) & {c for c in self.missing_codes if not isinstance(c, str)}:
            raise ValueError(f"column {self.name!r}: a spike is also a missing code")
        if self.bounds is not None:
            low, high = self.bounds
            if low is not None and high is not None and low > high:
                raise ValueError(f"column {self.name!r}: lower bound above upper bound")
        return self


class Schema(BaseModel):
    """All columns of one survey file, in file order.

    Raises
    ------
    pydantic.ValidationError
        If a name occurs twice, or two columns have the role weight or key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MOST_COLUMNS)]

    @model_validator(mode="after")
    def _check(self) -> Schema:
        names = [column.name for column in self.columns]
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        if twice:
            raise ValueError(f"column names occur twice: {', '.join(map(repr, twice))}")
        weights = [c.name for c in self.columns if c.role == "weight"]
        if len(weights) > 1:
            raise ValueError(f"more than one weight: {', '.join(map(repr, weights))}")
        return self

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(column.name for column in self.columns)

    @property
    def weight(self) -> str | None:
        """Name of the weight column."""
        return next((c.name for c in self.columns if c.role == "weight"), None)

    def with_role(self, *roles: Role) -> Iterator[Column]:
        """Yield the columns that have one of the roles, in file order."""
        return (column for column in self.columns if column.role in roles)

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON: equal exactly when two schemas mean the same."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
