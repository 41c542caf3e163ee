"""Known populations, samples from them, and syntheses from the right model, many at a time.

Arrays have the repetitions of the simulation first and the rows of a file last; copies of a file
(replicates or imputations) lie between. `proper` draws the parameters from their posterior for each
copy, otherwise they are fitted once.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["POPULATIONS", "Logistic", "Normal", "Population", "ZeroInflated"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Population(Protocol):
    """Two columns, x and y; y is what is imputed or partly synthesized."""

    name: str
    estimands: tuple[str, ...]
    n_rows: int

    @property
    def truth(self) -> Floats:
        """Values of the estimands, shape (E,)."""
        ...

    def sample(self, random: Generator, repetitions: int) -> tuple[Floats, Floats]:
        """Draw real files, x and y of shape (R, n)."""
        ...

    def analyse(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return estimates and their variances, shape (..., E)."""
        ...

    def draw_x(self, random: Generator, x: Floats, shape: tuple[int, int], proper: bool) -> Floats:
        """Synthesize x, shape (R, copies, k), from the real x of shape (R, n)."""
        ...

    def draw_y(
        self, random: Generator, real: tuple[Floats, Floats, Mask], x: Floats, proper: bool
    ) -> Floats:
        """Synthesize y for `x` (R, copies, k) from the observed rows of the real x and y."""
        ...


def _mean_of(values: Floats, known: Mask) -> Floats:
    return (values * known).sum(-1) / known.sum(-1)


def _normal_parameters(
    random: Generator, mean: Floats, scale2: Floats, size: Floats, copies: int, proper: bool
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation for each copy, shape (R, copies)."""
    shape = (len(mean), copies)
    if not proper:
        return (
            np.broadcast_to(mean[:, None], shape),
            np.broadcast_to(np.sqrt(scale2)[:, None], shape),
        )
    freedom = (size - 1)[:, None]
    deviation = np.sqrt(scale2[:, None] * freedom / random.chisquare(freedom, shape))
    return mean[:, None] + deviation / np.sqrt(size)[:, None] * random.normal(size=shape), deviation


class _NormalX:
    """x is standard normal; synthesized as normal with fitted or drawn mean and deviation."""

    n_rows = 500

    def draw_x(self, random: Generator, x: Floats, shape: tuple[int, int], proper: bool) -> Floats:
        size = np.full(len(x), float(x.shape[1]))
        mean, deviation = _normal_parameters(
            random, x.mean(-1), x.var(-1, ddof=1), size, shape[0], proper
        )
        return mean[..., None] + deviation[..., None] * random.normal(size=(len(x), *shape))


class Normal(_NormalX):
    """y = 1 + x / 2 + e; the mean of y and the slope."""

    name = "normal"
    estimands = ("mean", "slope")
    truth = np.array([1.0, 0.5])

    def sample(self, random: Generator, repetitions: int) -> tuple[Floats, Floats]:
        x = random.normal(size=(repetitions, self.n_rows))
        return x, 1.0 + 0.5 * x + random.normal(size=x.shape)

    def analyse(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        n = x.shape[-1]
        centred = x - x.mean(-1, keepdims=True)
        total = (centred**2).sum(-1)
        slope = (centred * y).sum(-1) / total
        residual = y - y.mean(-1, keepdims=True) - slope[..., None] * centred
        variance = (residual**2).sum(-1) / (n - 2) / total
        return (
            np.stack([y.mean(-1), slope], axis=-1),
            np.stack([y.var(-1, ddof=1) / n, variance], axis=-1),
        )

    def draw_y(
        self, random: Generator, real: tuple[Floats, Floats, Mask], x: Floats, proper: bool
    ) -> Floats:
        real_x, real_y, known = real
        size = known.sum(-1).astype(float)
        mean_x, mean_y = _mean_of(real_x, known), _mean_of(real_y, known)
        centred = (real_x - mean_x[:, None]) * known
        total = (centred**2).sum(-1)
        slope = (centred * real_y).sum(-1) / total
        residual = (real_y - mean_y[:, None] - slope[:, None] * centred) * known
        scale2 = (residual**2).sum(-1) / (size - 2)
        shape = x.shape[:2]
        deviation = np.broadcast_to(np.sqrt(scale2)[:, None], shape)
        level = np.broadcast_to(mean_y[:, None], shape)
        slopes = np.broadcast_to(slope[:, None], shape)
        if proper:
            freedom = (size - 2)[:, None]
            deviation = np.sqrt(scale2[:, None] * freedom / random.chisquare(freedom, shape))
            level = level + deviation / np.sqrt(size)[:, None] * random.normal(size=shape)
            slopes = slopes + deviation / np.sqrt(total)[:, None] * random.normal(size=shape)
        mean = level[..., None] + slopes[..., None] * (x - mean_x[:, None, None])
        return mean + deviation[..., None] * random.normal(size=x.shape)


class Logistic(_NormalX):
    """P(y = 1) = F(-1 + 0.8 x); the share of ones and the slope of a logit."""

    name = "logistic"
    estimands = ("share", "log odds ratio")
    n_rows = 1000

    @property
    def truth(self) -> Floats:
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        share = weights @ _logistic(-1.0 + 0.8 * nodes) / weights.sum()
        return np.array([share, 0.8])

    def sample(self, random: Generator, repetitions: int) -> tuple[Floats, Floats]:
        x = random.normal(size=(repetitions, self.n_rows))
        return x, (random.random(x.shape) < _logistic(-1.0 + 0.8 * x)).astype(float)

    def analyse(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        coefficients, covariance = _fit_logit(x, y, np.ones(x.shape, dtype=bool))
        share = y.mean(-1)
        return (
            np.stack([share, coefficients[..., 1]], axis=-1),
            np.stack([share * (1 - share) / (x.shape[-1] - 1), covariance[..., 1, 1]], axis=-1),
        )

    def draw_y(
        self, random: Generator, real: tuple[Floats, Floats, Mask], x: Floats, proper: bool
    ) -> Floats:
        coefficients, covariance = _fit_logit(*real)
        drawn = np.broadcast_to(coefficients[:, None], (*x.shape[:2], 2))
        if proper:
            root = np.linalg.cholesky(covariance)[:, None]
            drawn = drawn + (root @ random.normal(size=(*x.shape[:2], 2, 1)))[..., 0]
        chance = _logistic(drawn[..., :1] + drawn[..., 1:] * x)
        return (random.random(x.shape) < chance).astype(float)


def _logistic(linear: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-linear))


def _fit_logit(x: Floats, y: Floats, known: Mask) -> tuple[Floats, Floats]:
    """Fit two coefficients by Newton's method, for all files at once."""
    beta = np.zeros((*x.shape[:-1], 2))
    for _ in range(12):
        chance = _logistic(beta[..., :1] + beta[..., 1:] * x)
        weight = chance * (1 - chance) * known
        residual = (y - chance) * known
        a, b, c = weight.sum(-1), (weight * x).sum(-1), (weight * x * x).sum(-1)
        determinant = a * c - b * b
        inverse = (
            np.stack([np.stack([c, -b], axis=-1), np.stack([-b, a], axis=-1)], axis=-2)
            / determinant[..., None, None]
        )
        gradient = np.stack([residual.sum(-1), (residual * x).sum(-1)], axis=-1)
        step = (inverse @ gradient[..., None])[..., 0]
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            return beta, inverse
    raise RuntimeError("a logit of the simulation did not converge")


class ZeroInflated:
    """Receipts in three strata of unequal weights: zeros, else log-normal; x is the stratum.

    The strata are of the design and are never synthesized. Estimates are weighted, their variances
    stratified.
    """

    name = "zero-inflated, weighted"
    estimands = ("mean", "share of zeros")
    shares = np.array([0.8, 0.15, 0.05])
    zeros = np.array([0.4, 0.3, 0.1])
    levels = np.array([2.0, 3.0, 4.5])
    deviation = 0.6
    sizes = (300, 200, 150)
    n_rows = 650

    @property
    def truth(self) -> Floats:
        means = (1 - self.zeros) * np.exp(self.levels + self.deviation**2 / 2)
        return np.array([self.shares @ means, self.shares @ self.zeros])

    def sample(self, random: Generator, repetitions: int) -> tuple[Floats, Floats]:
        stratum = np.repeat(np.arange(3), self.sizes)
        x = np.broadcast_to(stratum.astype(float), (repetitions, len(stratum)))
        amount = np.exp(self.levels[stratum] + self.deviation * random.normal(size=x.shape))
        return x, np.where(random.random(x.shape) < self.zeros[stratum], 0.0, amount)

    def analyse(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        estimates, variances = 0.0, 0.0
        for share, rows in zip(self.shares, self._strata(x.shape[-1]), strict=True):
            part = np.stack([y[..., rows], y[..., rows] == 0], axis=-2)
            estimates = estimates + share * part.mean(-1)
            variances = variances + share**2 * part.var(-1, ddof=1) / part.shape[-1]
        return np.asarray(estimates), np.asarray(variances)

    def draw_x(self, random: Generator, x: Floats, shape: tuple[int, int], proper: bool) -> Floats:
        whole, rest = divmod(shape[1], x.shape[1])
        if rest:
            raise ValueError("synthetic files have a multiple of the real rows")
        stratum = np.repeat(np.arange(3.0), np.array(self.sizes) * whole)
        return np.broadcast_to(stratum, (len(x), *shape))

    def draw_y(
        self, random: Generator, real: tuple[Floats, Floats, Mask], x: Floats, proper: bool
    ) -> Floats:
        _, real_y, known = real
        drawn = np.empty(x.shape)
        pairs = zip(self._strata(real_y.shape[-1]), self._strata(x.shape[-1]), strict=True)
        for real_rows, rows in pairs:
            observed, values = known[:, real_rows], real_y[:, real_rows]
            positive = observed & (values > 0)
            count, size = positive.sum(-1).astype(float), observed.sum(-1).astype(float)
            logs = np.log(np.where(positive, values, 1.0))
            mean = _mean_of(logs, positive)
            scale2 = (((logs - mean[:, None]) * positive) ** 2).sum(-1) / (count - 1)
            level, deviation = _normal_parameters(random, mean, scale2, count, x.shape[1], proper)
            chance = np.broadcast_to((count / size)[:, None], x.shape[:2])
            if proper:
                above, below = count[:, None] + 0.5, (size - count)[:, None] + 0.5
                chance = random.beta(above, below, size=x.shape[:2])
            shape = drawn[..., rows].shape
            amount = np.exp(level[..., None] + deviation[..., None] * random.normal(size=shape))
            drawn[..., rows] = np.where(random.random(shape) < chance[..., None], amount, 0.0)
        return drawn

    def _strata(self, n_rows: int) -> list[slice]:
        ends = np.cumsum(np.array(self.sizes) * (n_rows // sum(self.sizes)))
        return [slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


POPULATIONS: tuple[Population, ...] = (Normal(), Logistic(), ZeroInflated())
"""All populations of the study."""
