"""parametric: the regression that suits the column, as synthpop's ``method = "parametric"``."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gpusynth.methods.logreg import LogReg
from gpusynth.methods.model import FittedModel, StepData
from gpusynth.methods.norm_base import RegressionSpecification
from gpusynth.methods.normrank import NormRank
from gpusynth.methods.polr import Polr
from gpusynth.methods.polyreg import PolyReg

__all__ = ["Parametric"]


class Parametric(RegressionSpecification):
    """`NormRank` for numbers, `LogReg` for two classes, `Polr` for ordered levels, else `PolyReg`.

    It is chosen at the fit, by the classes that the rows have (missing answers are one). Numbers
    with missing codes or spikes have their states drawn by logreg or polyreg.
    """

    name: ClassVar[str] = "parametric"

    def fit(self, data: StepData, *, n_threads: int = 1) -> FittedModel:
        """Choose the method and fit it.

        Parameters
        ----------
        data : StepData
        n_threads : int

        Returns
        -------
        NormRankModel or ClassModel

        Raises
        ------
        BackendUnavailableError
            If SciPy or threadpoolctl is not installed.
        """
        return self.choose(data).fit(data, n_threads=n_threads)

    def choose(self, data: StepData) -> NormRank | LogReg | PolyReg | Polr:
        """Return the method for a target.

        Parameters
        ----------
        data : StepData
        """
        from gpusynth.trees import NumberTarget

        shared = self.model_dump()
        goal = data.target.goal
        if isinstance(goal, NumberTarget):
            return NormRank(**shared)
        codec = data.table.codecs[data.target.name]
        present = np.unique(goal.codes if data.rows is None else goal.codes[data.rows])
        if len(present) <= 2:
            return LogReg(**shared)
        if codec.is_ordered and not codec.column.is_number and present[0] >= codec.n_special:
            return Polr(**shared)
        return PolyReg(**shared)
