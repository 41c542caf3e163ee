"""Keep pandas out of commands that have no use for it: it takes 45 MB and half a second."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

__all__ = ["keep_pandas_out"]


def keep_pandas_out() -> None:
    """Let Arrow find no pandas, now and later in this process.

    With its first array Arrow imports pandas wherever it is installed, to know a data frame when
    it is given one; it looks once and remembers. Whatever else imports pandas still can. Only the
    command does this, and only for files; a library must not change what Arrow does for its host
    program. Where cuDF is installed nothing is done: it hands data frames to Arrow.
    """
    if "pandas" in sys.modules or find_spec("cudf") is not None:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        import pyarrow as pa

        pa.array([None])
    finally:
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """A finder of modules that says of one that it is not there."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("Arrow is to do without", name=name)
