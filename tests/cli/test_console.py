"""Progress and numbers for people."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gpusynth.cli import console
from gpusynth.cli.console import ProgressDisplay, seconds_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.424, "0.42 s"),
        (12.3, "12 s"),
        (185, "3:05 min"),
        (119.6, "2:00 min"),
        (7380, "2:03 h"),
    ],
)
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text


def show(*, terminal: bool) -> str:
    out = io.StringIO()
    screen = Console(file=out, force_terminal=terminal, width=120, highlight=False)
    with ProgressDisplay(screen) as display:
        display.start("read", None)
        display.advance("", work=10, rows=10)
        display.start("fit and draw", 4)
        for name in ("sector", "staff"):
            display.advance(name, work=1, rows=1_000_000)
    return out.getvalue()


def test_a_log_gets_a_line_a_phase():
    assert show(terminal=False).splitlines() == ["read", "fit and draw"]


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(console, "_LINE_SECONDS", 0.0)
    lines = show(terminal=False).splitlines()
    assert lines[1].startswith("read: ")
    assert lines[4].startswith("fit and draw: 50 %, staff, ")
    assert lines[4].endswith(" left")
    assert "rows/s" in lines[4]


def test_a_terminal_gets_a_bar():
    shown = show(terminal=True)
    assert "\x1b[" in shown
    assert all(word in shown for word in ("fit and draw", "rows/s", "left"))
