"""What a fitted model can do besides, where a CUDA device draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from gpusynth.methods.model import Block, TargetColumn

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees import DeviceDraw, DrawTable

__all__ = ["DeviceModel"]


@runtime_checkable
class DeviceModel(Protocol):
    """A fitted model that can leave what it draws in the memory of a CUDA device."""

    @property
    def target(self) -> TargetColumn:
        """The real column whose codes and numbers it draws."""
        ...

    def draw_on_device(
        self,
        table: DrawTable,
        key: StreamKey,
        block: Block,
        *,
        ordinary: tuple[DeviceDraw, int] | None = None,
    ) -> DeviceDraw:
        """Draw all rows of a block, with the random numbers of `FittedModel.draw`.

        Parameters
        ----------
        table : DrawTable
        key : StreamKey
        block : Block
            Without positions.
        ordinary : tuple of (DeviceDraw, int), optional
            The states that were drawn, and the number of special codes: rows that hold one keep it.

        Returns
        -------
        DeviceDraw
        """
        ...
