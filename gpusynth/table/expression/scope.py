"""Names and constants of an expression, looked up in the codecs of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import NoReturn

from gpusynth.errors import PlanError
from gpusynth.table.codec_levels import LevelCodec
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.expression.columns import LevelColumn, NumberColumn, days_of, exact_fraction
from gpusynth.table.expression.constants import mean_of, quantile_of
from gpusynth.table.expression.nodes import Node, Number, Statistic, Text, Truth
from gpusynth.table.expression.parse import Expression
from gpusynth.table.expression.pointing import point_at
from gpusynth.table.table import Codec, Table

__all__ = ["Scope"]

_MOST_NAMED = 3  # column names that a message proposes


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of an expression mean.

    Attributes
    ----------
    expression : Expression
    codecs : mapping of column name to Codec
    table : Table or None
        The real file, for statistics.
    """

    expression: Expression
    codecs: Mapping[str, Codec]
    table: Table | None

    def error(self, node: Node, reason: str) -> PlanError:
        """Build an error that points at a node."""
        place = self.expression.place
        return PlanError(point_at(self.expression.text, node.start, reason, place=place))

    def fail(self, node: Node, reason: str) -> NoReturn:
        """Raise an error that points at a node."""
        raise self.error(node, reason)

    def column(self, name: str, node: Node) -> NumberColumn | LevelColumn:
        """Return the column that a node names."""
        codec = self.codecs.get(name)
        if isinstance(codec, NumberCodec):
            return NumberColumn(codec)
        if isinstance(codec, LevelCodec):
            return LevelColumn(codec)
        raise self.unknown_column(name, node)

    def unknown_column(self, name: str, node: Node) -> PlanError:
        """Build the error for a column that is not there, with the nearest names."""
        known = [other for other in self.codecs if other != name]
        near = get_close_matches(name, known, n=_MOST_NAMED, cutoff=0.6)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        reason = f"there is no column {name!r} (columns to drop and keys do not count){hint}"
        return self.error(node, reason)

    def statistic(self, node: Statistic) -> tuple[Fraction, NumberColumn]:
        """Return a statistic of the real file, in storage units, and its column."""
        column = self.column(node.column, node)
        if isinstance(column, LevelColumn):
            self.fail(node, f"{node.name}() needs numbers, but {node.column!r} has levels")
        if self.table is None:
            self.fail(node, f"{node.name}() is computed from the real file, which is not read here")
        if node.share is None:
            value = mean_of(column, self.table)
        else:
            value = quantile_of(column, node.share, self.table)
        if value is None:
            self.fail(
                node, f"{node.name}() has no value: every answer of {node.column!r} is missing"
            )
        return value, column

    def units(self, column: NumberColumn, node: Number | Text | Truth | Statistic) -> Fraction:
        """Return what a constant is in the storage units of a column of numbers."""
        if isinstance(node, Statistic):
            units, other = self.statistic(node)
            if other.is_time != column.is_time:
                self.fail(node, f"{column.name!r} and {node.column!r} are not both dates")
            return units * column.per_unit / other.per_unit
        if isinstance(node, Number) and not column.is_time:
            return exact_fraction(node.value) * column.per_unit
        days = days_of(node.value) if isinstance(node, Text) and column.is_time else None
        if days is None:
            kind = "dates: write them as 'YYYY-MM-DD' or 'YYYY-MM-DD hh:mm:ss'"
            plain = "numbers: write them without quotes (only a missing code can be text)"
            self.fail(node, f"{column.name!r} has {kind if column.is_time else plain}")
        return days * column.per_unit

    def number_or_state(
        self, column: NumberColumn, node: Number | Text | Truth | Statistic
    ) -> Fraction | float | int:
        """Return what a constant is for a column of numbers.

        Returns
        -------
        Fraction or float
            A number in storage units, as stored.
        int
            A missing code.
        """
        state = column.state_of(node.value) if isinstance(node, Text) else None
        if state is not None:
            return state
        units = self.units(column, node)
        if isinstance(node, Statistic):
            return units
        state = column.state_of(units)
        return column.as_stored(units) if state is None else state

    def level_code(self, column: LevelColumn, node: Number | Text | Truth | Statistic) -> int:
        """Return the code of a level or missing code that a constant names."""
        if isinstance(node, Statistic):
            self.fail(node, f"{column.name!r} has levels, not numbers")
        answer: str | int | float
        answer = str(node) if isinstance(node, Truth) else node.value
        if isinstance(node, Truth) and column.truths is not None:
            # A file may write TRUE and FALSE.
            answer = next((x for x in column.codec.levels if x.lower() == answer), answer)
        code = column.code_of(answer)
        if code is None:
            n_levels = len(column.codec.levels)
            self.fail(
                node,
                f"{column.name!r} has no level {answer!r} among its {n_levels:,} levels and its "
                "missing codes; case and blanks count, and a level that the data lack must be "
                "listed in the schema",
            )
        return code
