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
DCAPs       the same sum, of N_s
DCAPb       the same sum, of the synthetic rows whose keys occur in the real file
TCAP        DiSCO rows of the rows that iS counts
TCAPd       DiSCO rows of the rows that DiS counts: how often a confident intruder is right
TCAPs       DiSCO rows, of N_s
TCAPb       DiSCO rows, of the synthetic rows whose keys occur in the real file
==========  ==============================================================================

DCAPs, DCAPb, TCAPs and TCAPb are those of synthpop after 1.9-2, whose TCAP is the TCAPd here (Taub
and Elliot's definition). Rows can be left out (`Exclusions`): they count for no measure but stay in
N_d and N_s. What a key determines in either file (Dorig to DiSDiO) is decided before rows are left
out, the shares of CAP after it, as in synthpop.

References
----------
.. [1] synthpop 1.9-2, R/disclosure.R.
.. [2] Raab, G. M., Nowok, B., Dibben, C. (2024). Practical privacy metrics for synthetic data.
       arXiv:2406.16826.
.. [3] Elliot, M. (2014). Final report on the disclosure risk associated with the synthetic data
       produced by the SYLLS team. (CAP)
.. [4] Taub, J., Elliot, M., Pampaka, M., Smith, D. (2018). Differential correct attribution
       probability for synthetic data: an exploration. PSD. (DCAP, TCAP)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.disclosure.exclusions import N_REASONS, Exclusions
from gpusynth.evaluate.metric import MetricResult, measure
from gpusynth.evaluate.records import KeyCounts, add_key_counts, count_keys, record_keys

__all__ = ["AttributeDisclosure", "Cells", "KeyCountsPair", "attribute_disclosure"]


@dataclass(frozen=True, slots=True)
class KeyCountsPair:
    """Counts of both sides: the summary of `AttributeDisclosure`.

    The targets of the counts are ``code * N_REASONS + reason``, where the reason says why a cell is
    left out (see `Exclusions`); 0 if it is not.
    """

    real: KeyCounts
    synthetic: KeyCounts


@dataclass(frozen=True, slots=True)
class AttributeDisclosure:
    """All measures for one set of keys and one target, as a `Metric`; the value is DiSCO.

    Missing answers are levels, of keys and of the target, unless `exclusions` leaves them out.

    Parameters
    ----------
    keys : tuple of str
    target : str
    exclusions : Exclusions
        Cells that count for no measure.

    Raises
    ------
    IncomputableMetricError
        If there are no keys, one occurs twice, or the target is one of them.
    """

    keys: tuple[str, ...]
    target: str
    exclusions: Exclusions = field(default_factory=Exclusions)

    def __post_init__(self) -> None:
        if not self.keys or len(set(self.keys)) < len(self.keys) or self.target in self.keys:
            raise IncomputableMetricError(
                f"disclosure needs one or more distinct keys and a target that is none of them; "
                f"got keys {', '.join(map(repr, self.keys)) or 'none'} and target {self.target!r}"
            )
        self.exclusions.check(self.keys)

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

        TCAP and TCAPd are NaN where their denominators are empty: no key of the real file occurs
        in the synthetic one, or none that determines a target; so are DCAPb and TCAPb.
        """
        n_real, n_synthetic = int(p.real.counts.sum()), int(p.synthetic.counts.sum())
        if n_real == 0 or n_synthetic == 0:
            raise IncomputableMetricError("disclosure needs rows in both files; one has none")
        cells = Cells.match(p, self.exclusions.largest_cell)
        found = {
            **_identity(cells, n_real, n_synthetic),
            **_attribute(cells, n_real, n_synthetic),
            **_attribution(cells, n_real, n_synthetic),
        }
        return MetricResult(
            metric=self.name,
            value=found["DiSCO"],
            expected=None,
            direction="lower",
            breakdown={name: np.array([value]) for name, value in found.items()},
        )

    def _count(self, table: CodedTable) -> KeyCounts:
        *keys, target = table.positions([*self.keys, self.target])
        reasons = self.exclusions.reasons(table, self.keys, self.target)
        targets = table.codes[target].astype(np.int64) * N_REASONS + reasons
        return count_keys(record_keys(table, keys), targets)


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells (q, t) occupied on either side, one entry a cell; rows are float64 and whole.

    Attributes
    ----------
    key, target : array of int64
        Key number and target code.
    reason : array of int64
        Why the cell is left out; 0 if it is not.
    d, s : array
        Rows of each cell, those left out included.
    largest : int or None
        In any table, cells of more rows are left out too.
    """

    key: Array
    target: Array
    reason: Array
    d: Array
    s: Array
    largest: int | None

    @classmethod
    def match(cls, pair: KeyCountsPair, largest: int | None = None) -> Cells:
        """Put both sides on the same cells."""
        sides = (pair.real, pair.synthetic)
        _, number = np.unique(np.concatenate([side.keys for side in sides]), return_inverse=True)
        targets = np.concatenate([side.targets for side in sides])
        width = int(targets.max()) + 1
        cells, place = np.unique(number * width + targets, return_inverse=True)
        n = len(pair.real.counts)
        of_cell = cells % width
        return cls(
            key=cells // width,
            target=of_cell // N_REASONS,
            reason=of_cell % N_REASONS,
            d=np.bincount(place[:n], pair.real.counts, minlength=len(cells)),
            s=np.bincount(place[n:], pair.synthetic.counts, minlength=len(cells)),
            largest=largest,
        )

    def by_key(self, rows: Array) -> Array:
        """Sum over the cells of each key, one entry a key."""
        return np.bincount(self.key, rows)

    def of_key(self, rows: Array) -> Array:
        """Sum over the cells of each key, one entry a cell."""
        summed: Array = self.by_key(rows)[self.key]
        return summed

    def kept(self, rows: Array) -> Array:
        """Return a table of rows with zeros where cells are left out."""
        left_out = self.reason > 0
        if self.largest is not None:
            left_out = left_out | (rows > self.largest)
        return np.where(left_out, 0.0, rows)

    def tables(self) -> dict[str, Array]:
        """Return the tables behind the attribute measures, before cells are left out."""
        # a key determines a target when all its rows are in one cell: counts are whole, == is exact
        known_in_real = (self.d > 0) & (self.d == self.of_key(self.d))
        known = (self.s > 0) & (self.s == self.of_key(self.s))
        correct = np.where(known, self.d, 0.0)
        return {
            "Dorig": np.where(known_in_real, self.d, 0.0),
            "Dsyn": np.where(known, self.s, 0.0),
            "iS": np.where(self.of_key(self.s) > 0, self.d, 0.0),
            "DiS": np.where(self.of_key(known.astype(np.float64)) > 0, self.d, 0.0),
            "DiSCO": correct,
            "DiSDiO": np.where(known_in_real, correct, 0.0),
        }


def _identity(cells: Cells, n_real: int, n_synthetic: int) -> dict[str, float]:
    d_key, s_key = cells.by_key(cells.kept(cells.d)), cells.by_key(cells.kept(cells.s))
    unique = d_key == 1
    occurs = cells.by_key(cells.s) > 0
    return {
        "UiO": 100.0 * unique.sum() / n_real,
        "UiS": 100.0 * (s_key == 1).sum() / n_synthetic,
        "UiOiS": 100.0 * (unique & occurs).sum() / n_real,
        "repU": 100.0 * (unique & (s_key == 1)).sum() / n_real,
    }


def _attribute(cells: Cells, n_real: int, n_synthetic: int) -> dict[str, float]:
    tables = {name: cells.kept(rows) for name, rows in cells.tables().items()}
    found = {
        name: 100.0 * float(rows.sum()) / (n_synthetic if name == "Dsyn" else n_real)
        for name, rows in tables.items()
    }
    hits = tables["DiSCO"][tables["DiSCO"] > 0]
    found["max_denom"] = float(hits.max(initial=0.0))
    found["mean_denom"] = float(hits.mean()) if len(hits) else 0.0
    correct = tables["DiSCO"].sum()
    occurring = np.where(cells.by_key(cells.d) > 0, cells.by_key(cells.kept(cells.s)), 0.0).sum()
    found["TCAP"] = _percent(correct, tables["iS"].sum())
    found["TCAPd"] = _percent(correct, tables["DiS"].sum())
    found["TCAPs"] = _percent(correct, n_synthetic)
    found["TCAPb"] = _percent(correct, occurring)
    return found


def _attribution(cells: Cells, n_real: int, n_synthetic: int) -> dict[str, float]:
    d, s = cells.kept(cells.d), cells.kept(cells.s)
    d_key, s_key = cells.of_key(d), cells.of_key(s)
    share_d = np.divide(d, d_key, out=np.zeros_like(d), where=d_key > 0)
    share_s = np.divide(s, s_key, out=np.zeros_like(s), where=s_key > 0)
    d_target = np.bincount(cells.target, cells.d)
    right = float(np.sum(share_s * d))
    occurring = np.where(cells.by_key(cells.d) > 0, cells.by_key(s), 0.0).sum()
    return {
        "baseCAPd": 100.0 * float(np.sum((d_target / n_real) ** 2)),
        "CAPd": 100.0 * float(np.sum(share_d * d)) / n_real,
        "CAPs": 100.0 * float(np.sum(share_s * s)) / n_synthetic,
        "DCAP": 100.0 * right / n_real,
        "DCAPs": 100.0 * right / n_synthetic,
        "DCAPb": _percent(right, occurring),
    }


def _percent(part: float, whole: float) -> float:
    return 100.0 * float(part) / float(whole) if whole else float("nan")


def attribute_disclosure(
    codes: CommonCodes,
    keys: Sequence[str],
    targets: Sequence[str],
    *,
    exclusions: Exclusions | None = None,
) -> tuple[tuple[MetricResult, ...], ...]:
    """Measure disclosure of each target for given keys.

    Parameters
    ----------
    codes : CommonCodes
        Numbers among keys and targets are compared by their bins.
    keys : sequence of str
    targets : sequence of str
    exclusions : Exclusions, optional
        Cells that count for no measure, of every target; none by default.

    Returns
    -------
    tuple of tuple of MetricResult
        For each synthetic file, one result for each target.

    Raises
    ------
    IncomputableMetricError
        If there are no targets, a column is unknown, a key occurs twice, or a target is a key; or
        if an exclusion names a level that does not occur.
    """
    if not targets:
        raise IncomputableMetricError("attribute disclosure needs one or more targets; got none")
    metrics = [
        AttributeDisclosure(tuple(keys), target, exclusions or Exclusions()) for target in targets
    ]
    return tuple(
        tuple(measure(metric, [(codes.real, synthetic)]) for metric in metrics)
        for synthetic in codes.synthetic
    )
