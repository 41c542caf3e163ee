"""Allocation: room for the replicates of a run, on a device where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpusynth.engine.delivery.output_columns import output_schema
from gpusynth.engine.device import plan_device, result_bytes
from gpusynth.engine.draw.replicate import SyntheticRows, allocate
from gpusynth.engine.memory import Memory
from gpusynth.engine.real.prepared import Prepared
from gpusynth.engine.settings import RunSettings

__all__ = ["allocate_replicates"]


def allocate_replicates(
    prepared: Prepared,
    settings: RunSettings,
    numbers: Sequence[int],
    *,
    n_rows: int,
    memory: Memory,
    gives_cudf: bool,
    part: tuple[int, int] | None = None,
) -> list[SyntheticRows]:
    """Make room for replicates that are drawn side by side.

    Parameters
    ----------
    prepared : Prepared
    settings : RunSettings
    numbers : sequence of int
        Of the replicates, from 1.
    n_rows : int
        Of each replicate.
    memory : Memory
    gives_cudf : bool
        Whether the replicates become data frames of cuDF.
    part : tuple of (int, int), optional
        The rows that are drawn here; all by default.

    Returns
    -------
    list of SyntheticRows

    Raises
    ------
    DeviceMemoryError
        If the device has too little memory for one fit and the draw of one block.
    OutputError
        If columns must go to the disk and do not fit there.
    """
    place: dict[str, Any] = {}
    if prepared.backend.on_device:
        own = 0
        if gives_cudf or settings.io == "cudf":
            schema, n_all = output_schema(prepared.resolved), n_rows * len(numbers)
            own = result_bytes(schema, n_all, as_frames=gives_cudf)
        plan = plan_device(prepared, n_rows, n_replicates=len(numbers), result_bytes=own)
        place = {
            "new_table": plan.new_table(),
            "block_rows": plan.block_rows,
            "room": plan.new_room(),
        }
    return allocate(
        prepared.table,
        prepared.predictors.layout,
        prepared.start,
        n_rows,
        numbers,
        seed=settings.seed,
        memory=memory,
        has_start=bool(prepared.plan.kept) or prepared.plan.partial is not None,
        part=part,
        **place,
    )
