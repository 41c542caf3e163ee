"""Judge synthetic files against the real one, whatever made them.

This floor imports the table and io floors, errors, streams and kernels; never plan, methods or
engine: the judge does not see how the data were made.

The package itself can be called: ``gpusynth.evaluate(real, synthetic)`` runs every measure, and
``from gpusynth.evaluate import kmarginal`` gives one of them.
"""

import sys
from types import ModuleType

from gpusynth.evaluate.bins import Binning
from gpusynth.evaluate.coded import CodedColumn, CodedTable, CommonCodes
from gpusynth.evaluate.coding import code_together
from gpusynth.evaluate.disclosure.attribute import attribute_disclosure
from gpusynth.evaluate.evaluation import evaluate
from gpusynth.evaluate.glance import UtilityGlance, glance_at_codes, utility_at_a_glance
from gpusynth.evaluate.metric import Metric, MetricResult, measure
from gpusynth.evaluate.results import Evaluation, read_evaluation, write_evaluation
from gpusynth.evaluate.utility.kmarginal import kmarginal, worst_marginals
from gpusynth.evaluate.utility.kmarginal_baselines import kmarginal_with_baselines
from gpusynth.evaluate.utility.kmarginal_groups import kmarginal_by_group
from gpusynth.evaluate.utility.pairs import pair_associations
from gpusynth.evaluate.utility.principal import principal_components
from gpusynth.evaluate.utility.propensity_boosting import propensity_boosting
from gpusynth.evaluate.utility.propensity_cart import propensity_cart
from gpusynth.evaluate.utility.propensity_logit import propensity_logit
from gpusynth.evaluate.utility.tables import table_utility
from gpusynth.evaluate.utility.univariate import univariate

__all__ = [
    "Binning",
    "CodedColumn",
    "CodedTable",
    "CommonCodes",
    "Evaluation",
    "Metric",
    "MetricResult",
    "UtilityGlance",
    "attribute_disclosure",
    "code_together",
    "evaluate",
    "glance_at_codes",
    "kmarginal",
    "kmarginal_by_group",
    "kmarginal_with_baselines",
    "measure",
    "pair_associations",
    "principal_components",
    "propensity_boosting",
    "propensity_cart",
    "propensity_logit",
    "read_evaluation",
    "table_utility",
    "univariate",
    "utility_at_a_glance",
    "worst_marginals",
    "write_evaluation",
]


class _CallableModule(ModuleType):
    """The package as a function: a name cannot be a module and a function otherwise."""

    __call__ = staticmethod(evaluate)


sys.modules[__name__].__class__ = _CallableModule
