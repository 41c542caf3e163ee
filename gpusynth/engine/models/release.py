"""Release: a model without microdata, fitted on columns that tell of no few units.

Every column is made coarse first (`gpusynth.table.coarse`); trees are grown on coarse columns, with
enough units in every leaf; leaves keep counts (`gpusynth.methods.released`). So whatever the file
holds was shared by enough units before the first fit.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from gpusynth.arrays import Array
from gpusynth.engine.fitting import StepModels, step_data
from gpusynth.engine.models.saved import write_synthesis
from gpusynth.engine.models.saved_table import SavedSource, rowless_table
from gpusynth.engine.progress import Listener, SilentListener
from gpusynth.engine.real.prepare import settle
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.real.units import read_units
from gpusynth.engine.real.weights import survey_weights
from gpusynth.errors import DataError, PlanError
from gpusynth.io import check_model_path
from gpusynth.methods import Cart, CartModel, FittedModel, SampleModel, StepData
from gpusynth.methods.node_counts import release_tree
from gpusynth.methods.passive import bind_passive
from gpusynth.methods.released import ReleasedModel
from gpusynth.plan import Step, SynthesisPlan
from gpusynth.table import BATCH_ROWS, Table
from gpusynth.table.coarse import CoarseColumn, coarsen, number_step
from gpusynth.table.expression import parse_expression
from gpusynth.table.schema import Column
from gpusynth.trees import LeafDonors, Tree

__all__ = ["release"]

_RANGES = 4
"""Leaves hold at least so many times `min_units` rows: numbers are counted in ranges of that many
units, and one or two ranges a leaf would tell little of their distribution."""

_SUPPORTED = ("cart", "sample", "constant", "lookup", "passive")


def release(
    prepared: Prepared,
    path: str | Path,
    *,
    min_units: int,
    unit: str | None = None,
    overwrite: bool = False,
    n_threads: int = 1,
    listener: Listener | None = None,
) -> None:
    """Fit a model that refers to no real row, and write it.

    Parameters
    ----------
    prepared : Prepared
        Real data and plan; its backend grows the trees, too.
    path : str or pathlib.Path
    min_units : int
        Fewest units that share any value in the file.
    unit : str, optional
        Column of the real file that says which rows are of one unit; the plan's `unit` by default.
    overwrite : bool
    n_threads : int
        Of each fit; never changes a byte.
    listener : Listener, optional
        Told of each fit.

    Raises
    ------
    PlanError
        If a step has a method that cannot be released, or the plan asks for something that needs
        real rows.
    DataError
        If there are fewer units than `min_units`, or too few share any answer of a column.
    OutputError
        If the file cannot be written.
    """
    if not 2 <= min_units <= 1_000_000:
        raise PlanError(f"min_units must be 2 to 1,000,000, got {min_units}")
    check_model_path(path, overwrite=overwrite)
    _check_plan(prepared.plan)
    units = _units(prepared, unit)
    n_units = prepared.table.n_rows if units is None else len(np.unique(units))
    if n_units < min_units:
        raise DataError(
            f"{prepared.resolved.source.name} has {n_units} units, fewer than min_units = "
            f"{min_units}: nothing of it may leave. Lower min_units."
        )
    table = prepared.table
    columns = {
        name: coarsen(codec, table.codes[name], table.values.get(name), units, min_units=min_units)
        for name, codec in table.codecs.items()
    }
    coarse = _coarse_prepared(prepared, columns, min_units)
    weight = None
    if any(step.method.is_weighted for step in coarse.plan.steps):
        weight = survey_weights(table)
    coarse = replace(coarse, units=units, weight=weight, backend=prepared.backend)
    listener = SilentListener() if listener is None else listener
    listener.start("fit", len(coarse.plan.steps))
    models = {}
    for step in coarse.plan.steps:
        models[step.number] = StepModels((_fit(step, coarse, columns, min_units, n_threads),))
        listener.advance(step.target, work=1, rows=table.n_rows)
    n_rows = max(round(table.n_rows / min_units), 1) * min_units
    resolved = coarse.resolved
    rowless = rowless_table(resolved.schema, resolved.codecs, n_rows)
    empty = settle(resolved, rowless, fingerprint="", batch_rows=BATCH_ROWS, is_fitted=True)
    write_synthesis(path, empty, models, overwrite=overwrite, is_released=True)


def _check_plan(plan: SynthesisPlan) -> None:
    """Refuse what needs real rows when rows are drawn, or could tell of them."""
    for step in plan.steps:
        if step.method.name not in _SUPPORTED:
            raise PlanError(
                f"step {step.number} (column {step.target!r}): models of the method "
                f"{step.method.name} cannot be released, only those of {', '.join(_SUPPORTED)}. "
                "Choose one of these for the column."
            )
        if step.method.name == "passive":
            text = step.method.model_dump()["expression"]
            if parse_expression(text).statistics:
                raise PlanError(
                    f"step {step.number} (column {step.target!r}): the formula asks for a "
                    "statistic of the real file, which a released model does not hold"
                )
    asked = {
        "rules": plan.rules,
        "edits": plan.edits,
        "strata": plan.strata,
        "partial": plan.partial,
        "start_table": plan.start_table,
        "predict_only": plan.predict_only,
        "smoothing": [step for step in plan.steps if step.smoothing is not None],
        "tails": [step for step in plan.steps if step.tail is not None],
        "calibrate": plan.calibrate,
        "replicated_uniques": plan.replicated_uniques is not None,
        "proper": plan.proper != "none",
    }
    for name, entry in asked.items():
        if entry:
            preset = " (replicated_uniques = false where a preset has it)"
            raise PlanError(
                f"the plan's {name} cannot be released with a model: it may tell of single rows, "
                f"or needs them. Remove it{preset if name == 'replicated_uniques' else ''}, and "
                "apply it after sampling."
            )


def _units(prepared: Prepared, unit: str | None) -> Array | None:
    """Return the unit of each row; None where rows are units."""
    if unit is None or unit == prepared.plan.unit:
        if prepared.plan.unit is not None and prepared.units is None:
            raise DataError(
                f"the saved model does not hold the units ({prepared.plan.unit!r}). "
                "Fit the data again and release that."
            )
        return prepared.units
    source = prepared.resolved.source
    if unit not in source.arrow_schema.names:
        raise PlanError(f"{source.name} has no column {unit!r} to name the units")
    return read_units(source, unit, batch_rows=BATCH_ROWS)


def _coarse_prepared(
    prepared: Prepared, columns: dict[str, CoarseColumn], min_units: int
) -> Prepared:
    """Return the real data in coarse columns, with nothing of them in schema, plan and source."""
    resolved, real = prepared.resolved, prepared.table
    schema = resolved.schema.model_copy(
        update={
            "columns": tuple(
                columns[column.name].codec.column if column.name in columns else _bare(column)
                for column in resolved.schema.columns
            )
        }
    )
    codecs = {name: column.codec for name, column in columns.items()}
    plan = replace(
        resolved.plan,
        schema_fingerprint=schema.fingerprint(),
        steps=tuple(_coarse_step(step, min_units) for step in resolved.plan.steps),
        unit=None,
    )
    arrow_schema = resolved.source.arrow_schema.remove_metadata()
    for at, field in enumerate(arrow_schema):
        arrow_schema = arrow_schema.set(at, field.remove_metadata())
    n_rows = max(round(real.n_rows / min_units), 1) * min_units
    source = SavedSource("released model", arrow_schema, resolved.source.is_text, n_rows, "")
    table = Table(
        schema,
        codecs,
        {name: column.codes for name, column in columns.items()},
        {name: c.values for name, c in columns.items() if c.values is not None},
        real.n_rows,
    )
    coarse = replace(
        resolved, source=source, schema=schema, reasons={}, codecs=codecs, plan=plan, choices=None
    )
    return settle(coarse, table, fingerprint="", batch_rows=BATCH_ROWS)


def _bare(column: Column) -> Column:
    """Return a column that has no codes (dropped, or a key) without what it tells of the data."""
    return Column(name=column.name, kind=column.kind, storage=column.storage, role=column.role)


def _coarse_step(step: Step, min_units: int) -> Step:
    """Return the step with a tree: what is drawn, looked up or constant is a tree's leaf, too."""
    method = step.method
    if method.name == "passive":
        formula = {**method.model_dump(), "verify": False}
        return replace(step, method=type(method)(**formula))
    if method.name == "cart":
        settings = {**method.model_dump(), "distinct_in": "numbers", "min_distinct_values": 1}
        settings["max_donor_uses"] = None  # there will be counts, and no donors
    else:
        settings = {"weighted": method.is_weighted}
    predictors = step.predictors
    if method.name == "lookup":
        predictors = method.required_columns
    if method.name in ("sample", "constant"):
        predictors = ()
    least = {"min_leaf": max(settings.get("min_leaf", 1), _RANGES * min_units)}
    tree = Cart(**{**settings, **least, "min_distinct_units": min_units, "min_split": None})
    return replace(step, method=tree, predictors=predictors)


def _fit(
    step: Step,
    coarse: Prepared,
    columns: dict[str, CoarseColumn],
    min_units: int,
    n_threads: int,
) -> FittedModel:
    """Fit one step and keep counts in place of donors."""
    if step.method.name == "passive":
        expression = step.method.model_dump()["expression"]
        return bind_passive(expression, step.target, coarse.table)
    data, _ = step_data(step, coarse)
    column = columns[step.target]
    rows = np.arange(data.n_real, dtype=np.int32) if data.rows is None else data.rows
    rows = rows[~column.is_rare[rows]]
    model = step.method.fit(replace(data, rows=rows), n_threads=n_threads)
    tree, donors = _tree_of(model, data)
    is_number = data.target.is_number
    codec = column.codec
    counted = release_tree(
        tree,
        donors,
        data.target.codes,
        coarse.units,
        min_units=min_units,
        n_codes=codec.n_codes,
        by_range=is_number,
        place=data.place,
    )
    numbers = codec.code_values if is_number else None
    return ReleasedModel(
        **{field.name: getattr(counted, field.name) for field in fields(counted)},
        codec=codec,
        widths=column.widths if is_number else None,
        step=0.0 if numbers is None else number_step(codec.column, numbers),
    )


def _tree_of(model: FittedModel, data: StepData) -> tuple[Tree, LeafDonors]:
    """Return a fitted tree and its donors; one leaf where nothing predicts."""
    if isinstance(model, CartModel):
        return model.tree, model.donors
    if not isinstance(model, SampleModel):
        raise TypeError(type(model).__name__)
    rows = np.arange(data.n_real, dtype=np.int32) if model.rows is None else model.rows
    cumulative = None
    if model.cumulative is not None:
        cumulative = np.rint(model.cumulative / model.cumulative[-1] * 2.0**38).astype(np.int64)
    none, zero = np.full(1, -1, np.int32), np.zeros(1, np.int32)
    tree = Tree(
        predictors=(),
        n_codes=np.zeros(0, np.int32),
        feature=none,
        threshold=np.zeros(1, np.uint16),
        subset=np.full(1, -1, np.int64),
        subset_words=np.zeros(0, np.uint32),
        left=none,
        leaf=zero,
        gain=np.zeros(1),
        n_rows=np.zeros(1, np.int64),
    )
    return tree, LeafDonors(np.array([0, len(rows)], np.int64), rows, cumulative)
