"""Results of attacks (singling out, linkability, inference) as one group of figures."""

from __future__ import annotations

from collections.abc import Sequence

from gpusynth.evaluate.attempts import Attempts
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.disclosure.attack import AttackRisk
from gpusynth.evaluate.disclosure.inference_attack import inference_attack
from gpusynth.evaluate.disclosure.linkability import linkability
from gpusynth.evaluate.disclosure.singling_out import singling_out
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.summaries.columns import band

__all__ = ["MOST_TARGETS", "attack_group"]

MOST_TARGETS = 10
"""Targets that are attacked one by one; each takes a search of all synthetic rows."""


def attack_group(
    codes: CommonCodes,
    keys: Sequence[str],
    targets: Sequence[str],
    *,
    seed: int,
    attempts: Attempts,
) -> FigureGroup | None:
    """Carry out all attacks on the first synthetic file; None where none could be.

    Parameters
    ----------
    codes : CommonCodes
    keys, targets : sequence of str
        For attribute inference; none without keys.
    seed : int
    attempts : Attempts

    Returns
    -------
    FigureGroup or None
    """
    figures: list[Figure] = []
    codes = CommonCodes(codes.real, codes.synthetic[:1], holdout=codes.holdout)
    for mode, words in (("univariate", "one column"), ("multivariate", "three columns")):
        found = attempts.run(
            f"singling out, {words}",
            lambda mode=mode: singling_out(codes, mode=mode, seed=seed),  # type: ignore[misc]
        )
        if found:
            figures.append(_figure(found, f"singling out by {words}"))
    joined = attempts.run("linkability", lambda: linkability(codes, seed=seed))
    if joined:
        figures.append(_figure(joined, "linking two halves of the columns"))
    for target in targets if keys else ():
        guessed = attempts.run(
            f"inference of {target}",
            lambda target=target: inference_attack(codes, keys, target, seed=seed),  # type: ignore[misc]
        )
        if guessed:
            figures.append(_figure(guessed, f"inferring {target} from the keys"))
    if not figures:
        return None
    against = (
        "The risk is what succeeds on real rows beyond what succeeds on rows of the holdout."
        if codes.holdout is not None
        else "Without a holdout the risk is the success itself, which good statistics raise too."
    )
    return FigureGroup(
        name="attacks",
        title="Attacks",
        reading=f"Giomi et al. (2023), 2,000 attempts each on the first file. {against}",
        figures=tuple(figures),
    )


def _figure(found: Sequence[AttackRisk], text: str) -> Figure:
    first = found[0]
    told = [f"succeeds on {100 * first.success.value:.3g} % of real rows"]
    if first.control is not None:
        told.append(f"{100 * first.control.value:.3g} % of the holdout")
    told.append(f"guessing {100 * first.baseline.value:.3g} %")
    weak = "" if first.is_strong else "; no better than guessing, so no all-clear"
    return Figure(
        name=first.attack if not first.target else f"{first.attack}:{first.target}",
        text=text,
        value=band([100.0 * one.risk.value for one in found]),
        interval=(
            100.0 * min(one.risk.low for one in found),
            100.0 * max(one.risk.high for one in found),
        ),
        unit="%",
        expected=0.0 if first.control is not None else 100.0 * first.baseline.value,
        expected_text="no leak" if first.control is not None else "guessing",
        direction="lower",
        note=", ".join(told) + weak,
    )
