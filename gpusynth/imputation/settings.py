"""How missing values are imputed: what a user may choose, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from gpusynth.backends import DeviceName, FitterName
from gpusynth.engine.settings import available_threads, check_device, whole_number
from gpusynth.errors import PlanError
from gpusynth.methods import Method

__all__ = ["ImputationSettings", "ImputationVisit", "MissingCodes", "ProperImputation"]

MissingCodes: TypeAlias = Sequence[str | int | float | None]
"""What stands for an answer that is to be imputed: missing codes of the schema, and None for a
blank (null or NaN)."""

ProperImputation: TypeAlias = Literal["bootstrap", "none"]
"""bootstrap: every fit is on a bootstrap sample of the answered rows. none: on the rows."""

ImputationVisit: TypeAlias = Literal["missing", "file"]
"""missing: ascending number of missing answers, ties in file order. file: file order."""

_RANGES = {
    "n_imputations": (1, (1 << 16) - 1),  # 16 bits of a stream name one (gpusynth.streams)
    "iterations": (1, 10_000),
    "seed": (0, (1 << 64) - 1),
    "threads": (1, 1024),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImputationSettings:
    """How missing values are imputed.

    Parameters
    ----------
    n_imputations : int
        Completed files (m).
    iterations : int
        Rounds over all incomplete columns.
    seed : int
        64 bits.
    impute : mapping of str to sequence, optional
        Column -> `MissingCodes`; blanks of all columns by default.
    methods : mapping of str to Method
        Column -> method where the imputation is to use another than the plan.
    predictors : mapping of str to sequence of str
        Column -> columns that may predict it; all others where it is not named.
    visit : "missing", "file" or sequence of str
    proper : {"bootstrap", "none"}
    threads : int, optional
    device : {"cpu", "cuda", "auto"}
        Never changes a byte of the result.
    fitter : {"histogram", "cuml", "auto"}
        What grows trees; cuml's are other trees.

    Raises
    ------
    PlanError
        If a number or word is out of range; the message names it.
    """

    n_imputations: int = 5
    iterations: int = 10
    seed: int = 0
    impute: Mapping[str, MissingCodes] | None = None
    methods: Mapping[str, Method] = field(default_factory=dict)
    predictors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    visit: ImputationVisit | Sequence[str] = "missing"
    proper: ProperImputation = "bootstrap"
    threads: int | None = None
    device: DeviceName = "cpu"
    fitter: FitterName = "auto"

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            number = getattr(self, name)
            if number is not None or name != "threads":
                object.__setattr__(self, name, whole_number(name, number, low, high))
        if self.proper not in get_args(ProperImputation):
            raise PlanError(f"proper must be bootstrap or none, got {self.proper!r}")
        check_device(self.device, self.fitter)
        if isinstance(self.visit, str) and self.visit not in get_args(ImputationVisit):
            raise PlanError('visit must be "missing", "file" or a list of column names')

    @property
    def n_threads(self) -> int:
        """Number of threads to use."""
        return available_threads() if self.threads is None else self.threads
