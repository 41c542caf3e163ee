"""Projections: what least squares tends to on ever more simulated firms.

The simulator runs on many firms (another replicate of its streams than any file has); moments of
the study's variables are added up in blocks. The result is stored as
`gpusynth.datasets.study_projections`. To renew it after a change of coefficients or targets, after
the calibration: ``python -m gpusynth.datasets.project PATH/TO/study_projections.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.datasets.calibration import CUTS
from gpusynth.datasets.draws import Draws
from gpusynth.datasets.firm import SECTOR_GROUPS, STATE_NAMES, fill_firm
from gpusynth.datasets.firms import arrow_column
from gpusynth.datasets.owners import fill_owner, fill_owner_answers
from gpusynth.datasets.sheet import Sheet
from gpusynth.datasets.study import STUDY_COLUMNS, study_variables
from gpusynth.datasets.trade import fill_abroad

__all__ = ["OUTCOMES", "PROJECTION_ROWS", "project"]

PROJECTION_ROWS = 1 << 26
"""Standard errors of the projected coefficients: about a tenth of those of a file of a million."""

OUTCOMES = ("log_employment", "log_payroll", "log_receipts")

_SEED = 2008
_BLOCK_ROWS = 1 << 16
_PARTS = 64  # whose coefficients vary around those of all: so the error is estimated


def project(n_rows: int = PROJECTION_ROWS) -> Mapping[str, Mapping[str, tuple[float, float]]]:
    """Fit the study's least squares to simulated firms.

    Parameters
    ----------
    n_rows : int
        A multiple of 64 x 65,536 for parts of one size; fewer make smaller blocks.

    Returns
    -------
    mapping of str to mapping of str to (float, float)
        Outcome -> term -> coefficient and its standard error, to six digits.
    """
    block = min(_BLOCK_ROWS, n_rows // _PARTS)
    n_terms = 4 + len(SECTOR_GROUPS) + len(STATE_NAMES)
    squares = np.zeros((_PARTS, n_terms, n_terms))
    products = np.zeros((_PARTS, n_terms, len(OUTCOMES)))
    for number in range(n_rows // block):
        design, outcomes = _simulated(number * block, block)
        squares[number % _PARTS] += design.T @ design
        products[number % _PARTS] += design.T @ outcomes
    whole = np.linalg.solve(squares.sum(axis=0), products.sum(axis=0))
    parts = np.linalg.solve(squares, products)
    errors = np.std(parts, axis=0, ddof=1) / np.sqrt(_PARTS)
    return {
        outcome: {
            term: (round(float(whole[row, place]), 6), round(float(errors[row, place]), 6))
            for row, term in enumerate(_terms())
        }
        for place, outcome in enumerate(OUTCOMES)
    }


def _terms() -> tuple[str, ...]:
    sectors = (f"sector[T.{name}]" for name in sorted(SECTOR_GROUPS))
    states = (f"state[T.{name}]" for name in sorted(STATE_NAMES.values()))
    return ("Intercept", "immigrant", "transnational", *sectors, *states, "immigrant:transnational")


def _simulated(first_row: int, n_rows: int) -> tuple[Array, Array]:
    """Return design matrix and outcomes of a block of firms, as far as the study needs them."""
    sheet = Sheet(Draws(_SEED, first_row, n_rows, cuts=CUTS, replicate=1))
    fill_firm(sheet)
    sent = fill_owner(sheet)
    fill_owner_answers(sheet, sent)
    fill_abroad(sheet, sent)
    names = STUDY_COLUMNS
    variables = study_variables(
        pa.table({name: arrow_column(name, sheet.columns[name]) for name in names})
    )
    known = {name: variables[name].to_numpy() for name in variables.column_names}
    columns = [np.ones(variables.num_rows), known["immigrant"], known["transnational"]]
    columns += [known["sector"] == name for name in sorted(SECTOR_GROUPS)]
    columns += [known["state"] == name for name in sorted(STATE_NAMES.values())]
    columns.append(known["immigrant"] * known["transnational"])
    return (
        np.column_stack(columns).astype(np.float64),
        np.column_stack([known[outcome] for outcome in OUTCOMES]),
    )


def _as_module(found: Mapping[str, Mapping[str, tuple[float, float]]]) -> str:
    lines = [
        '"""Least squares of all firms: written by `gpusynth.datasets.project`, not by hand."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "",
        '__all__ = ["PROJECTIONS"]',
        "",
        "PROJECTIONS: Mapping[str, Mapping[str, tuple[float, float]]] = {",
    ]
    for outcome, terms in found.items():
        lines.append(f'    "{outcome}": {{')
        lines.extend(f'        "{term}": {pair!r},' for term, pair in terms.items())
        lines.append("    },")
    lines += ["}", '"""Outcome -> term -> coefficient and its standard error."""', ""]
    return "\n".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(_as_module(project()), encoding="utf-8")
