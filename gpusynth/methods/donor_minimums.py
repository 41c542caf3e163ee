"""What methods that draw donors share: how many different ones a leaf holds, and caps on use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from gpusynth.arrays import Array
from gpusynth.errors import TooFewDonorsError
from gpusynth.methods.model import Method, MethodSpecification, StepData

if TYPE_CHECKING:
    from gpusynth.trees import LeafDonors, LeafMinimum, Tree

__all__ = ["DonorMethod", "check_together", "donor_rules", "hold_in_tree"]

_RULES = ("min_distinct_values", "min_distinct_units", "distinct_in", "max_donor_uses")


class DonorMethod(MethodSpecification):
    """A method that hands on the answers of real rows.

    Parameters
    ----------
    min_distinct_values : int
        Fewest different donor values in a leaf. States of a number (missing codes and spikes) are
        not counted among its values.
    min_distinct_units : int
        Fewest different units in a leaf: the plan's `unit` column says which rows are of one
        unit; without one, every real row is a unit of its own.
    distinct_in : {"numbers", "all"}
        Where values are counted. A leaf of classes or states that is pure is how a skip pattern
        looks, and tells what the questionnaire tells; so they are counted among numbers only,
        unless "all" is asked for. Units are counted in every leaf.
    max_donor_uses : int, optional
        Most synthetic rows of a replicate to which one real row hands on its answer; further ones
        go to other donors of the leaf, or of the nearest node above it that has any left. States
        of a number are not counted.
    """

    absent_by_default: ClassVar[frozenset[str]] = frozenset(_RULES)

    min_distinct_values: Annotated[int, Field(ge=1, le=10_000)] = 1
    min_distinct_units: Annotated[int, Field(ge=1, le=10_000)] = 1
    distinct_in: Literal["numbers", "all"] = "numbers"
    max_donor_uses: Annotated[int, Field(ge=1)] | None = None

    def donor_rules(self) -> dict[str, Any]:
        """Return the parameters that this class adds."""
        return {name: getattr(self, name) for name in _RULES}


def donor_rules(method: Method) -> dict[str, Any]:
    """Return the rules of a method that draws donors; none of others."""
    return method.donor_rules() if isinstance(method, DonorMethod) else {}


def hold_in_tree(
    method: DonorMethod, data: StepData, tree: Tree, donors: LeafDonors
) -> tuple[Tree, LeafDonors]:
    """Undo splits of a grown tree until every leaf holds the method's minimums.

    Parameters
    ----------
    method : DonorMethod
    data : StepData
    tree : Tree
    donors : LeafDonors

    Returns
    -------
    tuple of Tree and LeafDonors

    Raises
    ------
    TooFewDonorsError
        If all donors together hold too few.
    """
    from gpusynth.trees import hold_minimums

    minimums = _minimums(method, data)
    if not minimums:
        return tree, donors
    held = hold_minimums(tree, donors, data.predictors, data.target.goal, list(minimums.values()))
    if held is None:
        raise _too_few(minimums, donors.rows, data, n_leaves=donors.n_leaves)
    return held


def check_together(method: DonorMethod, data: StepData, cumulative: Array | None) -> None:
    """Check the minimums of a method whose rows are one leaf.

    Parameters
    ----------
    method : DonorMethod
    data : StepData
    cumulative : array of float64, shape (n_part,), or None
        Running totals of the weights; rows of weight 0 are never drawn and do not count.

    Raises
    ------
    TooFewDonorsError
        If the rows hold too few.
    """
    minimums = _minimums(method, data)
    if not minimums:
        return
    rows = np.arange(data.n_real) if data.rows is None else data.rows
    if cumulative is not None:
        rows = rows[np.diff(cumulative, prepend=0.0) > 0]
    for what, minimum in minimums.items():
        if what == "values" and not (minimum.of_row[rows] >= 0).any():
            continue  # states alone: there is no number to protect
        if _count(minimum, rows) < minimum.least:
            raise _too_few({what: minimum}, rows, data, n_leaves=1)


def _minimums(method: DonorMethod, data: StepData) -> dict[str, LeafMinimum]:
    """Return what must be held, by its name for people."""
    from gpusynth.trees import LeafMinimum

    target = data.target
    minimums = {}
    counts_values = target.is_number or method.distinct_in == "all"
    if method.min_distinct_values > 1 and counts_values:
        minimums["values"] = LeafMinimum(method.min_distinct_values, _value_numbers(data))
    if method.min_distinct_units > 1:
        units = np.arange(data.n_real) if data.units is None else data.units
        minimums["units"] = LeafMinimum(method.min_distinct_units, units)
    return minimums


def _value_numbers(data: StepData) -> Array:
    """Return the number of each real row's value; -1 for the states of a number."""
    target = data.target
    numbers = target.codes.astype(np.int64)
    if target.is_number and target.values is not None:
        numbers = np.unique(target.values, return_inverse=True)[1].reshape(-1).astype(np.int64)
    if target.is_number:
        numbers[target.codes < target.n_special] = -1
    return numbers


def _count(minimum: LeafMinimum, rows: Array) -> int:
    from gpusynth.trees import count_distinct

    return int(count_distinct(minimum.of_row[rows], np.zeros(len(rows), np.int64), 1)[0])


def _too_few(
    minimums: dict[str, LeafMinimum], rows: Array, data: StepData, *, n_leaves: int
) -> TooFewDonorsError:
    """Say which minimum the rows miss, and by how much; counts only."""
    what, minimum = min(minimums.items(), key=lambda one: _count(one[1], rows) - one[1].least)
    place = data.place or f"column {data.target.name!r}"
    leaves = "1 leaf" if n_leaves == 1 else f"all {n_leaves} leaves"
    return TooFewDonorsError(
        f"{place}: min_distinct_{what} = {minimum.least} leaves no donor: the {len(rows)} real "
        f"rows that take part hold {_count(minimum, rows)} different {what} in all, so {leaves} "
        f"would be empty. Lower min_distinct_{what} for this column, "
        + (
            "make it ordered or categorical in the schema, or pool it with others."
            if what == "values"
            else "raise min_rows of strata or of a nested column so that small groups are pooled."
        )
    )
