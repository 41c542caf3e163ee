"""Standard output and error of the command, whatever they are joined to.

A run of hours must not end because nobody reads its progress any more (``| head``, a terminal that
was closed), nor because a terminal cannot show the letters of a name.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from gpusynth.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["steady_streams"]

_STANDARD = ((1, "stdout"), (2, "stderr"))


def steady_streams() -> None:
    r"""Exchange ``sys.stdout`` and ``sys.stderr`` for streams that outlive their readers.

    What nobody reads is dropped, and the command goes on. A result that cannot be written for
    another reason, such as a full disk, is an `OutputError`; progress and messages on stderr are
    dropped then, too. Letters that the encoding lacks are written as ``\u8868``. Streams that were
    closed lead nowhere: else the next file to be opened would take their numbers.
    """
    for number in range(3):
        _open_closed(number)
    for number, name in _STANDARD:
        old: TextIO | None = getattr(sys, name)
        if old is not None:
            old.flush()
        file = _SteadyFile(number, must_arrive=name == "stdout")
        stream = io.TextIOWrapper(
            io.BufferedWriter(file),
            encoding="utf-8" if old is None else old.encoding,
            errors="backslashreplace",
            line_buffering=name == "stderr" or file.isatty(),
        )
        setattr(sys, name, stream)


def _open_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        os.set_inheritable(number, True)  # noqa: FBT003 - it takes no keyword


class _SteadyFile(io.FileIO):
    """A standard stream whose writes go nowhere once one has failed."""

    def __init__(self, number: int, *, must_arrive: bool) -> None:
        super().__init__(number, "wb", closefd=False)
        self._must_arrive = must_arrive
        self._is_lost = False

    def write(self, text: ReadableBuffer, /) -> int:
        """Write bytes, or drop them.

        Raises
        ------
        OutputError
            If a result cannot be written though somebody waits for it; once.
        """
        if not self._is_lost:
            try:
                return super().write(text)
            except OSError as error:
                self._is_lost = True
                if self._must_arrive and not isinstance(error, BrokenPipeError):
                    raise OutputError(
                        f"standard output cannot be written: {error.strerror}. Free some space or "
                        "send it elsewhere."
                    ) from None
        return memoryview(text).nbytes
