"""calibration: weights that meet given totals, as near as possible to the weights they start from.

May import table, io, errors and arrays; knows nothing of plans or engines.
"""

from gpusynth.calibration.agreement import check_agreement, rescale_margins
from gpusynth.calibration.constraints import CodedColumn, Constraint, bind_margin, coded_margin
from gpusynth.calibration.distances import CalibrationMethod
from gpusynth.calibration.margin_file import read_margins
from gpusynth.calibration.margins import Margin, MarginCell
from gpusynth.calibration.solve import Calibration, MarginFit, calibrate_weights
from gpusynth.calibration.table_weights import calibrate, weighted_margin

__all__ = [
    "Calibration",
    "CalibrationMethod",
    "CodedColumn",
    "Constraint",
    "Margin",
    "MarginCell",
    "MarginFit",
    "bind_margin",
    "calibrate",
    "calibrate_weights",
    "check_agreement",
    "coded_margin",
    "read_margins",
    "rescale_margins",
    "weighted_margin",
]
