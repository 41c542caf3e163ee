"""norm and its transformed kin: linear regression, and a normal residual drawn for each row.

References
----------
.. [1] Rubin, D. B. (1987). Multiple Imputation for Nonresponse in Surveys, p. 167, with parameters
   held fixed (synthpop's ``syn.norm`` with ``proper = FALSE``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import PlanError
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.least_squares import fit_least_squares
from gpusynth.methods.model import Block, DrawnColumns, FittedModel, OneLeaf, StepData
from gpusynth.methods.norm_base import RegressionSpecification, normal_quantiles
from gpusynth.methods.one_thread import one_thread
from gpusynth.table import Codec, code_numbers, rounding_step

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey

__all__ = ["CubeRootNorm", "LogNorm", "Norm", "NormModel", "SqrtNorm"]

_LARGEST = 2.0**62
"""Numbers beyond this are cut: the int64 of whole columns holds no more."""

_Transform = Callable[[Array], Array]

_TRANSFORMS: Mapping[str, tuple[_Transform, _Transform]] = MappingProxyType(
    {
        "norm": (lambda y: y, lambda z: z),
        "lognorm": (np.log, lambda z: np.exp(np.minimum(z, 700.0))),
        "sqrtnorm": (np.sqrt, np.square),
        "cubertnorm": (np.cbrt, lambda z: z * z * z),
    }
)
"""Scale of the regression and the way back."""


class Norm(RegressionSpecification):
    """Linear regression with normal residuals; draws numbers that no real row has.

    They are rounded to the column's decimals and kept within its bounds. A number that would fall
    on a missing code or spike, which have a step of their own, moves one unit of the last decimal
    towards the median (where the decimals are known).
    """

    name: ClassVar[str] = "norm"
    makes_values: ClassVar[bool] = True

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Regress the numbers on the predictors.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not used: one thread, so that results never depend on their number.

        Returns
        -------
        NormModel

        Raises
        ------
        PlanError
            If the target is no number, or has numbers that the transformation does not take.
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        with one_thread():
            rows = self.rows_of(data)
            numbers = self.numbers_of(data, rows)
            shift = self._shift(data, rows.rows, numbers)
            fit = fit_least_squares(rows, _TRANSFORMS[self.name][0](numbers + shift))
        return NormModel(
            transform=self.name,
            predictor=LinearPredictor.of(rows.design, fit.coefficients[:, None]),
            sigma=fit.sigma,
            shift=shift,
            centre=float(np.median(numbers)),
            codec=data.table.codecs[data.target.name],
        )

    def _shift(self, data: StepData, rows: Array, numbers: Array) -> float:
        """Return what is added before the transformation."""
        if self.name not in ("lognorm", "sqrtnorm"):
            return 0.0
        negative = numbers < 0
        if negative.any():
            row = int(rows[np.argmax(negative)]) + 1
            raise PlanError(
                f"column {data.target.name!r} has the method {self.name}, but "
                f"{int(negative.sum())} rows are below zero (data row {row} is the first). "
                "Use norm, cubertnorm or normrank."
            )
        if self.name == "sqrtnorm" or (numbers > 0).all():
            return 0.0
        positive = numbers[numbers > 0]
        return float(positive.min()) / 2 if len(positive) else 1.0


class LogNorm(Norm):
    """`Norm` of the logarithm; zeros are raised by half the smallest positive number first.

    Lowered by it again after the draw and never below zero, as synthpop's ``syn.lognorm`` means to.
    """

    name: ClassVar[str] = "lognorm"


class SqrtNorm(Norm):
    """`Norm` of the square root, for numbers of zero or more (``syn.sqrtnorm``)."""

    name: ClassVar[str] = "sqrtnorm"


class CubeRootNorm(Norm):
    """`Norm` of the cube root, which negative numbers have too (``syn.cubertnorm``)."""

    name: ClassVar[str] = "cubertnorm"


@dataclass(frozen=True, slots=True)
class NormModel(OneLeaf):
    """A regression line and the spread around it; holds no real rows.

    Attributes
    ----------
    transform : str
        Name of the method.
    predictor : LinearPredictor
        One sum a row, on the scale of the regression.
    sigma : float
    shift : float
        Added before the transformation.
    centre : float
        Median of the real numbers.
    codec : Codec
        Of the target.
    """

    transform: str
    predictor: LinearPredictor
    sigma: float
    shift: float
    centre: float
    codec: Codec

    def draw(self, drawn: DrawnColumns, key: StreamKey, block: Block) -> tuple[Array, Array | None]:
        """Draw from the normal distribution around the line; see `FittedModel.draw`.

        Returns
        -------
        tuple of (codes (n_drawn,), values (n_drawn,))
        """
        numbers = normal_quantiles(block, key) * self.sigma
        for part, sums in self.predictor.chunks(drawn, block):
            numbers[part] += sums[:, 0]
        numbers = _TRANSFORMS[self.transform][1](numbers)
        if self.shift:
            numbers = np.maximum(numbers - self.shift, 0.0)
        return self._coded(np.clip(numbers, -_LARGEST, _LARGEST))

    def _coded(self, numbers: Array) -> tuple[Array, Array]:
        """Round, bound and code; step off the numbers that mean something else."""
        codes, values = code_numbers(self.codec, numbers)
        taken = _special_numbers(self.codec)
        step = rounding_step(self.codec.column)
        if not len(taken) or not step:
            return codes, values
        for _ in range(len(taken)):
            on = np.isin(values, taken)
            if not on.any():
                break
            towards = np.where(values[on] < self.centre, step, -step)
            codes[on], values[on] = code_numbers(self.codec, values[on] + towards)
        return codes, values


def _special_numbers(codec: Any) -> Array:
    """Return the numbers that stand for missing codes and spikes."""
    return np.array(sorted(codec.specials.numbers), np.float64)
