"""``gpusynth compare`` and the last lines of ``gpusynth run``: utility at a glance."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from gpusynth.cli.console import console, new_table
from gpusynth.evaluate import UtilityGlance, utility_at_a_glance

__all__ = ["compare_files", "show_glance"]


def compare_files(real: Path, synthetic: Path, schema: Path | None, *, seed: int) -> None:
    """Compare a synthetic file with the real one and print the figures.

    Parameters
    ----------
    real : pathlib.Path
    synthetic : pathlib.Path
    schema : pathlib.Path, optional
        Of the real file; inferred by default.
    seed : int
        Of the bootstrap resample.
    """
    show_glance(utility_at_a_glance(real, synthetic, schema=schema, seed=seed), console())


def show_glance(glance: UtilityGlance, out: Console) -> None:
    """Print distances beside those of a bootstrap resample, and the worst columns.

    Parameters
    ----------
    glance : UtilityGlance
    out : rich.console.Console
    """
    out.print(
        "\nUtility at a glance: total variation distance between real and synthetic marginals, "
        "beside that of a bootstrap resample of the real rows",
        soft_wrap=True,
    )
    numbers = ("synthetic", "resample", "ratio")
    table = new_table("marginals", *numbers, numbers=numbers)
    for name, synthetic, resample in (
        ("one-way, mean", glance.one_way, glance.bootstrap_one_way),
        ("two-way, mean", glance.two_way, glance.bootstrap_two_way),
    ):
        table.add_row(name, f"{synthetic:.4f}", f"{resample:.4f}", _ratio(synthetic, resample))
    for column in glance.worst_columns:
        table.add_row(
            f"  with {column.name}",
            f"{column.two_way:.4f}",
            f"{column.bootstrap_two_way:.4f}",
            _ratio(column.two_way, column.bootstrap_two_way),
        )
    out.print(table)
    out.print(
        f"k-marginal score (k = 2; 1000 is equal): {glance.score:.1f}, "
        f"resample {glance.bootstrap_score:.1f}",
        soft_wrap=True,
    )
    for names, where in (
        (glance.only_real, "the real file"),
        (glance.only_synthetic, "the synthetic file"),
    ):
        if names:
            out.print(f"not compared, only in {where}: {', '.join(names)}", soft_wrap=True)


def _ratio(distance: float, resample: float) -> str:
    return f"{distance / resample:.2f}" if resample > 0 else ""
