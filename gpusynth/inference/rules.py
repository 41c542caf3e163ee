"""Combining rules: which there are, when each is valid, and which one fits a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from gpusynth.errors import DataError

__all__ = [
    "RULES",
    "Inference",
    "Release",
    "RuleGuide",
    "RuleName",
    "check_rule",
    "recommend_rule",
]

RuleName: TypeAlias = Literal[
    "reiter_partial", "raghunathan_full", "raab_simple", "reiter_two_stage", "rubin"
]
"""Name of a combining rule."""

Inference: TypeAlias = Literal["population", "sample"]
"""What an interval is about: the population's value, or the value in the real sample."""


@dataclass(frozen=True, slots=True)
class RuleGuide:
    """When a combining rule holds.

    Attributes
    ----------
    name : RuleName
    title : str
    when : str
        The releases for which the rule was derived.
    minimum : int
        Fewest replicates.
    source : str
    """

    name: RuleName
    title: str
    when: str
    minimum: int
    source: str


_GUIDES = (
    RuleGuide(
        "raab_simple",
        "simple synthesis",
        "every column was synthesized, from parameters or trees fitted to the real rows "
        "(or, with proper=True, to a bootstrap sample or posterior draw); any number of synthetic "
        "rows; one replicate is enough. What gpusynth makes by default.",
        1,
        "Raab, Nowok, Dibben (2016), J. Privacy and Confidentiality 7(3)",
    ),
    RuleGuide(
        "reiter_partial",
        "partially synthetic data",
        "some columns or rows are still real, and every replicate has the real rows' number",
        2,
        "Reiter (2003), Survey Methodology 29",
    ),
    RuleGuide(
        "raghunathan_full",
        "fully synthetic data",
        "every value was drawn from the posterior predictive distribution (proper=True)",
        2,
        "Raghunathan, Reiter, Rubin (2003), J. Official Statistics 19",
    ),
    RuleGuide(
        "reiter_two_stage",
        "missing values imputed, then values synthesized",
        "missing values were imputed m times and each completed file was synthesized r times; "
        "estimates have the shape (m, r) or (m, r, p)",
        2,
        "Reiter (2004), Survey Methodology 30",
    ),
    RuleGuide(
        "rubin",
        "multiple imputation of missing values",
        "missing values were imputed m times and nothing was synthesized",
        2,
        "Rubin (1987), Multiple Imputation for Nonresponse in Surveys",
    ),
)

RULES: Mapping[RuleName, RuleGuide] = MappingProxyType({guide.name: guide for guide in _GUIDES})
"""Every rule with its guide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """How the replicates were made, as far as a rule asks.

    Attributes
    ----------
    n_replicates : int
        Replicates, or imputations where there are two stages.
    n_real, n_synthetic : int or None
        Rows; None where not told, which means as many of one as of the other.
    proper : bool
        Parameters were drawn, by a bootstrap or from a posterior, afresh for each replicate.
    inference : {"population", "sample"}
    """

    n_replicates: int
    n_real: int | None = None
    n_synthetic: int | None = None
    proper: bool = False
    inference: Inference = "population"

    @property
    def same_size(self) -> bool:
        """True unless the files are known to differ in their number of rows."""
        known = self.n_real is not None and self.n_synthetic is not None
        return not known or self.n_real == self.n_synthetic

    @property
    def row_ratio(self) -> float:
        """Synthetic rows for each real row, k / n; 1 where not told."""
        if self.n_real is None or self.n_synthetic is None:
            return 1.0
        return self.n_synthetic / self.n_real


def recommend_rule(
    n_replicates: int,
    *,
    incomplete: bool,
    proper: bool = False,
    n_imputations: int = 0,
    n_real: int | None = None,
    n_synthetic: int | None = None,
) -> RuleName:
    """Say which rule holds for a release.

    Parameters
    ----------
    n_replicates : int
        Synthetic files (of each completed file, where missing values were imputed first).
    incomplete : bool
        Some of the columns of the analysis, or some rows, still hold real values.
    proper : bool
        Parameters were drawn, by a bootstrap or from a posterior, afresh for each replicate.
    n_imputations : int
        How often missing values were imputed before the synthesis; 0 for not at all.
    n_real, n_synthetic : int, optional
        Rows of the files.

    Returns
    -------
    RuleName

    Raises
    ------
    DataError
        If no rule holds; the message says what would have to be different.
    """
    if n_imputations > 1:
        if n_replicates < 2:
            raise DataError(
                "no rule separates missing values from synthesis with one synthesis of each "
                "completed file. Make at least 2 of each and use rule='reiter_two_stage'."
            )
        return "reiter_two_stage"
    if not incomplete:
        return "raab_simple"
    release = Release(
        n_replicates=n_replicates, n_real=n_real, n_synthetic=n_synthetic, proper=proper
    )
    check_rule("reiter_partial", release)
    return "reiter_partial"


def check_rule(rule: RuleName, release: Release) -> None:
    """Check that a rule holds for a release.

    Parameters
    ----------
    rule : RuleName
    release : Release

    Raises
    ------
    DataError
        Naming the reason and the rule that holds instead.
    """
    if rule not in RULES:
        raise DataError(f"no rule is called {rule!r}. Use one of {', '.join(RULES)}.")
    for what, rows in (("n_real", release.n_real), ("n_synthetic", release.n_synthetic)):
        if rows is not None and rows < 1:
            raise DataError(f"{what} must be at least 1, it is {rows}.")
    fault = _fault(rule, release)
    if fault is not None:
        raise DataError(f"rule={rule!r} does not hold here: {fault}")


def _fault(rule: RuleName, release: Release) -> str | None:
    minimum = RULES[rule].minimum
    if release.n_replicates < minimum:
        instead = (
            ""
            if rule in ("reiter_two_stage", "rubin")
            else " With one replicate use rule='raab_simple' if every column was synthesized."
        )
        return (
            f"it needs at least {minimum} replicates and {release.n_replicates} was given.{instead}"
        )
    if release.inference == "sample" and rule != "raab_simple":
        return (
            "only rule='raab_simple' infers to the real sample. Use it, or inference='population'."
        )
    if rule == "raghunathan_full" and not release.proper:
        return (
            "it takes values drawn from a posterior predictive distribution. Say proper=True if "
            "they were; use rule='raab_simple' for values drawn from a fitted model."
        )
    if rule == "reiter_partial" and not release.same_size:
        return (
            "partially synthetic files have as many rows as the real one. Use rule='raab_simple' "
            "for completely synthesized files of another size."
        )
    if rule == "rubin" and (release.proper or release.n_synthetic is not None):
        return (
            "it is for imputed missing values without synthesis. For synthetic files use "
            "rule='raab_simple' (completely synthesized) or 'reiter_partial' (some values real)."
        )
    return None
