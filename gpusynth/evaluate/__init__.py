"""Judge synthetic files against the real one, whatever made them.

This floor imports the table and io floors, errors, streams and kernels; never plan, methods or
engine: the judge does not see how the data were made.
"""

from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.glance import UtilityGlance, glance_at_codes, utility_at_a_glance
from gpusynth.evaluate.metric import Metric, MetricResult, measure
from gpusynth.evaluate.utility.kmarginal import kmarginal, worst_marginals
from gpusynth.evaluate.utility.kmarginal_groups import kmarginal_by_group
from gpusynth.evaluate.utility.tables import table_utility

__all__ = [
    "Binning",
    "CodedColumn",
    "CodedTable",
    "CommonCodes",
    "Metric",
    "MetricResult",
    "UtilityGlance",
    "attribute_disclosure",
    "code_together",
    "glance_at_codes",
    "kmarginal",
    "kmarginal_by_group",
    "measure",
    "table_utility",
    "utility_at_a_glance",
    "worst_marginals",
]
