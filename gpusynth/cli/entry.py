"""Where the command begins: ready for an interrupt before anything large is imported."""

from __future__ import annotations

import os
import sys

from gpusynth.cli.interrupt import UNTOUCHED, take_signals

__all__ = ["run"]


def run() -> None:
    """Entry point of the command; never returns."""
    take_signals()
    try:
        from gpusynth.cli import main
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {UNTOUCHED}\n")
        sys.stderr.flush()
        os._exit(130)
    main.run()
