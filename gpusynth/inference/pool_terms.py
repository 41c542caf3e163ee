"""Pool what each file's fit gives, term by term where some files cannot tell a term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.inference.pooling import Pooled, pool
from gpusynth.inference.rules import RULES, Inference, Release, RuleName, check_rule

__all__ = ["Pooling", "pool_available"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """How to pool; see `gpusynth.inference.pool`.

    Attributes
    ----------
    rule : RuleName
    n_real, n_synthetic : int
    proper : bool
    inference : Inference
    confidence : float
    complete_df : float or None
    """

    rule: RuleName
    n_real: int | None
    n_synthetic: int | None
    proper: bool
    inference: Inference
    confidence: float
    complete_df: float | None = None

    def pool(self, estimates: Array, variances: Array, names: Sequence[str]) -> Pooled:
        """Pool complete estimates.

        Parameters
        ----------
        estimates : array of float64, shape (m, p) or (m, r, p)
        variances : array of float64, shape (m, p, p) or (m, r, p, p)
        names : sequence of str

        Returns
        -------
        Pooled
        """
        return pool(
            estimates,
            variances,
            rule=self.rule,
            n_real=self.n_real,
            n_synthetic=self.n_synthetic,
            proper=self.proper,
            inference=self.inference,
            confidence=self.confidence,
            complete_df=self.complete_df,
            names=names,
        )


_PER_TERM = (
    "estimate",
    "standard_error",
    "degrees_of_freedom",
    "lower",
    "upper",
    "statistic",
    "p_value",
    "within",
    "between",
    "fraction_synthesis",
    "fraction_missing",
)


def pool_available(
    estimates: Array, covariances: Array, names: tuple[str, ...], pooling: Pooling
) -> tuple[Pooled, tuple[str, ...]]:
    """Pool terms, each over the replicates that have it.

    Parameters
    ----------
    estimates : array of float64, shape (m, p) or (m, r, p)
        NaN where a replicate has no estimate.
    covariances : array of float64, shape (m, p, p) or (m, r, p, p)
    names : tuple of str
    pooling : Pooling

    Returns
    -------
    tuple of (Pooled, notes)
        Terms that too few replicates have are NaN.

    Raises
    ------
    DataError
        If the rule does not hold, or no term is left.
    """
    release = Release(
        n_replicates=estimates.shape[0],
        n_real=pooling.n_real,
        n_synthetic=pooling.n_synthetic,
        proper=pooling.proper,
        inference=pooling.inference,
    )
    check_rule(pooling.rule, release)
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    available = np.isfinite(estimates) & np.isfinite(variances)
    if pooling.rule == "reiter_two_stage":
        # Its nests must be of one size: a term must be everywhere.
        available &= available.all(axis=(0, 1))
    arrays: dict[str, Any] = {name: np.full(len(names), np.nan) for name in _PER_TERM}
    arrays["adjusted"] = np.zeros(len(names), dtype=bool)
    notes = []
    first = None
    flat = available.reshape(-1, len(names))
    for pattern in np.unique(flat, axis=1).T:
        terms = np.flatnonzero((flat == pattern[:, None]).all(axis=0))
        n_available = int(pattern.sum())
        shown = _shown(names, terms)
        if n_available < (1 if pooling.rule == "reiter_two_stage" else RULES[pooling.rule].minimum):
            notes.append(f"{shown}: {n_available} replicates have an estimate, too few to pool.")
            continue
        if n_available < len(pattern):
            notes.append(
                f"{shown}: pooled over the {n_available} of {len(pattern)} replicates "
                "that have an estimate."
            )
        chosen = slice(None) if n_available == len(pattern) else pattern
        part = pooling.pool(
            estimates[chosen][..., terms],
            covariances[chosen][..., terms, :][..., terms],
            [names[term] for term in terms],
        )
        first = part if first is None else first
        for name in (*_PER_TERM, "adjusted"):
            arrays[name][terms] = getattr(part, name)
    if first is None:
        raise DataError("no term has an estimate in enough replicates. " + " ".join(notes))
    kept = {field.name: getattr(first, field.name) for field in fields(first)}
    kept |= arrays
    kept |= {
        "names": names,
        "n_replicates": len(flat),
        "release": release,
        "estimates": estimates,
        "covariances": covariances,
    }
    return Pooled(**kept), tuple(notes)


def _shown(names: tuple[str, ...], terms: Array) -> str:
    listed = ", ".join(names[term] for term in terms[:5])
    more = f" and {len(terms) - 5} more" if len(terms) > 5 else ""
    return f"{'term' if len(terms) == 1 else 'terms'} {listed}{more}"
