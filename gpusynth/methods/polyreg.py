"""polyreg: multinomial logit of any number of classes.

References
----------
.. [1] Brand, J. P. L. (1999). Development, Implementation and Evaluation of Multiple Imputation
   Strategies, chapter 4, appendix B; synthpop's ``syn.polyreg``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from gpusynth.errors import DeviceMemoryError
from gpusynth.methods.class_model import Classes, ClassModel
from gpusynth.methods.design_effects import LinearPredictor
from gpusynth.methods.design_rows import DesignRows
from gpusynth.methods.logit_fit import fit_binary, fit_multinomial
from gpusynth.methods.logit_rows import ClassRows
from gpusynth.methods.model import FittedModel, StepData
from gpusynth.methods.norm_base import RegressionSpecification
from gpusynth.methods.one_thread import one_thread

__all__ = ["PolyReg", "fit_polyreg"]

_MOST_COEFFICIENTS = 50_000
"""Beyond it a search over some ten thousand rows takes more than a minute (synthpop's ``MaxNWts``
is 10,000)."""


class PolyReg(RegressionSpecification):
    """Draw a class from a multinomial logit model.

    Missing answers are classes like any other. Pseudo-rows (White, Daniel and Royston 2010) keep
    the estimates finite. With two classes it is `LogReg`.

    Parameters
    ----------
    augment : bool
        Add the pseudo-rows.
    max_iterations : int
        Of the search (L-BFGS); what it has found by then is used, and noted.
    """

    name: ClassVar[str] = "polyreg"

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
            If the target is a number.
        DeviceMemoryError
            If classes times predictors are too many.
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        with one_thread():
            rows = self.rows_of(data)
            classes = Classes.of(data, rows, self.name)
            return fit_polyreg(
                data, rows, classes, augment=self.augment, max_iterations=self.max_iterations
            )


def fit_polyreg(
    data: StepData,
    rows: DesignRows,
    classes: Classes,
    *,
    augment: bool,
    max_iterations: int,
    note: str = "",
) -> ClassModel:
    """Fit a multinomial logit model of the classes that the rows have.

    Parameters
    ----------
    data : StepData
    rows : DesignRows
    classes : Classes
    augment : bool
    max_iterations : int
    note : str
        Why it is fitted in place of another model.

    Returns
    -------
    ClassModel

    Raises
    ------
    DeviceMemoryError
        If classes times predictors are too many.
    """
    if classes.n_classes == 1:
        return ClassModel(classes.donors, None, None, data.target, note)
    n_coefficients = rows.design.n_columns * (classes.n_classes - 1)
    if n_coefficients > _MOST_COEFFICIENTS:
        raise DeviceMemoryError(
            f"column {data.target.name!r}: a multinomial model of {classes.n_classes} classes and "
            f"{rows.design.n_columns} columns has {n_coefficients} coefficients and needs "
            f"{8 * 42 * n_coefficients} bytes; at most {_MOST_COEFFICIENTS} are fitted. "
            "Give it fewer predictors, lower max_levels, or use the method cart."
        )
    class_rows = ClassRows.of(rows, classes.of_row, augment=augment)
    if classes.n_classes == 2:
        fit = fit_binary(class_rows)
    else:
        fit = fit_multinomial(class_rows, max_iterations=max_iterations)
    if not fit.converged:
        note = "; ".join(
            filter(None, (note, f"multinomial model stopped after {max_iterations} iterations"))
        )
    predictor = LinearPredictor.of(rows.design, fit.coefficients)
    return ClassModel(classes.donors, predictor, None, data.target, note)
