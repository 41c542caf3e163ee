"""SynthesisPlan: every step of a synthesis, resolved, frozen, with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from gpusynth.errors import PlanError
from gpusynth.methods import Method, method_to_json, parse_method

__all__ = ["Part", "Step", "SynthesisPlan"]

Part: TypeAlias = Literal["whole", "state", "value"]
"""What a step draws of its column.

whole
    Code and number at once.
state
    Which missing code or spike, or "value"; for numbers that have any.
value
    The number, fitted and drawn among the rows whose state is "value".
"""

_FORMAT = 1


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
    """

    number: int
    target: str
    part: Part
    method: Method
    predictors: tuple[str, ...]

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
        }


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
    """

    schema_fingerprint: str
    steps: tuple[Step, ...]
    key_columns: tuple[str, ...] = ()
    dropped_columns: tuple[str, ...] = ()

    @property
    def visit(self) -> tuple[str, ...]:
        """Synthesized columns in visit order, each once."""
        return tuple(dict.fromkeys(step.target for step in self.steps))

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
        }

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
        try:
            steps = tuple(
                Step(
                    number=int(step["number"]),
                    target=str(step["target"]),
                    part=step["part"],
                    method=parse_method(step["method"]),
                    predictors=tuple(step["predictors"]),
                )
                for step in given["steps"]
            )
            return cls(
                schema_fingerprint=str(given["schema_fingerprint"]),
                steps=steps,
                key_columns=tuple(given["key_columns"]),
                dropped_columns=tuple(given["dropped_columns"]),
            )
        except (KeyError, TypeError) as error:
            raise PlanError(f"not a synthesis plan: {type(error).__name__} at {error}") from None

    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON: equal exactly when two plans do the same.

        Returns
        -------
        str
        """
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
