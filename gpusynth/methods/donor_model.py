"""DonorModel: a fitted model that can say which real row each synthetic row was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from gpusynth.arrays import Array
from gpusynth.methods.donor_minimums import DonorMethod
from gpusynth.methods.model import Block, DrawnColumns, FittedModel, Method, StepTarget

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees import DonorPool

__all__ = ["DonorModel", "donor_cap", "donor_model", "target_of"]


class DonorModel(Protocol):
    """A fitted model whose draws are answers of real rows."""

    @property
    def pools(self) -> tuple[DonorPool, ...]:
        """The donors that may stand for each other."""
        ...

    def draw_donors(
        self, drawn: DrawnColumns, key: StreamKey, block: Block
    ) -> tuple[Array, Array | None]:
        """Draw the donors alone, with the random numbers of `FittedModel.draw`.

        Parameters
        ----------
        drawn : DrawnColumns
        key : StreamKey
        block : Block

        Returns
        -------
        tuple of (real rows (n_drawn,), pools (n_drawn,) or None)
            Which of `pools` each was drawn from; None for the first.
        """
        ...


def donor_cap(method: Method) -> int | None:
    """Return how often a method uses one donor at most; None for no cap.

    Parameters
    ----------
    method : Method

    Returns
    -------
    int or None
    """
    if isinstance(method, DonorMethod):
        return method.max_donor_uses
    within = getattr(method, "within", None)
    return None if within is None else donor_cap(within)


def donor_model(model: FittedModel) -> DonorModel:
    """Return a model of a method that has a cap as what it is.

    Parameters
    ----------
    model : FittedModel
        Of `cart`, `sample`, `bag` or `forest`, or groups of those.

    Returns
    -------
    DonorModel
    """
    return cast(DonorModel, model)


def target_of(model: FittedModel) -> StepTarget:
    """Return the real column that a model's donors hand on.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    StepTarget
    """
    own: Any = model
    found: StepTarget = getattr(own, "target_of_donors", None) or own.target
    return found
