"""What a comparison found: coefficients side by side, and how well they agree."""

from __future__ import annotations

from dataclasses import dataclass

from gpusynth.inference.estimates import Estimate
from gpusynth.inference.fitting import PooledFit
from gpusynth.inference.model import Model
from gpusynth.inference.rules import RuleName

__all__ = ["Comparison", "LackOfFit", "TermComparison"]


@dataclass(frozen=True, slots=True)
class TermComparison:
    """One coefficient in the real file and in the replicates. NaN where there is no estimate.

    Attributes
    ----------
    term : str
    real, real_error, real_lower, real_upper : float
        Estimate, standard error and interval from the real file.
    synthetic, synthetic_error, synthetic_lower, synthetic_upper : float
        Pooled over the replicates.
    difference : float
        synthetic - real, in standard errors of the real estimate (synthpop's "Std. coef diff").
    overlap : float
        Of the two intervals (Karr et al. 2006).
    overlap_synthpop : float
        Of intervals that both rest on the real variance, the synthetic one widened by
        ``sqrt(1 + n / (k m))`` with population inference: what synthpop's compare.fit.synds gives.
    same_sign : bool or None
        None where an estimate is missing, here and below.
    same_significance : bool or None
        Both intervals hold 0, or neither does.
    """

    term: str
    real: float
    real_error: float
    real_lower: float
    real_upper: float
    synthetic: float
    synthetic_error: float
    synthetic_lower: float
    synthetic_upper: float
    difference: float
    overlap: float
    overlap_synthpop: float
    same_sign: bool | None
    same_significance: bool | None


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """Joint test that the replicates' coefficients estimate the real file's (synthpop's).

    ``d' (V n / (k m))**-1 d`` with d the differences and V the real covariance matrix is chi-square
    on p degrees of freedom if the synthesis is right (Raab, Nowok and Dibben 2016); Hotelling's F
    where V comes from few clusters, random groups or replicate weights. It is cautious where a part
    of the columns is real.

    Attributes
    ----------
    statistic : float
    degrees_of_freedom : int
    p_value : float
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One regression, real and synthetic.

    Attributes
    ----------
    name : str
    model : Model
    rule : RuleName
    n_replicates : int
    n_real, n_synthetic : int
        Rows.
    terms : tuple of TermComparison
    lack_of_fit : LackOfFit or None
        None where the real covariance matrix is singular, as with more terms than random groups.
    mean_overlap, mean_overlap_synthpop : float
    mean_absolute_difference : float
        Of the standardized differences; about sqrt(2 / (pi m)) is expected of a right synthesis.
    sign_agreement, significance_agreement : float
        Shares of the terms.
    notes : tuple of str
    real : Estimate
    synthetic : PooledFit
    """

    name: str
    model: Model
    rule: RuleName
    n_replicates: int
    n_real: int
    n_synthetic: int
    terms: tuple[TermComparison, ...]
    lack_of_fit: LackOfFit | None
    mean_overlap: float
    mean_overlap_synthpop: float
    mean_absolute_difference: float
    sign_agreement: float
    significance_agreement: float
    notes: tuple[str, ...]
    real: Estimate
    synthetic: PooledFit
