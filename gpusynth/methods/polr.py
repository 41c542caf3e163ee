"""polr: proportional odds logit of ordered classes.

References
----------
.. [1] Venables, W. N., Ripley, B. D. (2002). Modern Applied Statistics with S, 4th ed., section 7.3
   (``MASS::polr``); synthpop's ``syn.polr``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from gpusynth.errors import PlanError
from gpusynth.methods.class_model import Classes, ClassModel
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.logit_fit import fit_ordered
from gpusynth.methods.logit_rows import ClassRows
from gpusynth.methods.model import FittedModel, StepData
from gpusynth.methods.norm_base import RegressionSpecification
from gpusynth.methods.one_thread import one_thread
from gpusynth.methods.polyreg import fit_polyreg

__all__ = ["Polr"]


class Polr(RegressionSpecification):
    """Draw an ordered level from a proportional odds model.

    `PolyReg` takes its place, and the model's note says so, where the search does not converge or
    the fitted rows have missing codes, which have no place in an order.

    Parameters
    ----------
    augment : bool
        Add pseudo-rows against separation.
    max_iterations : int
        Of the search (L-BFGS).
    """

    name: ClassVar[str] = "polr"

    augment: bool = True
    max_iterations: Annotated[int, Field(ge=1, le=10_000)] = 200

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Fit the model.

        Parameters
        ----------
        data : StepData
        n_threads : int
            Not used: one thread, so that results never depend on their number.

        Returns
        -------
        ClassModel

        Raises
        ------
        PlanError
            If the target has no order.
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        codec = data.table.codecs[data.target.name]
        with one_thread():
            rows = self.rows_of(data)
            classes = Classes.of(data, rows, self.name)
            if not codec.is_ordered or codec.column.is_number:
                raise PlanError(
                    f"column {data.target.name!r} is {codec.column.kind} and has the method polr, "
                    "which is for ordered levels. Set its kind to ordered in the schema, or use "
                    "logreg, polyreg or cart."
                )
            note = "missing codes have no order"
            if classes.codes[0] >= codec.n_special:
                if classes.n_classes == 1:
                    return ClassModel(classes.donors, None, None, data.target)
                class_rows = ClassRows.of(rows, classes.of_row, augment=self.augment)
                fit = fit_ordered(class_rows, max_iterations=self.max_iterations)
                if fit.converged:
                    predictor = LinearPredictor.of(rows.design, fit.coefficients)
                    return ClassModel(classes.donors, predictor, fit.thresholds, data.target)
                note = "proportional odds did not converge"
            return fit_polyreg(
                data,
                rows,
                classes,
                augment=self.augment,
                max_iterations=self.max_iterations,
                note=f"{note}: multinomial model instead",
            )
