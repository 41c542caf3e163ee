"""SynthesisPlan: every step of a synthesis, resolved, frozen, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import ValidationError

from gpusynth.errors import PlanError
from gpusynth.methods import Follow, Method, method_to_json, parse_method
from gpusynth.methods.smoothing import Smoothing, parse_smoothing
from gpusynth.methods.tails import Tail, parse_tail
from gpusynth.plan.conditions import Edit, Partial, Rule
from gpusynth.plan.output import Output
from gpusynth.plan.strata import Strata
from gpusynth.plan.uniques import ReplicatedUniques
from gpusynth.plan.weighting import Calibrate
from gpusynth.table.expression import parse_expression

__all__ = ["Part", "Proper", "Step", "SynthesisPlan"]

Part: TypeAlias = Literal["whole", "state", "value"]
"""What a step draws of its column.

whole
    Code and number at once.
state
    Which missing code or spike, or "value"; for numbers that have any.
value
    The number, fitted and drawn among the rows whose state is "value".
"""

Proper: TypeAlias = Literal["none", "bootstrap", "bayesian"]
"""Whether each replicate is fitted anew on resampled rows (proper synthesis), and how.

none
    All replicates share one fit.
bootstrap
    Rows are drawn with replacement (synthpop's proper=TRUE).
bayesian
    Rows have independent exponential weights (Rubin 1981, The Bayesian bootstrap).
"""

_FORMAT = 2

_AS_THEY_ARE = Output()


@dataclass(frozen=True, slots=True)
class Step:
    """One fit and one draw.

    Attributes
    ----------
    number : int
        From 1 in visit order; names the random stream.
    target : str
    part : {"whole", "state", "value"}
    method : Method
    predictors : tuple of str
        Columns whose codes predict the target, each visited before it.
    smoothing : Smoothing, optional
        What is done to drawn numbers.
    tail : Tail, optional
        What is done to the largest or smallest of them.
    """

    number: int
    target: str
    part: Part
    method: Method
    predictors: tuple[str, ...]
    smoothing: Smoothing | None = None
    tail: Tail | None = None

    @property
    def makes_values(self) -> bool:
        """Whether numbers may be drawn that no real row has."""
        treated = self.smoothing is not None or self.tail is not None
        return self.method.makes_values or treated

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form.

        Returns
        -------
        dict
        """
        return {
            "number": self.number,
            "target": self.target,
            "part": self.part,
            "method": method_to_json(self.method),
            "predictors": list(self.predictors),
            "smoothing": None if self.smoothing is None else self.smoothing.to_json(),
            **({} if self.tail is None else {"tail": self.tail.to_json()}),
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Step:
        """Rebuild a step.

        Returns
        -------
        Step
        """
        smoothing, tail = given["smoothing"], given.get("tail")
        return cls(
            number=int(given["number"]),
            target=str(given["target"]),
            part=given["part"],
            method=parse_method(given["method"]),
            predictors=tuple(given["predictors"]),
            smoothing=None if smoothing is None else parse_smoothing(smoothing),
            tail=None if tail is None else parse_tail(tail),
        )


@dataclass(frozen=True, slots=True)
class SynthesisPlan:
    """What is fitted and drawn, in order; seed, size and number of replicates belong to a run.

    Attributes
    ----------
    schema_fingerprint : str
        Of the schema that the plan was resolved on.
    steps : tuple of Step
    key_columns : tuple of str
        Columns that are numbered afresh, 1..n_rows, in every replicate.
    dropped_columns : tuple of str
        Columns that the output does not have.
    predict_only : tuple of str
        Columns that start every row and predict others, but are not in the output.
    rules : tuple of Rule
    edits : tuple of Edit
    strata : Strata, optional
        With `min_rows` settled.
    partial : Partial, optional
    proper : {"none", "bootstrap", "bayesian"}
    start_table : str, optional
        File whose rows start the synthetic rows in place of real rows.
    unit : str, optional
        Column that says which real rows belong to one unit.
    output : Output
    replicated_uniques : ReplicatedUniques, optional
    calibrate : tuple of Calibrate
        With their weight columns named.
    """

    schema_fingerprint: str
    steps: tuple[Step, ...]
    key_columns: tuple[str, ...] = ()
    dropped_columns: tuple[str, ...] = ()
    predict_only: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    edits: tuple[Edit, ...] = ()
    strata: Strata | None = None
    partial: Partial | None = None
    proper: Proper = "none"
    start_table: str | None = None
    unit: str | None = None
    output: Output = _AS_THEY_ARE
    replicated_uniques: ReplicatedUniques | None = None
    calibrate: tuple[Calibrate, ...] = ()

    @property
    def visit(self) -> tuple[str, ...]:
        """Synthesized columns in visit order, each once."""
        return tuple(dict.fromkeys(step.target for step in self.steps))

    @property
    def kept(self) -> tuple[str, ...]:
        """Columns that start every row, in visit order."""
        return tuple(step.target for step in self.steps if step.method.name == "keep")

    @property
    def drawn_anew(self) -> frozenset[str]:
        """Kept columns that are drawn once more at the end."""
        drawn = {step.target for step in self.steps if step.method.name != "keep"}
        return frozenset(self.kept) & drawn

    @property
    def followed(self) -> frozenset[str]:
        """Columns whose donors other columns are taken from."""
        return frozenset(
            step.method.column for step in self.steps if isinstance(step.method, Follow)
        )

    @property
    def calibrated(self) -> frozenset[str]:
        """Weight columns that are brought to margins."""
        return frozenset(str(entry.weight) for entry in self.calibrate)

    def ties(self) -> dict[str, tuple[str, ...]]:
        """Return column -> columns that its rules and its method name.

        Returns
        -------
        dict of str to tuple of str
        """
        ties: dict[str, tuple[str, ...]] = {}
        for step in self.steps:
            if step.method.required_columns:
                ties[step.target] = step.method.required_columns
        for rule in self.rules:
            asked = parse_expression(rule.when).columns
            ties[rule.target] = tuple(dict.fromkeys((*ties.get(rule.target, ()), *asked)))
        return ties

    def predictor_matrix(self) -> dict[str, dict[str, bool]]:
        """Return target -> column -> whether it predicts the target, over all visited columns.

        Returns
        -------
        dict of str to dict of str to bool
            As synthpop's predictor.matrix, in visit order; a number's two steps share a row.
        """
        matrix = {name: dict.fromkeys(self.visit, False) for name in self.visit}
        for step in self.steps:
            matrix[step.target].update(dict.fromkeys(step.predictors, True))
        return matrix

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, without the fingerprint; `from_json` reads it back.

        Returns
        -------
        dict
        """
        return {
            "format": _FORMAT,
            "schema_fingerprint": self.schema_fingerprint,
            "steps": [step.to_json() for step in self.steps],
            "key_columns": list(self.key_columns),
            "dropped_columns": list(self.dropped_columns),
            "predict_only": list(self.predict_only),
            "rules": [rule.model_dump(mode="json") for rule in self.rules],
            "edits": [edit.model_dump(mode="json") for edit in self.edits],
            "strata": None if self.strata is None else self.strata.model_dump(mode="json"),
            "partial": None if self.partial is None else self.partial.model_dump(mode="json"),
            "proper": self.proper,
            "start_table": self.start_table,
            **self._newer_to_json(),
        }

    def _newer_to_json(self) -> dict[str, Any]:
        """Return what is chosen of newer entries; older plans keep their fingerprints."""
        uniques = self.replicated_uniques
        chosen: dict[str, Any] = {
            "unit": self.unit,
            "replicated_uniques": None if uniques is None else uniques.model_dump(mode="json"),
            "output": self.output.model_dump(mode="json", exclude_defaults=True),
            "calibrate": [entry.model_dump(mode="json") for entry in self.calibrate],
        }
        return {name: given for name, given in chosen.items() if given}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> SynthesisPlan:
        """Rebuild a plan.

        Parameters
        ----------
        given : mapping
            What `to_json` returned.

        Returns
        -------
        SynthesisPlan

        Raises
        ------
        PlanError
            If the mapping is not the JSON form of a plan.
        """
        if given.get("format") != _FORMAT:
            raise PlanError(
                f"this plan has format {given.get('format')!r}; this version of gpusynth reads "
                f"{_FORMAT}. Resolve the plan again."
            )
        strata, partial = given.get("strata"), given.get("partial")
        uniques = given.get("replicated_uniques")
        try:
            return cls(
                schema_fingerprint=str(given["schema_fingerprint"]),
                steps=tuple(Step.from_json(step) for step in given["steps"]),
                key_columns=tuple(given["key_columns"]),
                dropped_columns=tuple(given["dropped_columns"]),
                predict_only=tuple(given["predict_only"]),
                rules=tuple(Rule.model_validate(rule) for rule in given["rules"]),
                edits=tuple(Edit.model_validate(edit) for edit in given["edits"]),
                strata=None if strata is None else Strata.model_validate(strata),
                partial=None if partial is None else Partial.model_validate(partial),
                proper=given["proper"],
                start_table=given["start_table"],
                unit=given.get("unit"),
                output=Output.model_validate(given.get("output", {})),
                replicated_uniques=None
                if uniques is None
                else ReplicatedUniques.model_validate(uniques),
                calibrate=tuple(Calibrate.model_validate(e) for e in given.get("calibrate", ())),
            )
        except (KeyError, TypeError) as error:
            raise PlanError(f"not a synthesis plan: {type(error).__name__} at {error}") from None
        except ValidationError as error:
            place = error.errors(include_url=False, include_input=False)[0]["loc"]
            raise PlanError(f"not a synthesis plan: {'.'.join(map(str, place))}") from None

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON: equal exactly when two plans do the same.

        Returns
        -------
        str
        """
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
