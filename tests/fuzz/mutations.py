"""Mutations of corpus files: bytes, tokens and the values inside JSON, for where atheris is not."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TOKENS = [
    *(b"[", b"]", b"{", b"}", b"(", b")", b'"', b"'", b"\\", b",", b"=", b".", b"#", b"\n", b"\r"),
    *(b"\x00", b"\x1b", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"nan", b"inf", b"-1", b"1e999"),
    *(b"9" * 400, b"9" * 5000, b"null", b"true", b"../", b"\\ud800", b"1979-05-27", b"0x", b"`"),
    *(b"[" * 200, b"(" * 200, b"not " * 200, b"-" * 200, b"a." * 200),
]
VALUES: list = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1 << 63,
        1 << 70,
        10**400,
        0.5,
        -0.0,
        1e308,
        math.inf,
        math.nan,
        "",
        "x",
        "..",
        "a/b",
    ),
    *("\x00", "\ud800", "x" * 300, [], {}, [[]], [None], {"x": None}, ["a", 1], "nan", "1e999"),
]


def seeds(name: str) -> list[bytes]:
    """Return the corpus of a target: the parts of its files between lines of dashes."""
    return [
        part
        for path in sorted(CORPUS.glob(f"{name}.txt"))
        for part in path.read_bytes().split(b"\n-----\n")
    ]


def mutated(name: str, n: int, seed: int) -> Iterator[bytes]:
    """Yield the corpus of a target and then `n` mutations of it."""
    given = seeds(name)
    yield from given
    source = random.Random(f"{name}{seed}")
    trees = [tree for part in given if (tree := _tree(part)) is not None]
    for _ in range(n):
        if trees and source.random() < 0.7:
            yield _changed_tree(source.choice(trees), source)
        else:
            yield _changed_bytes(source.choice(given), source)


def _tree(part: bytes) -> object:
    try:
        return json.loads(part)
    except ValueError:
        return None


def _changed_bytes(content: bytes, source: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(source.choice((1, 1, 2, 4, 8))):
        at = source.randrange(len(made) + 1)
        end = min(at + source.choice((0, 1, 2, 8, 40)), len(made))
        what = source.random()
        if what < 0.4:
            made[at:end] = source.choice(TOKENS)
        elif what < 0.6:
            del made[at:end]
        elif what < 0.8 and made:
            other = source.randrange(len(made))
            made[at:end] = made[other : other + source.choice((1, 5, 30))]
        else:
            made[at:end] = bytes([source.randrange(256)])
    return bytes(made)


def _changed_tree(tree: object, source: random.Random) -> bytes:
    changed = json.loads(json.dumps(tree))
    for _ in range(source.choice((1, 1, 2, 3))):
        places = [(changed, key) for key in _keys(changed)]
        at = 0
        while at < len(places):
            inner = places[at][0][places[at][1]]
            places.extend((inner, key) for key in _keys(inner))
            at += 1
        if not places:
            break
        holder, key = source.choice(places)
        what = source.random()
        if what < 0.7:
            holder[key] = deepcopy(source.choice(VALUES))
        elif what < 0.8:
            del holder[key]
        elif what < 0.9:
            other, place = source.choice(places)
            with_it = json.dumps(other[place])
            holder[key] = json.loads(with_it)
        elif isinstance(holder, dict):
            holder[source.choice(("x", "", "format", "name", "\x1b"))] = deepcopy(
                source.choice(VALUES)
            )
    return json.dumps(changed).encode()


def _keys(inner: object) -> list:
    if isinstance(inner, dict):
        return list(inner)
    return list(range(len(inner))) if isinstance(inner, list) else []
