"""Interrupt: Ctrl-C or SIGTERM in a run, with what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["RunInterruptedError", "interruptible"]


class RunInterruptedError(Exception):
    """A run was cut short by its user; its notes say how to go on."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn an interrupt into an error that keeps its notes: typer would make a bare code of it.

    Raises
    ------
    RunInterruptedError
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        notes = getattr(interrupt, "__notes__", ())
        state = "its finished work is kept" if notes else "the output is as it was"
        error = RunInterruptedError(f"interrupted; {state}")
        for note in notes:
            error.add_note(note)
        raise error from None
