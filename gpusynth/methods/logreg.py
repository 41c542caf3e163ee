"""logreg: logistic regression of two classes.

References
----------
.. [1] Rubin, D. B. (1987). Multiple Imputation for Nonresponse in Surveys, pp. 169-170, with
   parameters held fixed; synthpop's ``syn.logreg``.
.. [2] White, I. R., Daniel, R., Royston, P. (2010). Computational Statistics & Data Analysis 54,
   2267-2275 (pseudo-rows against separation).
"""

from __future__ import annotations

from typing import ClassVar

from gpusynth.errors import PlanError
from gpusynth.methods.class_model import Classes, ClassModel
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.logit_fit import fit_binary
from gpusynth.methods.logit_rows import ClassRows
from gpusynth.methods.model import FittedModel, StepData
from gpusynth.methods.norm_base import RegressionSpecification
from gpusynth.methods.one_thread import one_thread

__all__ = ["LogReg"]


class LogReg(RegressionSpecification):
    """Draw one of two classes from a logistic regression.

    Pseudo-rows keep the estimates finite where a predictor tells the classes apart perfectly. A
    missing answer counts as a class: two levels with missing answers are three classes.

    Parameters
    ----------
    augment : bool
        Add the pseudo-rows.
    """

    name: ClassVar[str] = "logreg"

    augment: bool = True

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Fit the regression.

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
            If the target is a number or has more than two classes.
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        with one_thread():
            rows = self.rows_of(data)
            classes = Classes.of(data, rows, self.name)
            if classes.n_classes > 2:
                raise PlanError(
                    f"column {data.target.name!r} has the method logreg, but {classes.n_classes} "
                    "classes (missing answers among them). Use polyreg or cart."
                )
            if classes.n_classes == 1:
                return ClassModel(classes.donors, None, None, data.target)
            fit = fit_binary(ClassRows.of(rows, classes.of_row, augment=self.augment))
        predictor = LinearPredictor.of(rows.design, fit.coefficients)
        note = "" if fit.converged else "logistic regression did not converge"
        return ClassModel(classes.donors, predictor, None, data.target, note)
