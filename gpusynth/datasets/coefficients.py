"""The joint structure: coefficients of every draw of the simulator, stated as ours.

Each draw is an ordered logit, ``P(answer <= k | x) = expit(cut_k - x @ coefficients)``; a yes/no
answer is "yes" with probability ``expit(x @ coefficients - cut)``. So these numbers are the true
log odds ratios of a logit of that answer on the named predictors. Cut points come from the
marginals (`gpusynth.datasets.calibration`). Signs and sizes are plausible, not estimated.

Predictors (each becomes known, `Sheet.know`, where its column is filled in): states against
Alabama; groups of sectors (`gpusynth.datasets.firm.SECTOR_GROUPS`) against administration, arts,
other services and unknown; ``certain`` (random group 0), ``log_weight``, ``log_employment``,
``log_payroll``, ``log_receipts`` (log(1 + x), centred); the first owner's ``female``, ``hispanic``,
``black``, ``asian``, ``native``, ``veteran``, ``immigrant``, ``age``, ``college``, ``hours``,
``manages``, ``founder``; ``sole_owner`` (has 100 %), ``no_owner`` (has 0 %); ``recent`` (period of
establishment, centred); four latent traits that no column shows, ``careless``, ``digital``,
``borrower`` and ``generous`` (standard logistic, scaled to variance 1); earlier answers; and
products of these (``immigrant_trade``: immigrant in manufacturing or wholesale;
``immigrant_size``: immigrant times ``log_employment``).

In the one comparison that is possible, the five principal axes that NIST publishes of the real
excerpt, the simulated file has nearly the same axes (tested in `tests/datasets`).

References
----------
.. [1] McCullagh, P. (1980). Regression models for ordinal data. JRSS B 42(2), eqs. 2.1-2.3.
.. [2] Wang, Q. & Liu, C. Y. (2015). Transnational activities of immigrant-owned firms and their
   performances in the USA. Small Business Economics 44(2): why exports, operations abroad and
   outsourcing depend on immigrant ownership.
"""

from __future__ import annotations

from collections.abc import Mapping

from gpusynth.datasets.coefficients_answers import CAPITAL, LANGUAGES, RARE, STAFF, TRADE
from gpusynth.datasets.coefficients_firm import FIRM, OWNER

__all__ = ["COEFFICIENTS"]

_CARELESS = {"careless": 2.0}

_SINGLE_ANSWERS = (
    "ESTABLISHED HOMEBASED FRANCHISE EXPORTS OPSOUTSIDE OUTSOURCE WEBSITE ECOMMPCT ONLINEPURCH "
    "OPERATING ACQYR1 HOURS1 PRMINC1 SELFEMP1 EDUC1 AGE1 BORNUS1 DISVET1 HUSBWIFE FAMILYBUS "
    "NUMOWNERS SCAMOUNT CONTRACTORS ways-of-acquiring functions startup-capital "
    "expansion-capital customers languages staff benefits activities ceasing"
)
_NOT_REPORTED = {f"{name} not reported": _CARELESS for name in _SINGLE_ANSWERS.split()}

COEFFICIENTS: Mapping[str, Mapping[str, float]] = {
    **FIRM,
    **OWNER,
    **CAPITAL,
    **TRADE,
    **LANGUAGES,
    **STAFF,
    **RARE,
    **_NOT_REPORTED,
}
"""Name of a draw -> predictor -> log odds ratio; draws that are not here have no predictors."""
