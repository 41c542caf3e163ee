"""Setup: everything about an imputation that is the same in all of its chains."""

from __future__ import annotations

from dataclasses import dataclass

from gpusynth.arrays import Array
from gpusynth.backends import CPU, Backend
from gpusynth.engine import Listener, Resolved, Stopwatch
from gpusynth.engine.fitting import step_target
from gpusynth.engine.real.conditions import Conditions, bind_conditions
from gpusynth.engine.real.weights import survey_weights
from gpusynth.errors import DataError, PlanError
from gpusynth.imputation.cells import check_impute, missing_cells
from gpusynth.imputation.formulas import Formula, bind_formulas
from gpusynth.imputation.settings import ImputationSettings
from gpusynth.imputation.targets import Target, build_targets, check_settings, imputation_methods
from gpusynth.methods import Method, StepTarget
from gpusynth.table import Table, encode_table
from gpusynth.table.special_codes import number_dtype
from gpusynth.trees import Layout

__all__ = ["Setup", "set_up"]


@dataclass(frozen=True, slots=True)
class Setup:
    """What all chains share; nothing in it changes.

    Attributes
    ----------
    table : Table
        The file as it was given.
    cells : mapping of str to array of int32, shape (n_missing,)
        Rows to impute, by column, in file order.
    targets : tuple of Target
        In the order of their visit.
    formulas : tuple of Formula
    methods : mapping of str to Method
        Of every column.
    conditions : Conditions
        Whose rules decide before any model.
    layout : Layout
        Of all columns that predict any other.
    step_targets : mapping of int to StepTarget
        By number of the step.
    new_values : mapping of str to dtype
        Columns that may get numbers which no code stands for.
    weight : array of float64, shape (n_rows,), or None
    backend : Backend
        Where trees are grown and walked, of imputations and of their syntheses.
    """

    table: Table
    cells: dict[str, Array]
    targets: tuple[Target, ...]
    formulas: tuple[Formula, ...]
    methods: dict[str, Method]
    conditions: Conditions
    layout: Layout
    step_targets: dict[int, StepTarget]
    new_values: dict[str, type]
    weight: Array | None
    backend: Backend = CPU


def set_up(
    resolved: Resolved,
    settings: ImputationSettings,
    *,
    batch_rows: int,
    listener: Listener,
    stopwatch: Stopwatch,
    backend: Backend = CPU,
) -> Setup:
    """Encode the file and settle what is imputed and how.

    Parameters
    ----------
    resolved : Resolved
    settings : ImputationSettings
    batch_rows : int
    listener : Listener
    stopwatch : Stopwatch
    backend : Backend

    Returns
    -------
    Setup

    Raises
    ------
    DataError, CodecError, PlanError
        If there is nothing to impute or to learn from, or the choices do not fit the file.
    """
    plan = resolved.choices
    if plan is None:
        raise PlanError("an imputation takes a Plan of choices, not a resolved SynthesisPlan.")
    check_settings(settings, resolved.schema)
    check_impute(settings.impute or {}, resolved.schema)
    source = resolved.source
    with stopwatch.phase("encode"):
        listener.start("encode", source.n_rows)
        table = encode_table(resolved.schema, resolved.codecs, source, batch_rows=batch_rows)
    cells = missing_cells(table, settings.impute, file=source.name)
    conditions = bind_conditions(resolved.plan, table)
    methods = imputation_methods(plan, resolved.schema, settings)
    formulas = bind_formulas(methods, cells, table)
    targets = build_targets(table, cells, formulas, methods, plan, settings)
    if not targets and not formulas:
        raise DataError(f"{source.name}: there is nothing to impute")
    steps = [step for target in targets for step in target.steps]
    is_weighted = any(step.method.is_weighted for step in steps)
    makes_values = {step.target for step in steps if step.makes_values}
    makes_values |= {formula.name for formula in formulas}
    return Setup(
        table=table,
        cells=cells,
        targets=targets,
        formulas=formulas,
        methods=methods,
        conditions=conditions,
        layout=_layout(table, targets, cells),
        step_targets={step.number: step_target(step, table) for step in steps},
        new_values={
            name: number_dtype(table.schema[name])
            for name in sorted(makes_values)
            if table.schema[name].is_number
        },
        weight=survey_weights(table) if is_weighted else None,
        backend=backend,
    )


def _layout(table: Table, targets: tuple[Target, ...], cells: dict[str, Array]) -> Layout:
    """Return the layout of all columns that predict any other.

    Complete columns come first and then the others: of two splits that gain the same, the one on
    answers is preferred to the one on imputed answers.
    """
    used = {name for target in targets for step in target.steps for name in step.predictors}
    names = [name for name in table.codes if name in used]
    names.sort(key=lambda name: len(cells.get(name, ())))
    codecs = [table.codecs[name] for name in names]
    return Layout(names, [c.n_codes for c in codecs], [c.is_ordered for c in codecs])
