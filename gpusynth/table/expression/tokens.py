"""Text of an expression -> tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gpusynth.errors import RuleSyntaxError
from gpusynth.table.expression.nodes import KEYWORDS
from gpusynth.table.expression.pointing import point_at

__all__ = ["MOST_CHARACTERS", "Token", "tokens_of"]

MOST_CHARACTERS = 100_000
"""Longest text of an expression: room for a list of all codes of an industry classification."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    |(?P<word>[^\W\d][\w.]*)
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    |(?P<mark>\*\*|==|!=|<>|<=|>=|&&|\|\||[-+*/^()<>=,&|!])
    """,
    re.VERBOSE,
)

_CURLY = "\u2018\u2019\u201c\u201d\u00b4"
"""Quotation marks as word processors write them."""

_SAME = {
    "**": "^",
    "==": "=",
    "<>": "!=",
    "&": "and",
    "&&": "and",
    "|": "or",
    "||": "or",
    "!": "not",
}
"""Spellings of R, SQL and Python, and the one that is kept."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression.

    Attributes
    ----------
    kind : {"number", "name", "quoted", "text", "mark", "end"}
        mark: operators, brackets and keywords; quoted: a name in backquotes.
    value : str
        Without quotes; keywords in lower case, operators in their kept spelling.
    start : int
        Place in the text.
    """

    kind: Literal["number", "name", "quoted", "text", "mark", "end"]
    value: str
    start: int


def tokens_of(text: str, place: str) -> list[Token]:
    """Cut an expression into tokens.

    Parameters
    ----------
    text : str
    place : str
        Where the expression stands, for messages.

    Returns
    -------
    list of Token
        The last one is the end.

    Raises
    ------
    RuleSyntaxError
        If a piece of the text is no token.
    """
    if len(text) > MOST_CHARACTERS:
        raise RuleSyntaxError(
            f"{place + ': ' if place else ''}the expression has {len(text):,} characters, at most "
            f"{MOST_CHARACTERS:,} are read; part it into several"
        )
    return [*_tokens(text, place), Token("end", "", len(text))]


def _tokens(text: str, place: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise RuleSyntaxError(point_at(text, position, _reason(text[position]), place=place))
        kind, written, stop = found.lastgroup, found[0], found.end()
        if kind == "number" and stop < len(text) and (text[stop].isalnum() or text[stop] in "_."):
            reason = "a number ends here; a column name like this one needs `backquotes`"
            raise RuleSyntaxError(point_at(text, stop, reason, place=place))
        if kind == "number":
            yield Token("number", written, position)
        elif kind == "word" and written.lower() in KEYWORDS:
            yield Token("mark", written.lower(), position)
        elif kind == "word":
            yield Token("name", written, position)
        elif kind == "mark":
            yield Token("mark", _SAME.get(written, written), position)
        elif kind in ("quoted", "text"):
            quote = written[0]
            inner = written[1:-1].replace(quote * 2, quote)
            yield Token("quoted" if kind == "quoted" else "text", inner, position)
        position = stop


def _reason(character: str) -> str:
    if character in "'\"`":
        return f"the {character} that begins here is never closed"
    if character in _CURLY:
        return "this quotation mark is not a plain one: use ' or \""
    return "this character has no meaning here; column names with such need `backquotes`"
