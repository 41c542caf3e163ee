"""How synthetic rows leave: their order, names, a mark, and which levels the files name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from gpusynth.errors import PlanError

__all__ = ["Output"]


class Output(BaseModel):
    """How synthetic files look.

    Parameters
    ----------
    shuffle_rows : bool
        Put the rows out in random order; keys are numbered in the new order.
    flag : str, optional
        Name of an added column that says ``true`` in every row, so that nobody takes the file for
        the real one.
    prefix, suffix : str
        Put before and after every column name, the flag's excepted.
    levels : {"drawn", "all"}
        Which levels, labels and spikes a file's dictionaries and its own schema name: those that
        occur in the file, or all that occur in the real data. A level that one firm has and no
        synthetic row drew would otherwise be told by the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shuffle_rows: bool = False
    flag: str | None = None
    prefix: str = ""
    suffix: str = ""
    levels: Literal["drawn", "all"] = "drawn"

    @model_validator(mode="after")
    def _check(self) -> Output:
        if self.flag == "":
            raise ValueError("flag must be the name of a column")
        return self

    def new_name(self, column: str) -> str:
        """Return the name that a column has in the output."""
        return f"{self.prefix}{column}{self.suffix}"

    def check_names(self, columns: Iterable[str], real: Iterable[str]) -> None:
        """Check that new names mean nothing else.

        Parameters
        ----------
        columns : iterable of str
            That are put out.
        real : iterable of str
            All columns of the real file.

        Raises
        ------
        PlanError
            If a new name, or the flag's, is that of a column already.
        """
        taken = set(real)
        for column in columns:
            name = self.new_name(column)
            if name != column and name in taken:
                raise PlanError(
                    f"output: column {column!r} would be put out as {name!r}, which is the name of "
                    "another column. Choose another prefix or suffix."
                )
            if self.flag in (name, column):
                raise PlanError(
                    f"output: the flag {self.flag!r} has the name of a column. Choose another name."
                )
        if self.flag in taken:
            raise PlanError(
                f"output: the flag {self.flag!r} has the name of a column of the real file, which "
                "is dropped. Choose another name."
            )
