"""Run measures one after the other: what cannot be computed is noted, never silently left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from gpusynth.errors import BackendUnavailableError, IncomputableMetricError
from gpusynth.evaluate.results import NotComputed

__all__ = ["QUICK", "Attempts", "Listener"]

QUICK = "left out because quick results were asked for"

T = TypeVar("T")


class Listener(Protocol):
    """Told what is being measured; `gpusynth.cli` shows it."""

    def start(self, phase: str, work: int | None) -> None:
        """Begin a measure."""
        ...


class Attempts:
    """Runs measures and keeps the reasons of those that failed.

    Parameters
    ----------
    listener : Listener, optional

    Attributes
    ----------
    not_computed : list of NotComputed
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self.not_computed: list[NotComputed] = []

    def run(self, measure: str, compute: Callable[[], T]) -> T | None:
        """Return what `compute` returns, or None after noting why it cannot.

        Parameters
        ----------
        measure : str
            For people.
        compute : callable

        Returns
        -------
        object or None
        """
        if self._listener is not None:
            self._listener.start(measure, None)
        try:
            return compute()
        except (IncomputableMetricError, BackendUnavailableError) as error:
            self.leave_out(measure, str(error))
            return None

    def leave_out(self, measure: str, reason: str) -> None:
        """Note a measure that was not tried.

        Parameters
        ----------
        measure, reason : str
        """
        self.not_computed.append(NotComputed(measure=measure, reason=" ".join(reason.split())))
