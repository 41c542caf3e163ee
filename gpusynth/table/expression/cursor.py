"""The tokens of an expression, the place among them, and the limits that hold for hostile text."""

from __future__ import annotations

from typing import Final, NoReturn, TypeVar

from gpusynth.errors import RuleSyntaxError
from gpusynth.table.expression.nodes import Node
from gpusynth.table.expression.pointing import point_at
from gpusynth.table.expression.tokens import Token, tokens_of

__all__ = ["MOST_DEEP", "MOST_NODES", "Cursor"]

MOST_DEEP: Final = 40
"""Deepest nesting of brackets, functions and signs; keeps far from Python's limit of recursion."""

MOST_NODES: Final = 20_000

_AnyNode = TypeVar("_AnyNode", bound=Node)


class Cursor:
    """State of one parse.

    Parameters
    ----------
    text : str
    place : str
        Where the expression stands, for messages.
    """

    def __init__(self, text: str, place: str) -> None:
        self.text = text
        self.place = place
        self.tokens = tokens_of(text, place)
        self.position = 0
        self.depth = 0
        self.n_nodes = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def error(self, token: Token, reason: str) -> RuleSyntaxError:
        """Build an error that points at a token."""
        return RuleSyntaxError(point_at(self.text, token.start, reason, place=self.place))

    def fail(self, token: Token, reason: str) -> NoReturn:
        """Raise an error that points at a token."""
        raise self.error(token, reason)

    def next_token(self) -> Token:
        """Take the next token, whatever it is."""
        token = self.token
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, *marks: str) -> Token | None:
        """Take the next token if it is one of the marks."""
        token = self.token
        if token.kind == "mark" and token.value in marks:
            self.position += 1
            return token
        return None

    def expect(self, mark: str, reason: str) -> Token:
        """Take the next token, which must be a mark."""
        token = self.accept(mark)
        if token is None:
            self.fail(self.token, reason)
        return token

    def made(self, node: _AnyNode) -> _AnyNode:
        """Count a node; hostile text cannot make more than the limit."""
        self.n_nodes += 1
        if self.n_nodes > MOST_NODES:
            reason = f"the expression has more than {MOST_NODES:,} parts; part it into several"
            raise RuleSyntaxError(point_at(self.text, node.start, reason, place=self.place))
        return node

    def deeper(self) -> None:
        """Begin a deeper level; the caller ends it by lowering `depth`."""
        self.depth += 1
        if self.depth > MOST_DEEP:
            self.fail(self.token, f"the expression is nested more than {MOST_DEEP} deep")
