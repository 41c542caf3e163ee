"""Seeds of files that are synthesized together: streams that no two files or rounds share.

The user's seed gives seeds of its own, by the stream of purpose LINK whose step is the number of
the file (from 1, by name) and whose replicate is that of the replicate:

- replicate 0, counter 0: the seed with which a file is fitted, and a file on top is drawn as
  `gpusynth.synthesize` does, with the replicate in the streams;
- replicate r, counter k: the seed of round k (from 1) of replicate r of a file with a parent. Under
  it the streams read replicate 1, and the counter is the row of the round.
"""

from __future__ import annotations

from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = ["file_seed", "round_seed"]


def file_seed(seed: int, file: int) -> int:
    """Return the seed of a file.

    Parameters
    ----------
    seed : int
        The user's.
    file : int
        From 1, in the order of the names.

    Returns
    -------
    int
        64 bits.
    """
    return _seed(StreamKey(seed, step=file, purpose=Purpose.LINK), 0)


def round_seed(seed: int, file: int, *, replicate: int, number: int) -> int:
    """Return the seed of a round of siblings.

    Parameters
    ----------
    seed : int
        The user's.
    file : int
        From 1, in the order of the names.
    replicate : int
        From 1.
    number : int
        Of the round, from 1.

    Returns
    -------
    int
        64 bits.
    """
    key = StreamKey(seed, replicate=replicate, step=file, purpose=Purpose.LINK)
    return _seed(key, number)


def _seed(key: StreamKey, counter: int) -> int:
    return int(random_bits(key, counter, 1)[0, 0])
