"""What makes a disclosure measure large: levels and pairs of levels that dominate it.

DiSCO counts rows whose target an intruder learns; it cannot know what the intruder knew before. Two
checks of synthpop point at rows worth a look, which an agency may then leave out (`Exclusions`):

- one way: a single level of the target makes up most of the disclosive rows (more than 50 rows and
  more than 90 % of them by default);
- two way: a level of a key whose real rows nearly all (more than 80 %) have the target level that
  is disclosed, among cells of more than four disclosive rows.

References
----------
.. [1] synthpop 1.9-2, R/disclosure.R, `check_1way` and `check_2way` (arguments `thresh_1way`,
       `thresh_2way`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.attribute import AttributeDisclosure, Cells
from gpusynth.evaluate.disclosure.exclusions import REASONS, Exclusions
from gpusynth.evaluate.records import record_keys

__all__ = ["DisclosureChecks", "DominantLevel", "DominantPair", "disclosure_checks"]

_TABLES = ("Dorig", "Dsyn", "iS", "DiS", "DiSCO", "DiSDiO")


@dataclass(frozen=True, slots=True)
class DominantLevel:
    """A level of the target that makes up most disclosive rows.

    Attributes
    ----------
    label : str
        ``""`` for null; ``"bin 3"`` for the third bin of a number.
    n_disclosive : int
        Its real rows that DiSCO counts.
    share_of_disclosive, share_of_real : float
        Per cent of all rows that DiSCO counts, and of all real rows, that have the level.
    """

    label: str
    n_disclosive: int
    share_of_disclosive: float
    share_of_real: float


@dataclass(frozen=True, slots=True)
class DominantPair:
    """A level of a key that nearly implies a level of the target in the real file.

    Attributes
    ----------
    key, key_label, target_label : str
    n_disclosive : int
        Rows that DiSCO counts, in cells above the threshold.
    n_key, n_both : int
        Real rows with the key's level, and with both levels.
    """

    key: str
    key_label: str
    target_label: str
    n_disclosive: int
    n_key: int
    n_both: int


@dataclass(frozen=True, slots=True)
class DisclosureChecks:
    """Checks of one synthetic file, keys and target.

    Attributes
    ----------
    level : DominantLevel or None
    pairs : tuple of DominantPair
        Most disclosive rows first.
    excluded : mapping of str to (mapping of str to int)
        Table ("real", "synthetic", "Dorig", ..., "DiSDiO") -> reason -> rows left out;
        "over_largest_cell" and "kept" are reasons too.
    """

    level: DominantLevel | None
    pairs: tuple[DominantPair, ...]
    excluded: Mapping[str, Mapping[str, int]]


def disclosure_checks(
    codes: CommonCodes,
    keys: Sequence[str],
    target: str,
    *,
    exclusions: Exclusions | None = None,
    one_way: tuple[int, float] = (50, 90.0),
    two_way: tuple[int, float] = (4, 80.0),
) -> tuple[DisclosureChecks, ...]:
    """Find what dominates DiSCO, and count what was left out, for each synthetic file.

    Parameters
    ----------
    codes : CommonCodes
    keys : sequence of str
    target : str
    exclusions : Exclusions, optional
    one_way : (int, float)
        Rows, and per cent of the disclosive rows, that a level must exceed.
    two_way : (int, float)
        Rows that a disclosive cell must exceed, and per cent of a key level's real rows that must
        have the target's level.

    Raises
    ------
    IncomputableMetricError
        As `attribute_disclosure`.
    """
    metric = AttributeDisclosure(tuple(keys), target, exclusions or Exclusions())
    found = []
    for synthetic in codes.synthetic:
        cells = Cells.match(metric.partial(codes.real, synthetic), metric.exclusions.largest_cell)
        disclosive = cells.kept(cells.tables()["DiSCO"])
        (place,) = codes.real.positions([target])
        found.append(
            DisclosureChecks(
                _dominant_level(codes.real.columns[place], cells, disclosive, one_way),
                _dominant_pairs(codes.real, synthetic, metric, two_way),
                _excluded(cells),
            )
        )
    return tuple(found)


def _label(column: CodedColumn, code: int) -> str:
    n_labels = len(column.labels)
    return column.labels[code] if code < n_labels else f"bin {code - n_labels + 1}"


def _dominant_level(
    column: CodedColumn, cells: Cells, disclosive: Array, thresholds: tuple[int, float]
) -> DominantLevel | None:
    by_level = np.bincount(cells.target, disclosive)
    total = by_level.sum()
    most = int(np.argmax(by_level))
    if total == 0 or by_level[most] <= thresholds[0]:
        return None
    share = 100.0 * by_level[most] / total
    if share <= thresholds[1]:
        return None
    of_real = np.bincount(cells.target, cells.kept(cells.d))
    return DominantLevel(
        label=_label(column, most),
        n_disclosive=int(by_level[most]),
        share_of_disclosive=float(share),
        share_of_real=100.0 * float(of_real[most] / of_real.sum()),
    )


def _dominant_pairs(
    real: CodedTable,
    synthetic: CodedTable,
    metric: AttributeDisclosure,
    thresholds: tuple[int, float],
) -> tuple[DominantPair, ...]:
    """Look at each key by itself: rows of disclosive cells by its level and the target's."""
    rows = _disclosive_rows(real, synthetic, metric, thresholds[0])
    *keys, target = real.positions([*metric.keys, metric.target])
    n_targets = real.columns[target].n_codes
    pairs = []
    for key in keys:
        cell = real.codes[key].astype(np.int64) * n_targets + real.codes[target]
        shape = (real.columns[key].n_codes, n_targets)
        n_both = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
        n_found = np.bincount(cell[rows], minlength=shape[0] * shape[1]).reshape(shape)
        n_key = n_both.sum(axis=1, keepdims=True)
        flagged = (n_found > 0) & (100.0 * n_both > thresholds[1] * n_key)
        for level, outcome in np.argwhere(flagged):
            pairs.append(
                DominantPair(
                    key=real.columns[key].name,
                    key_label=_label(real.columns[key], int(level)),
                    target_label=_label(real.columns[target], int(outcome)),
                    n_disclosive=int(n_found[level, outcome]),
                    n_key=int(n_key[level, 0]),
                    n_both=int(n_both[level, outcome]),
                )
            )
    return tuple(sorted(pairs, key=lambda pair: -pair.n_disclosive))


def _disclosive_rows(
    real: CodedTable, synthetic: CodedTable, metric: AttributeDisclosure, more_than: int
) -> Array:
    """Return which real rows DiSCO counts in cells of more rows than asked for, bool."""
    *keys, target = real.positions([*metric.keys, metric.target])
    both = np.concatenate((record_keys(real, keys), record_keys(synthetic, keys)))
    distinct, number = np.unique(both, return_inverse=True)
    of_real, of_synthetic = number[: real.n_rows], number[real.n_rows :]
    least = np.full(len(distinct), np.iinfo(np.int64).max)
    most = np.full(len(distinct), -1)
    np.minimum.at(least, of_synthetic, synthetic.codes[target])
    np.maximum.at(most, of_synthetic, synthetic.codes[target])
    outcome = real.codes[target]
    found = (least == most)[of_real] & (most[of_real] == outcome)
    found &= metric.exclusions.reasons(real, metric.keys, metric.target) == 0
    # the correct rows of a key are all in one cell, that of the target it determines
    n_found = np.bincount(of_real, found, minlength=len(distinct))
    largest = metric.exclusions.largest_cell
    counts = n_found > more_than
    if largest is not None:
        counts &= n_found <= largest
    rows: Array = found & counts[of_real]
    return rows


def _excluded(cells: Cells) -> dict[str, dict[str, int]]:
    tables = {"real": cells.d, "synthetic": cells.s, **cells.tables()}
    counted = {}
    for name, rows in tables.items():
        by_reason = np.bincount(cells.reason, rows, minlength=len(REASONS))
        kept = int(cells.kept(rows).sum())
        counted[name] = {
            **{reason: int(by_reason[i]) for i, reason in enumerate(REASONS) if i},
            "over_largest_cell": int(by_reason[0]) - kept,
            "kept": kept,
        }
    return counted
