"""``gpusynth doctor``: what the machine has, what is missing, and how to get it."""

from __future__ import annotations

import json

import typer

from gpusynth.cli.console import console, new_table
from gpusynth.cli.options import PrintJsonOption

__all__ = ["show_doctor"]


def show_doctor(*, as_json: PrintJsonOption = False) -> None:
    """Say what this machine has for gpusynth, what is missing, and how to get it."""
    from gpusynth.operations.doctor import examine

    findings = examine()
    out = console()
    if as_json:
        out.print(json.dumps([finding.to_json() for finding in findings], indent=1), soft_wrap=True)
    else:
        table = new_table("area", "what", "found", "verdict", "remedy")
        for finding in findings:
            table.add_row(*finding.to_json().values())
        out.print(table)
    if any(finding.verdict == "problem" for finding in findings):
        raise typer.Exit(1)
