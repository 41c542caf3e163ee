"""Which columns a method suits, as far as the schema can say."""

from __future__ import annotations

from gpusynth.errors import PlanError
from gpusynth.methods.logreg import LogReg
from gpusynth.methods.model import Method
from gpusynth.methods.norm import Norm
from gpusynth.methods.norm_base import RegressionSpecification
from gpusynth.methods.normrank import NormRank
from gpusynth.methods.one_thread import require_libraries
from gpusynth.methods.pmm import Pmm
from gpusynth.methods.polr import Polr
from gpusynth.methods.polyreg import PolyReg
from gpusynth.table import Column

__all__ = ["check_suitable"]


def check_suitable(method: Method, column: Column) -> None:
    """Refuse a method that cannot synthesize a column, before anything is fitted.

    Parameters
    ----------
    method : Method
    column : Column

    Raises
    ------
    PlanError
        If the method is for numbers and the column has levels, or the other way round, or polr is
        to draw levels without an order.
    BackendUnavailableError
        If the libraries of parametric methods are not installed.
    """
    if isinstance(method, RegressionSpecification):
        require_libraries()
    if isinstance(method, (Norm, NormRank, Pmm)) and not column.is_number:
        raise PlanError(
            f"column {column.name!r} is {column.kind}, but its method {method.name} is for "
            "numbers. Use logreg (two levels), polyreg, polr (ordered levels), parametric or cart."
        )
    if isinstance(method, (LogReg, PolyReg, Polr)) and column.is_number:
        raise PlanError(
            f"column {column.name!r} is {column.kind}, but its method {method.name} is for "
            "levels. Use norm, normrank, pmm, parametric or cart."
        )
    if isinstance(method, Polr) and column.kind != "ordered":
        raise PlanError(
            f"column {column.name!r} is {column.kind}, but its method polr is for ordered levels. "
            "Set its kind to ordered in the schema, or use logreg, polyreg or cart."
        )
