"""Views of arrays that Numba does not count references to.

Numba counts references to every array that a kernel takes out of a tuple, with atomic operations:
a third of the time of growing small nodes. A view without a counter costs nothing. The array itself
must outlive the view: use it only on arguments.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["bare"]


@intrinsic
def bare(_typing_context: Any, array: Any) -> Any:
    """Return the same array (inside kernels only) without a reference to its memory."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        view = cgutils.create_struct_proxy(array)(context, builder, value=arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        return view._getvalue()

    return array(array), generate
