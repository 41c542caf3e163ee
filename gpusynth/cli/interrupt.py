"""Interrupt: Ctrl-C or SIGTERM in a run, with what can be done about it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["UNTOUCHED", "RunInterruptedError", "interruptible", "raise_dropped", "take_signals"]

UNTOUCHED = "interrupted; the output is as it was"

_came: list[int] = []
"""Signals that have come; a module that is being imported may drop what their handler raises."""


class RunInterruptedError(Exception):
    """A run was cut short by its user; its notes say how to go on."""


def take_signals() -> None:
    """Make an interrupt of SIGTERM, as of Ctrl-C where the shell does not want it ignored."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, _frame: Any) -> None:
    _came.append(number)
    raise KeyboardInterrupt


def raise_dropped() -> None:
    """Raise the interrupt that has come before, and that somebody must have dropped.

    Raises
    ------
    KeyboardInterrupt
    """
    if _came:
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn an interrupt into an error that keeps its notes: typer would make a bare code of it.

    Raises
    ------
    RunInterruptedError
    """
    try:
        raise_dropped()
        yield
    except KeyboardInterrupt as interrupt:
        notes = getattr(interrupt, "__notes__", ())
        error = RunInterruptedError(
            "interrupted; its finished work is kept" if notes else UNTOUCHED
        )
        for note in notes:
            error.add_note(note)
        raise error from None
