"""Can a logit on all columns tell synthetic rows from real ones?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.boys_synthesis import LEVELS
from gpusynth.inference import pool

__all__ = ["TERMS", "confusion", "design_of", "fit_logit", "pooled_logit", "predictions"]

Floats = NDArray[np.float64]

FOLDS = 5
_ITERATIONS = 50
_CERTAIN = 15.0  # logarithm of odds, one in three millions: an estimate on its way to infinity
_LEVEL = 0.05
_TOLERANCE = 1e-10


def _polynomials(n_levels: int) -> Floats:
    """Return orthonormal polynomials of the level numbers, R's contr.poly, shape (k, k - 1)."""
    scores = np.arange(n_levels) - (n_levels - 1) / 2
    basis, triangle = np.linalg.qr(np.vander(scores, increasing=True))
    signed: Floats = (basis * np.sign(np.diagonal(triangle)))[:, 1:]
    return signed


_CONTRASTS: Mapping[str, Floats] = {
    "gen": _polynomials(len(LEVELS["gen"])),
    "phb": _polynomials(len(LEVELS["phb"])),
    "reg": np.eye(len(LEVELS["reg"]))[:, 1:],
}
_SUFFIXES = (".L", ".Q", ".C", "^4", "^5")
_ORDER = ("wgt", "hgt", "age", "hc", "gen", "phb", "tv", "reg", "bmi")


def _terms_of(name: str) -> Sequence[str]:
    if name == "reg":
        return [f"reg{level}" for level in LEVELS["reg"][1:]]
    if name in LEVELS:
        return [f"{name}{suffix}" for suffix in _SUFFIXES[: len(LEVELS[name]) - 1]]
    return [name]


TERMS = ("(Intercept)", *(term for name in _ORDER for term in _terms_of(name)))
"""As in the paper's table 6."""


def design_of(columns: Mapping[str, Floats]) -> Floats:
    """Return the design matrix, shape (n, 20).

    Parameters
    ----------
    columns : mapping of str to array of float64
        Numbers, and numbers of levels from 1.
    """
    parts = [np.ones(len(columns["age"]))[:, None]]
    for name in _ORDER:
        if name in LEVELS:
            parts.append(_CONTRASTS[name][columns[name].astype(int) - 1])
        else:
            parts.append(columns[name][:, None])
    return np.hstack(parts)


def fit_logit(design: Floats, response: Floats) -> tuple[Floats, Floats]:
    """Fit a logit by Newton's method.

    Returns
    -------
    tuple of (parameters (p,), covariance (p, p))

    Raises
    ------
    ArithmeticError
        If the iterations do not settle, or a term tells the rows apart for certain.
    """
    parameters: Floats = np.zeros(design.shape[1])
    for _ in range(_ITERATIONS):
        chance = 1.0 / (1.0 + np.exp(-(design @ parameters)))
        information = (design * (chance * (1.0 - chance))[:, None]).T @ design
        gradient = design.T @ (response - chance)
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        parameters = parameters + step
        if np.abs(design @ parameters).max() > _CERTAIN:
            break
        if float(gradient @ step) <= _TOLERANCE:
            return parameters, np.asarray(np.linalg.inv(information), dtype=np.float64)
    raise ArithmeticError("the logit did not settle: it is singular, or its estimates infinite")


def pooled_logit(real: Floats, synthetic: Sequence[Floats]) -> dict[str, dict[str, float]]:
    """Return the pooled logit of being synthetic, term by term, by the paper's rule.

    Parameters
    ----------
    real : array of float64, shape (n, 20)
        Design matrix.
    synthetic : sequence of array of float64, shape (n, 20)
        One a replicate.

    Returns
    -------
    dict
        Term -> estimate, standard_error, statistic, p_value, and whether 0 is rejected at 5 %.
        Without degrees of freedom, whose mean over simulations does not exist: they go with the
        square of 1 over a chi-square with 4.
    """
    fits = [fit_logit(np.vstack([real, made]), _response(real, made)) for made in synthetic]
    pooled = pool(
        np.stack([parameters for parameters, _ in fits]),
        np.stack([np.diagonal(covariance) for _, covariance in fits]),
        rule="reiter_partial",
    )
    names = ("estimate", "standard_error", "statistic", "p_value")
    return {
        term: {
            **{name: float(getattr(pooled, name)[place]) for name in names},
            "rejected": float(pooled.p_value[place] < _LEVEL),
        }
        for place, term in enumerate(TERMS)
    }


def _response(real: Floats, other: Floats) -> Floats:
    return np.concatenate([np.zeros(len(real)), np.ones(len(other))])


def predictions(
    real: Floats, other: Floats, random: np.random.Generator | None
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return what each row is (1 for a row of `other`) and what the logit takes it for.

    Parameters
    ----------
    real, other : array of float64, shape (n, 20)
    random : numpy.random.Generator, optional
        None predicts the rows that were fitted; otherwise each fifth of either file, parted by
        it, is predicted by the logit of the other four fifths.
    """
    design, response = np.vstack([real, other]), _response(real, other)
    if random is None:
        parameters, _ = fit_logit(design, response)
        return response, design @ parameters > 0
    folds = np.concatenate(
        [random.permutation(np.arange(len(part)) % FOLDS) for part in (real, other)]
    )
    taken_for = np.zeros(len(response), dtype=bool)
    for fold in range(FOLDS):
        held_out = folds == fold
        parameters, _ = fit_logit(design[~held_out], response[~held_out])
        taken_for[held_out] = design[held_out] @ parameters > 0
    return response, taken_for


def confusion(response: Floats, taken_for: NDArray[np.bool_]) -> dict[str, float]:
    """Return the statistics of the paper's table 7; a positive is a synthetic row.

    McNemar's test is that of R's mcnemar.test, with its correction for continuity.
    """
    is_synthetic = response == 1
    hits = int((is_synthetic & taken_for).sum())
    misses = int((is_synthetic & ~taken_for).sum())
    alarms = int((~is_synthetic & taken_for).sum())
    quiet = int((~is_synthetic & ~taken_for).sum())
    n_rows = len(response)
    sensitivity, specificity = hits / (hits + misses), quiet / (quiet + alarms)
    accuracy = (hits + quiet) / n_rows
    chance = ((hits + misses) * (hits + alarms) + (quiet + alarms) * (quiet + misses)) / n_rows**2
    discordant = misses + alarms
    # R leaves out the correction where the two counts agree.
    distance = max(abs(misses - alarms) - 1, 0)
    mcnemar = distance**2 / discordant if discordant else 0.0
    return {
        "accuracy": accuracy,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "kappa": (accuracy - chance) / (1 - chance),
        "mcnemar_p": math.erfc(math.sqrt(mcnemar / 2)),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "prevalence": (hits + misses) / n_rows,
    }
