"""Fuzz one target: ``python -m tests.fuzz.run TARGET [--seconds N] [--mutate] [--seed N]``.

With atheris (``pip install atheris``) coverage guides it; ``--mutate`` needs nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import mkdtemp


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutate", action="store_true")
    given = parser.parse_args()
    if given.mutate:
        return mutate(given.target, given.seconds, given.seed)
    return guided(given.target, given.seconds, given.seed)


def mutate(name: str, seconds: int, seed: int) -> int:
    """Run mutations and print each new kind of failure once."""
    import traceback

    from tests.fuzz.mutations import mutated
    from tests.fuzz.targets import TARGETS

    found: dict[str, bytes] = {}
    slowest, n_run, began = 0.0, 0, time.monotonic()
    for content in mutated(name, 1 << 62, seed):
        before = time.monotonic()
        if before - began > seconds:
            break
        try:
            TARGETS[name](content)
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            kind = "".join(traceback.format_exc().splitlines(keepends=True)[-4:])
            if kind not in found:
                found[kind] = content
                sys.stdout.write(f"--- {name}: {content[:300]!r}\n{kind}\n")
        n_run += 1
        slowest = max(slowest, time.monotonic() - before)
    sys.stdout.write(
        f"{name}: {n_run} runs, {len(found)} kinds of failure, slowest {slowest:.2f} s\n"
    )
    return 1 if found else 0


def guided(name: str, seconds: int, seed: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["gpusynth"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.mutations import seeds

    corpus = Path(mkdtemp(prefix="gpusynth-corpus-"))
    for number, part in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(part)
    options = [f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-rss_limit_mb=2000"]
    atheris.Setup([sys.argv[0], *options, "-max_len=20000", str(corpus)], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
