"""Seeds of imputations: random streams that no synthesis with the same seed shares.

The user's seed gives seeds of its own, by the stream of purpose IMPUTE with all else 0:

- counter 0: the seed of all imputations. Under it a stream's word reads replicate = imputation
  (from 1), stratum = iteration (0 for the first fill), step = 2 c + 1 for the states and 2 c + 2
  for the numbers of column c (from 0, in file order), or 2 c + 1 where one step draws both; the
  purpose is the method's own, and the counter is the row of the file;
- counter i: the seed of the syntheses of imputation i, which `gpusynth.synthesize` takes as it is.
"""

from __future__ import annotations

from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = ["draw_key", "imputation_seed", "synthesis_seed"]


def imputation_seed(seed: int) -> int:
    """Return the seed of the random numbers of all imputations.

    Parameters
    ----------
    seed : int
        The user's.

    Returns
    -------
    int
        64 bits.
    """
    return _seed(seed, 0)


def synthesis_seed(seed: int, imputation: int) -> int:
    """Return the seed with which an imputation is synthesized.

    Parameters
    ----------
    seed : int
        The user's.
    imputation : int
        From 1.

    Returns
    -------
    int
        64 bits.
    """
    return _seed(seed, imputation)


def draw_key(seed: int, *, imputation: int, iteration: int, step: int) -> StreamKey:
    """Return the key of one fit and draw.

    Parameters
    ----------
    seed : int
        From `imputation_seed`.
    imputation : int
        From 1.
    iteration : int
        From 1; 0 for the first fill.
    step : int

    Returns
    -------
    StreamKey
    """
    return StreamKey(seed, replicate=imputation, stratum=iteration, step=step)


def _seed(seed: int, counter: int) -> int:
    return int(random_bits(StreamKey(seed, purpose=Purpose.IMPUTE), counter, 1)[0, 0])
