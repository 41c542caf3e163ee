"""``gpusynth infer-schema`` and ``gpusynth plan``: look before a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gpusynth.cli.console import ProgressDisplay, console, new_table
from gpusynth.cli.output_files import check_outputs
from gpusynth.engine import (
    Prepared,
    Stopwatch,
    available_threads,
    infer_schema,
    prepare,
    resolve_input,
)
from gpusynth.methods import METHODS, Method
from gpusynth.plan import Plan, SynthesisPlan, read_plan, write_plan
from gpusynth.table import BATCH_ROWS, write_schema

__all__ = ["show_plan", "show_schema"]


def show_schema(file: Path, output: Path | None, *, overwrite: bool) -> None:
    """Print each column's kind and why it was chosen; write the schema file.

    Parameters
    ----------
    file : pathlib.Path
    output : pathlib.Path, optional
    overwrite : bool

    Raises
    ------
    OutputError
        If `output` exists and may not be replaced.
    """
    check_outputs((output,), overwrite=overwrite, inputs=[file])
    inferred = infer_schema(file)
    table = new_table("column", "kind", "type", "why")
    for column in inferred.schema.columns:
        table.add_row(column.name, column.kind, column.storage, inferred.reasons[column.name])
    out = console()
    out.print(table)
    if output is not None:
        write_schema(inferred.schema, output, inferred.reasons)
        out.print(f"\nwritten to {output}", soft_wrap=True)


def show_plan(
    data: Path, schema: Path | None, plan: Path | None, output: Path | None, *, overwrite: bool
) -> None:
    """Print every step of a synthesis; write the choices to a plan file.

    Parameters
    ----------
    data : pathlib.Path
    schema : pathlib.Path, optional
    plan : pathlib.Path, optional
    output : pathlib.Path, optional
    overwrite : bool

    Raises
    ------
    OutputError
        If `output` exists and may not be replaced.
    """
    check_outputs((output,), overwrite=overwrite, inputs=[data, schema])
    choices = Plan() if plan is None else read_plan(plan)
    with ProgressDisplay(console(stderr=True)) as display:
        options: dict[str, Any] = {
            "batch_rows": BATCH_ROWS,
            "listener": display,
            "stopwatch": Stopwatch(),
            "n_threads": available_threads(),
        }
        prepared = prepare(resolve_input(data, schema, choices, **options), **options)
    _print_plan(prepared)
    if output is not None:
        write_plan(choices, output)
        console().print(f"written to {output}", soft_wrap=True)


def _print_plan(prepared: Prepared) -> None:
    resolved = prepared.resolved
    numbers = ("step", "predictors", "codes")
    table = new_table(
        "step", "variable", "part", "method", "parameters", *numbers[1:], numbers=numbers
    )
    for step in resolved.plan.steps:
        table.add_row(
            str(step.number),
            step.target,
            step.part,
            step.method.name,
            _parameters(step.method),
            str(len(step.predictors)),
            f"{resolved.codecs[step.target].n_codes:,}",
        )
    out = console()
    out.print(table)
    plan = resolved.plan
    for names, fate in (
        (plan.key_columns, "numbered afresh"),
        (plan.dropped_columns, "dropped"),
        (plan.predict_only, "predict, but are not put out"),
    ):
        if names:
            out.print(f"{fate}: {', '.join(names)}", soft_wrap=True)
    for line in (*_settings(plan), *(f"note: {note}" for note in prepared.notes)):
        out.print(line, soft_wrap=True, markup=False)
    if prepared.pooling:
        out.print(f"{len(prepared.pooling)} small strata are pooled", soft_wrap=True)
    out.print(f"\nfingerprint {resolved.plan.fingerprint()}", soft_wrap=True)


def _settings(plan: SynthesisPlan) -> list[str]:
    """Say in words what the plan asks for besides its steps."""
    lines = [
        f"rule: {rule.target} is {'missing' if rule.value is None else rule.value!r} "
        f"where {rule.when}"
        for rule in plan.rules
    ]
    lines += [f"edit: {edit.holds}" for edit in plan.edits]
    if plan.strata is not None:
        lines.append(
            f"fitted apart by {', '.join(plan.strata.columns)}, "
            f"pooled below {plan.strata.min_rows:,} rows"
        )
    if plan.partial is not None:
        where = "" if plan.partial.rows is None else f" where {plan.partial.rows}"
        lines.append(f"partial: only {', '.join(plan.partial.columns)} is synthesized{where}")
    if plan.proper != "none":
        lines.append(f"proper: each replicate is fitted anew ({plan.proper})")
    if plan.start_table is not None:
        lines.append(f"rows start from {plan.start_table}")
    return lines


def _parameters(method: Method) -> str:
    """Return the parameters that differ from the method's defaults."""
    fields = METHODS[method.name].model_fields
    usual = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    return ", ".join(
        f"{name}={value}"
        for name, value in method.model_dump().items()
        if fields[name].is_required() or value != usual[name]
    )
