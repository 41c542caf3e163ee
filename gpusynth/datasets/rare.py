"""A rare outcome that no survey asked for: made up to try how well interactions survive."""

from __future__ import annotations

from gpusynth.arrays import Array
from gpusynth.datasets.facts_columns import ColumnFact
from gpusynth.datasets.sheet import Sheet

__all__ = ["RARE_OUTCOME", "fill_rare"]

RARE_OUTCOME = ColumnFact("JOBSABROAD", "flag", "Moved jobs abroad (made up, rare)")


def fill_rare(sheet: Sheet, sent: Array) -> None:
    """Draw who moved jobs abroad: one in 200, from observed predictors and their products.

    Parameters
    ----------
    sheet : Sheet
    sent : array of bool, shape (n_rows,)
        Who has a questionnaire; blank for all others.
    """
    immigrant, college = sheet.known("immigrant"), sheet.known("college")
    exporter = sheet.known("exporter")
    sheet.know(
        immigrant_college=immigrant * college,
        immigrant_exporter=immigrant * exporter,
        college_exporter=college * exporter,
        immigrant_college_exporter=immigrant * college * exporter,
    )
    name = RARE_OUTCOME.name
    sheet.write_flag(name, sheet.yes(name, sent), sent)
