"""Identity and attribute disclosure for given keys and a target: synthpop's measures.

An intruder knows the keys q of a person or firm and looks them up in the synthetic file. Notation:
d_tq and s_tq are real and synthetic rows with target t and keys q, d_q and s_q their sums over t,
``p_s(t|q) = s_tq / s_q``, N_d and N_s all rows. All measures are percentages.

==========  ==============================================================================
measure     definition (of N_d unless said otherwise)
==========  ==============================================================================
UiO         real rows unique in their keys: ``#{q: d_q = 1}``
UiS         synthetic rows unique in theirs, of N_s
UiOiS       real uniques whose keys occur in the synthetic file
repU        replicated uniques: ``#{q: d_q = 1 and s_q = 1}``
Dorig       real rows whose keys determine the target in the real file
Dsyn        the same of the synthetic file, of N_s
iS          real rows whose keys occur in the synthetic file
DiS         real rows whose keys determine a target in the synthetic file
DiSCO       those of DiS for which that target is the true one (correct original)
DiSDiO      those of DiSCO whose keys determine the target in the real file too
max_denom   largest d_tq that counts for DiSCO; mean_denom their mean (rows, not per cent)
baseCAPd    ``sum (d_t / N_d)^2``: guessing by the real margin of the target
CAPd, CAPs  ``sum p_d(t|q) d_tq``; CAPs likewise within the synthetic file, of N_s
DCAP        ``sum p_s(t|q) d_tq``: guessing by the synthetic conditional shares
TCAP        DiSCO rows of the rows that iS counts
==========  ==============================================================================

References
----------
.. [1] synthpop 1.9-2, R/disclosure.R.
.. [2] Raab, G. M., Nowok, B., Dibben, C. (2024). Practical privacy metrics for synthetic data.
       arXiv:2406.16826.
.. [3] Elliot, M. (2014). Final report on the disclosure risk associated with the synthetic data
       produced by the SYLLS team. (CAP)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.metric import MetricResult, measure
from gpusynth.evaluate.records import KeyCounts, add_key_counts, count_keys, record_keys

__all__ = ["AttributeDisclosure", "KeyCountsPair", "attribute_disclosure"]


@dataclass(frozen=True, slots=True)
class KeyCountsPair:
    """Counts of both sides: the summary of `AttributeDisclosure`."""

    real: KeyCounts
    synthetic: KeyCounts


@dataclass(frozen=True, slots=True)
class AttributeDisclosure:
    """All measures for one set of keys and one target, as a `Metric`; the value is DiSCO.

    Missing answers are levels, of keys and of the target.

    Parameters
    ----------
    keys : tuple of str
    target : str

    Raises
    ------
    IncomputableMetricError
        If there are no keys, one occurs twice, or the target is one of them.
    """

    keys: tuple[str, ...]
    target: str

    def __post_init__(self) -> None:
        if not self.keys or len(set(self.keys)) < len(self.keys) or self.target in self.keys:
            raise IncomputableMetricError(
                f"disclosure needs one or more distinct keys and a target that is none of them; "
                f"got keys {', '.join(map(repr, self.keys)) or 'none'} and target {self.target!r}"
            )

    @property
    def name(self) -> str:
        """Name in results."""
        return "attribute_disclosure"

    def partial(self, real: CodedTable, synthetic: CodedTable) -> KeyCountsPair:
        """Count a block of each file; weights play no part, disclosure is about rows."""
        return KeyCountsPair(self._count(real), self._count(synthetic))

    def combine(self, a: KeyCountsPair, b: KeyCountsPair) -> KeyCountsPair:
        """Add the counts of two blocks."""
        return KeyCountsPair(
            add_key_counts(a.real, b.real), add_key_counts(a.synthetic, b.synthetic)
        )

    def finalize(self, p: KeyCountsPair) -> MetricResult:
        """Return the measures; a breakdown entry is an array of one number.

        TCAP is NaN where no key of the real file occurs in the synthetic one.
        """
        n_real, n_synthetic = int(p.real.counts.sum()), int(p.synthetic.counts.sum())
        if n_real == 0 or n_synthetic == 0:
            raise IncomputableMetricError("disclosure needs rows in both files; one has none")
        cells = _Cells.match(p)
        found = {**_identity(cells, n_real, n_synthetic), **_attribute(cells, n_real, n_synthetic)}
        return MetricResult(
            metric=self.name,
            value=found["DiSCO"],
            expected=None,
            direction="lower",
            breakdown={name: np.array([value]) for name, value in found.items()},
        )

    def _count(self, table: CodedTable) -> KeyCounts:
        columns = table.positions([*self.keys, self.target])
        return count_keys(record_keys(table, columns[:-1]), table.codes[columns[-1]])


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells (q, t) occupied on either side; all arrays of float64, one entry a cell or a key.

    Attributes
    ----------
    key : array of int64
        Key number of each cell.
    d, s : array
        Rows of each cell.
    d_key, s_key : array
        Rows of each key.
    d_target : array
        Real rows of each target.
    """

    key: Array
    d: Array
    s: Array
    d_key: Array
    s_key: Array
    d_target: Array

    @classmethod
    def match(cls, pair: KeyCountsPair) -> _Cells:
        """Put both sides on the same cells."""
        sides = (pair.real, pair.synthetic)
        _, number = np.unique(np.concatenate([side.keys for side in sides]), return_inverse=True)
        targets = np.concatenate([side.targets for side in sides])
        width = int(targets.max()) + 1
        cells, place = np.unique(number * width + targets, return_inverse=True)
        n = len(pair.real.counts)
        d = np.bincount(place[:n], pair.real.counts, minlength=len(cells))
        s = np.bincount(place[n:], pair.synthetic.counts, minlength=len(cells))
        key = cells // width
        return cls(
            key=key,
            d=d,
            s=s,
            d_key=np.bincount(key, d),
            s_key=np.bincount(key, s),
            d_target=np.bincount(cells % width, d),
        )


def _identity(cells: _Cells, n_real: int, n_synthetic: int) -> dict[str, float]:
    unique = cells.d_key == 1
    return {
        "UiO": 100.0 * unique.sum() / n_real,
        "UiS": 100.0 * (cells.s_key == 1).sum() / n_synthetic,
        "UiOiS": 100.0 * (unique & (cells.s_key > 0)).sum() / n_real,
        "repU": 100.0 * (unique & (cells.s_key == 1)).sum() / n_real,
    }


def _attribute(cells: _Cells, n_real: int, n_synthetic: int) -> dict[str, float]:
    d, s = cells.d, cells.s
    d_key, s_key = cells.d_key[cells.key], cells.s_key[cells.key]
    # a key determines a target when all its rows are in one cell: counts are whole, so == is exact
    known_in_real, known_in_synthetic = (d > 0) & (d == d_key), (s > 0) & (s == s_key)
    share_d = np.divide(d, d_key, out=np.zeros_like(d), where=d_key > 0)
    share_s = np.divide(s, s_key, out=np.zeros_like(s), where=s_key > 0)
    correct = d[known_in_synthetic]
    reached = cells.d_key[cells.s_key > 0].sum()
    determined = cells.d_key[np.unique(cells.key[known_in_synthetic])].sum()
    hits = correct[correct > 0]
    return {
        "Dorig": 100.0 * d[known_in_real].sum() / n_real,
        "Dsyn": 100.0 * s[known_in_synthetic].sum() / n_synthetic,
        "iS": 100.0 * reached / n_real,
        "DiS": 100.0 * determined / n_real,
        "DiSCO": 100.0 * correct.sum() / n_real,
        "DiSDiO": 100.0 * d[known_in_synthetic & known_in_real].sum() / n_real,
        "max_denom": float(hits.max(initial=0.0)),
        "mean_denom": float(hits.mean()) if len(hits) else 0.0,
        "baseCAPd": 100.0 * float(np.sum((cells.d_target / n_real) ** 2)),
        "CAPd": 100.0 * float(np.sum(share_d * d)) / n_real,
        "CAPs": 100.0 * float(np.sum(share_s * s)) / n_synthetic,
        "DCAP": 100.0 * float(np.sum(share_s * d)) / n_real,
        "TCAP": 100.0 * correct.sum() / reached if reached else float("nan"),
    }


def attribute_disclosure(
    codes: CommonCodes, keys: Sequence[str], targets: Sequence[str]
) -> tuple[tuple[MetricResult, ...], ...]:
    """Measure disclosure of each target for given keys.

    Parameters
    ----------
    codes : CommonCodes
        Numbers among keys and targets are compared by their bins.
    keys : sequence of str
    targets : sequence of str

    Returns
    -------
    tuple of tuple of MetricResult
        For each synthetic file, one result for each target.

    Raises
    ------
    IncomputableMetricError
        If a column is unknown, a key occurs twice, or a target is a key.
    """
    metrics = [AttributeDisclosure(tuple(keys), target) for target in targets]
    return tuple(
        tuple(measure(metric, [(codes.real, synthetic)]) for metric in metrics)
        for synthetic in codes.synthetic
    )
