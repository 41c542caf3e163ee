"""The expression language: rules, edits, passive variables and selections of rows.

Text is parsed into a checked tree (`parse_expression`), bound to the columns of a file
(`bind_expression`) and evaluated on blocks of codes and numbers; nothing is ever run as code.
It may import what `gpusynth.table` may.
"""

from gpusynth.table.expression.answers import AnswerCoder, CodedAnswers, answer_coder
from gpusynth.table.expression.bind import bind_expression
from gpusynth.table.expression.bound import BoundExpression, ExpressionKind
from gpusynth.table.expression.columns import Read
from gpusynth.table.expression.nodes import Statistic
from gpusynth.table.expression.parse import Expression, parse_expression

__all__ = [
    "AnswerCoder",
    "BoundExpression",
    "CodedAnswers",
    "Expression",
    "ExpressionKind",
    "Read",
    "Statistic",
    "answer_coder",
    "bind_expression",
    "parse_expression",
]
