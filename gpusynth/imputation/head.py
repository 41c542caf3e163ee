"""Head of an imputation: what is pinned when it begins."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gpusynth.backends import DeviceName, FitterName
from gpusynth.engine import Resolved
from gpusynth.engine.checkpoint.head import Head
from gpusynth.engine.checkpoint.pins import CODECS_PIN, codec_fingerprint
from gpusynth.imputation.settings import ImputationSettings, ProperImputation
from gpusynth.imputation.setup import Setup
from gpusynth.methods import method_to_json, parse_method

__all__ = ["INPUT_PIN", "ImputationChoices", "ImputationHead", "imputation_pins"]

INPUT_PIN = "input data"
"""Name of the pin of the data."""


class ImputationChoices(BaseModel):
    """How missing values are imputed: `ImputationSettings` but for seed, threads and device.

    Parameters
    ----------
    n_imputations, iterations : int
    impute : dict of str to list, or None
    methods : dict of str to dict
        JSON form.
    predictors : dict of str to list of str
    visit : str or list of str
    proper : str
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_imputations: int
    iterations: int
    impute: dict[str, list[int | float | str | None]] | None
    methods: dict[str, Any]
    predictors: dict[str, list[str]]
    visit: str | list[str]
    proper: ProperImputation

    @classmethod
    def of(cls, settings: ImputationSettings) -> ImputationChoices:
        """Return the choices of settings.

        Returns
        -------
        ImputationChoices
        """
        impute = settings.impute
        return cls(
            n_imputations=settings.n_imputations,
            iterations=settings.iterations,
            impute=None
            if impute is None
            else {name: [_plain(code) for code in codes] for name, codes in impute.items()},
            methods={name: method_to_json(method) for name, method in settings.methods.items()},
            predictors={name: list(names) for name, names in settings.predictors.items()},
            visit=settings.visit if isinstance(settings.visit, str) else list(settings.visit),
            proper=settings.proper,
        )

    def settings(
        self, *, seed: int, threads: int | None, device: DeviceName, fitter: FitterName
    ) -> ImputationSettings:
        """Return the settings again.

        Returns
        -------
        ImputationSettings
        """
        given = self.model_dump()
        methods = {name: parse_method(method) for name, method in self.methods.items()}
        where = {"threads": threads, "device": device, "fitter": fitter}
        return ImputationSettings(**{**given, "methods": methods, "seed": seed, **where})


def _plain(code: Any) -> Any:
    """Return a code as Python has it: NumPy's numbers are no JSON."""
    return code.item() if hasattr(code, "item") else code


class ImputationHead(Head):
    """The first line of the journal of an imputation.

    Parameters
    ----------
    choices : ImputationChoices
        How missing values are imputed, and of which columns.
    n_syntheses : int
        Of each imputation.
    keep_imputations : bool
        Whether completed files are written.
    data_path : str or None
        Absolute; None where a table in memory was given.
    given : dict of str to str
        Files of the schema and the plan in the work directory -> SHA-256.
    """

    kind: Literal["imputation"] = "imputation"
    choices: ImputationChoices
    n_syntheses: int = Field(ge=0)
    keep_imputations: bool = True
    data_path: str | None = None
    given: dict[str, str] = Field(default_factory=dict)


def imputation_pins(resolved: Resolved, setup: Setup, fingerprint: str) -> dict[str, str]:
    """Return the fingerprints of what an imputation computes on.

    Parameters
    ----------
    resolved : Resolved
    setup : Setup
    fingerprint : str
        SHA-256 of the data.

    Returns
    -------
    dict of str to str
    """
    return {
        INPUT_PIN: fingerprint,
        "number of rows": str(setup.table.n_rows),
        "schema": resolved.schema.fingerprint(),
        "plan": resolved.plan.fingerprint(),
        CODECS_PIN: codec_fingerprint(setup.table.codecs),
    }
