"""Progress and tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from gpusynth.cli.interrupt import raise_dropped

__all__ = ["ProgressDisplay", "console", "new_table", "seconds_text", "visible"]

_LINE_SECONDS = 10.0
"""A log gets a line when a phase begins and then at most one in this time."""


_ASCII_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))}
_ONE_LINE = _ASCII_CONTROLS
_LINES = {number: text for number, text in _ASCII_CONTROLS.items() if chr(number) not in "\n\t"}


def visible(text: str, *, one_line: bool = False) -> str:
    r"""Write control characters out, as ``\x1b``: names and levels may not steer a terminal.

    Parameters
    ----------
    text : str
    one_line : bool
        Write out ends of lines and tabs as well.

    Returns
    -------
    str
    """
    return text.translate(_ONE_LINE if one_line else _LINES)


class _PlainConsole(Console):
    """A console on which text cannot steer the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        shown = [visible(one) if isinstance(one, str) else one for one in objects]
        super().print(*shown, **options)


class _PlainTable(Table):
    """A table in which text cannot steer the terminal."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        shown = [visible(one, one_line=True) if isinstance(one, str) else one for one in cells]
        super().add_row(*shown, **options)


def console(*, stderr: bool = False) -> Console:
    """Return a console that shows text as it is; wide in logs, so that tables are whole.

    Returns
    -------
    rich.console.Console
    """
    out = _PlainConsole(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out.width = 160
    return out


def new_table(*headings: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table; columns in `numbers` are set to the right.

    Returns
    -------
    rich.table.Table
    """
    table = _PlainTable(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        justify = "right" if heading in numbers else "left"
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def seconds_text(seconds: float) -> str:
    """Return seconds as people read them: 0.42 s, 12 s, 3:05 min, 2:03 h.

    Returns
    -------
    str
    """
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"


_TELLING_SHARE = 0.05
"""Of a phase's work: before it is done, the time left would be a wild guess."""


class ProgressDisplay:
    """A run's progress on stderr: a live bar on a terminal, plain lines elsewhere.

    It is a `gpusynth.engine.Listener` and a context manager.

    Parameters
    ----------
    out : rich.console.Console
    """

    def __init__(self, out: Console) -> None:
        self._console = out
        self._progress: Progress | None = None
        if out.is_terminal:
            columns = ("phase", "label", "speed", "left")
            text = [TextColumn(f"{{task.fields[{name}]}}") for name in columns]
            self._progress = Progress(text[0], BarColumn(), *text[1:], console=out, transient=True)
            self._task = self._progress.add_task(
                "", total=None, phase="", label="", speed="", left=""
            )
        self._phase = ""
        self._work: int | None = None
        self._restart()

    def _restart(self) -> None:
        self._done = 0
        self._rows = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def start(self, phase: str, work: int | None) -> None:
        """Begin a phase, unless the user has ended the command before."""
        raise_dropped()
        self._phase, self._work = phase, work
        self._restart()
        if self._progress is None:
            self._console.print(phase)
        else:
            self._progress.reset(
                self._task, total=work, phase=f"{phase:<14}", label="", speed="", left=""
            )

    def advance(self, label: str, *, work: int, rows: int) -> None:
        """Show how far the phase has come."""
        self._done += work
        self._rows += rows
        now = time.monotonic()
        spent = max(now - self._began, 1e-9)
        speed = f"{self._rows / spent:,.0f} rows/s"
        left = ""
        if self._work and self._done > _TELLING_SHARE * self._work:
            left = f"{seconds_text(max(self._work - self._done, 0) * spent / self._done)} left"
        if self._progress is not None:
            self._progress.update(
                self._task,
                completed=self._done,
                label=f"{visible(label, one_line=True):<20.20}",
                speed=speed,
                left=left,
            )
        elif now - self._said >= _LINE_SECONDS:
            self._said = now
            share = f"{100 * self._done / self._work:.0f} %" if self._work else ""
            parts = [part for part in (share, label, speed, left) if part]
            self._console.print(f"{self._phase}: {', '.join(parts)}")
