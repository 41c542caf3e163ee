"""Visit sequence: in which order columns are synthesized."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gpusynth.errors import PlanError
from gpusynth.plan.choices import Plan
from gpusynth.table import Codec, Schema

__all__ = ["resolve_visit"]


def resolve_visit(
    plan: Plan, schema: Schema, codecs: Mapping[str, Codec], kept: Sequence[str]
) -> tuple[str, ...]:
    """Return the visit sequence: kept columns, which start every row, then the others.

    Parameters
    ----------
    plan : Plan
    schema : Schema
    codecs : mapping of column name to Codec
        The number of codes, for the order "levels".
    kept : sequence of str
        Columns that are kept, in file order.

    Returns
    -------
    tuple of str
        Every column that is neither dropped nor a key, once.

    Raises
    ------
    PlanError
        If a given list names an unknown column, a column twice, or not every synthesized column.
    """
    columns = [c.name for c in schema.columns if c.role not in ("drop", "key")]
    if plan.visit == "levels":
        columns.sort(key=lambda name: codecs[name].n_codes)
    elif plan.visit != "file":
        _check_given(plan.visit, schema, columns, kept)
        columns = list(plan.visit)
    started = set(kept)
    return (*kept, *(name for name in columns if name not in started))


def _check_given(
    given: Sequence[str], schema: Schema, columns: Sequence[str], kept: Sequence[str]
) -> None:
    unknown = [name for name in given if name not in schema.names]
    if unknown:
        raise PlanError(f"visit names unknown columns: {_listed(unknown)}. Correct the names.")
    twice = [name for name, count in Counter(given).items() if count > 1]
    if twice:
        raise PlanError(f"visit names columns twice: {_listed(twice)}. Name each once.")
    not_visited = [name for name in given if name not in columns]
    if not_visited:
        roles = ", ".join(f"{name!r} has role {schema[name].role}" for name in not_visited)
        raise PlanError(f"visit names columns that are not synthesized: {roles}. Remove them.")
    missing = [name for name in columns if name not in given and name not in kept]
    if missing:
        raise PlanError(
            f"visit leaves out synthesized columns: {_listed(missing)}. "
            "Add them, or give them the role drop in the schema."
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown
