"""Wide ordered columns, a few classes: sixteen rows of a sorted list at a time.

A block of sixteen rows is turned into bits, one word for each class (which rows have it). The
running count of a class at each row is then the number of bits up to there, all sixteen at once,
and so are the sums of squares of both sides. Written in the compiler's own language, as
`vertical`, and for the same reason.

Two divisions a candidate would be most of the work. So a candidate is scored only when it can
reach the best score so far, which multiplications tell: ``l / n_l + r / n_r >= best`` where
``l n_r + r n_l >= best n_l n_r``. Both sides are rounded to 24 bits, hence a margin.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vectors import all_lanes, call, load_some, truths

__all__ = ["MOST_CLASSES", "MOST_ROWS", "scan_few_classes"]

MOST_CLASSES = 16
"""With more classes in the node, one row after the other is as quick. Speed only."""

MOST_ROWS = 32_768
"""The squares of so many rows, and sums of them, are below 2^31."""

_MARGIN = 1.0 + 2.0**-18
_SIZE = 16
_BIT = ir.IntType(1)
_INT = ir.IntType(32)
_LONG = ir.IntType(64)
_BITS = ir.VectorType(_BIT, _SIZE)
_INTS = ir.VectorType(_INT, _SIZE)
_LONGS = ir.VectorType(_LONG, _SIZE)
_FLOATS = ir.VectorType(ir.FloatType(), _SIZE)
_DOUBLES = ir.VectorType(ir.DoubleType(), _SIZE)
_FROM_ONE = ir.Constant(_INTS, list(range(1, _SIZE + 1)))
_UP_TO = ir.Constant(_INTS, [(2 << lane) - 1 for lane in range(_SIZE)])
_CODE = ir.Constant(_INTS, [1 << 16] * _SIZE)
_CLASS = ir.Constant(_INTS, [(1 << 16) - 1] * _SIZE)


def _codes_and_classes(builder: Any, entries: Any, is_there: Any) -> Any:
    """Return the upper halves of sixteen entries; zero beyond the last."""
    loaded = load_some(builder, _LONGS, entries, is_there)
    return builder.trunc(builder.lshr(loaded, ir.Constant(_LONGS, [32] * _SIZE)), _INTS)


def _word(builder: Any, lanes: Any) -> Any:
    """Return sixteen truths as the bits of a number."""
    return builder.zext(truths(builder, lanes), _INT)


def _count_block(
    builder: Any, classes: Any, own: Any, left: Any, right: Any, arrays: tuple[Any, ...]
) -> tuple[Any, Any]:
    """Return both sides' sums of squares after each of sixteen rows, and carry the counts on.

    `left` and `right` are the rows on both sides; what no class before it has is the last one's.
    """
    present, totals, so_far = arrays
    sums = [cgutils.alloca_once(builder, _INTS) for _ in range(2)]
    rest = [cgutils.alloca_once(builder, _INTS) for _ in range(2)]
    for place, side in zip(rest, (left, right), strict=True):
        builder.store(side, place)
    for place in sums:
        builder.store(ir.Constant(_INTS, [0] * _SIZE), place)

    def add_squares(sides: tuple[Any, Any]) -> None:
        for place, side in zip(sums, sides, strict=True):
            builder.store(builder.add(builder.load(place), builder.mul(side, side)), place)

    with cgutils.for_range(builder, builder.sub(present[1], ir.Constant(_LONG, 1))) as loop:
        number = builder.load(builder.gep(present[0], [loop.index]))
        total = builder.trunc(builder.load(builder.gep(totals, [number])), _INT)
        is_class = builder.icmp_unsigned(
            "==", classes, all_lanes(builder, _INTS, builder.trunc(number, _INT))
        )
        word = _word(builder, builder.and_(is_class, own))
        place = builder.gep(so_far, [loop.index])
        before = builder.load(place)
        up_to = builder.and_(all_lanes(builder, _INTS, word), _UP_TO)
        count = call(builder, "llvm.ctpop.v16i32", _INTS, up_to)
        count = builder.add(count, all_lanes(builder, _INTS, builder.trunc(before, _INT)))
        sides = count, builder.sub(all_lanes(builder, _INTS, total), count)
        add_squares(sides)
        for held, side in zip(rest, sides, strict=True):
            builder.store(builder.sub(builder.load(held), side), held)
        in_block = builder.zext(call(builder, "llvm.ctpop.i32", _INT, word), _LONG)
        builder.store(builder.add(before, in_block), place)
    add_squares((builder.load(rest[0]), builder.load(rest[1])))
    return builder.load(sums[0]), builder.load(sums[1])


def _may_reach(builder: Any, squares: tuple[Any, Any], rows: tuple[Any, Any], best: Any) -> Any:
    """Return which candidates may score `best` or more."""
    left, right, n_left, n_right = (builder.sitofp(side, _FLOATS) for side in (*squares, *rows))
    most = builder.fadd(builder.fmul(left, n_right), builder.fmul(right, n_left))
    most = builder.fmul(most, ir.Constant(_FLOATS, [_MARGIN] * _SIZE))
    bar = builder.fmul(
        builder.fmul(n_left, n_right),
        all_lanes(builder, _FLOATS, builder.fptrunc(best, ir.FloatType())),
    )
    return builder.fcmp_ordered(">=", most, bar)


def _score_bits(builder: Any, squares: tuple[Any, Any], rows: tuple[Any, Any], may: Any) -> Any:
    """Return `scalar.gain.gini_score` as whole numbers, which order alike; -1 where not asked."""
    left, right, n_left, n_right = (builder.sitofp(side, _DOUBLES) for side in (*squares, *rows))
    score = builder.fadd(builder.fdiv(left, n_left), builder.fdiv(right, n_right))
    none = ir.Constant(_LONGS, [-1] * _SIZE)
    return builder.select(may, builder.bitcast(score, _LONGS), none)


@intrinsic
def _best_cut(
    _context: Any,
    entries: Any,
    begin: Any,
    n: Any,
    min_leaf: Any,
    present: Any,
    totals: Any,
    so_far: Any,
    least: Any,
) -> Any:
    """As `scan_few_classes`; the score is negative when none is found."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, begin, n, min_leaf, _, _, _, least = arguments
        made = {
            at: context.make_array(signature.args[at])(context, builder, arguments[at])
            for at in (0, 4, 5, 6)
        }
        n_present = builder.extract_value(made[4].shape, 0)
        arrays = (made[4].data, n_present), made[5].data, made[6].data
        size, fewest = builder.trunc(n, _INT), builder.trunc(min_leaf, _INT)
        # The bits of a positive number, less one, are those of the next lower number.
        is_score = builder.fcmp_ordered(">", least, ir.Constant(ir.DoubleType(), 0.0))
        bar = builder.sub(builder.bitcast(least, _LONG), builder.zext(is_score, _LONG))
        best = cgutils.alloca_once_value(builder, bar)
        position = cgutils.alloca_once_value(builder, ir.Constant(_LONG, -1))
        n_blocks = builder.lshr(
            builder.add(n, ir.Constant(_LONG, _SIZE - 1)), ir.Constant(_LONG, 4)
        )
        with cgutils.for_range(builder, n_blocks) as loop:
            start = builder.shl(loop.index, ir.Constant(_LONG, 4))
            first = builder.add(begin, start)
            n_left = builder.add(all_lanes(builder, _INTS, builder.trunc(start, _INT)), _FROM_ONE)
            n_right = builder.sub(all_lanes(builder, _INTS, size), n_left)
            none = ir.Constant(_INTS, [0] * _SIZE)
            own = builder.icmp_signed(">=", n_right, none)
            here = _codes_and_classes(builder, builder.gep(made[0].data, [first]), own)
            after = builder.gep(made[0].data, [builder.add(first, ir.Constant(_LONG, 1))])
            after = _codes_and_classes(builder, after, builder.icmp_signed(">", n_right, none))
            may = builder.icmp_unsigned(">=", builder.xor(here, after), _CODE)
            for side in (n_left, n_right):
                enough = builder.icmp_signed(">=", side, all_lanes(builder, _INTS, fewest))
                may = builder.and_(may, enough)
            squares = _count_block(
                builder, builder.and_(here, _CLASS), own, n_left, n_right, arrays
            )
            rows = n_left, n_right
            so_good = builder.bitcast(builder.load(best), ir.DoubleType())
            may = builder.and_(may, _may_reach(builder, squares, rows, so_good))
            any_may = builder.icmp_unsigned("!=", _word(builder, may), ir.Constant(_INT, 0))
            with builder.if_then(any_may, likely=False):
                scores = _score_bits(builder, squares, rows, may)
                top = call(builder, "llvm.vector.reduce.smax.v16i64", _LONG, scores)
                with builder.if_then(builder.icmp_signed(">", top, builder.load(best))):
                    tops = builder.icmp_signed("==", scores, all_lanes(builder, _LONGS, top))
                    lane = builder.cttz(_word(builder, tops), ir.Constant(_BIT, 1))
                    lane = builder.add(builder.zext(lane, _LONG), ir.Constant(_LONG, 1))
                    builder.store(top, best)
                    builder.store(builder.add(first, lane), position)
        score = builder.bitcast(builder.load(best), ir.DoubleType())
        return context.make_tuple(builder, signature.return_type, [score, builder.load(position)])

    numbers = types.int64
    arguments = (entries, numbers, numbers, numbers, present, totals, so_far, types.float64)
    return types.Tuple((types.float64, numbers))(*arguments), generate


@jit
def scan_few_classes(
    entries: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    classes: Any,
    totals: Any,
    so_far: Any,
    least: Any,
) -> Any:
    """Find the best threshold of one column by Gini, for a node of a few classes.

    Parameters
    ----------
    entries : array of uint64 entries
        ``entries[begin:end]`` ascending by code; at most `MOST_ROWS` of them.
    classes : array of int64, shape (n_present,)
        The node's classes.
    totals : array of int64, shape (n_classes,)
        Rows by class.
    so_far : array of int64, shape (>= n_present,), work
    least : float
        A score that the cut must reach to matter; -1 for any.

    Returns
    -------
    score, position
        See `scan.scan_classes`; also -1 when no threshold reaches `least`.
    """
    for k in range(classes.shape[0]):
        so_far[k] = 0
    found: Any = _best_cut(entries, begin, end - begin, min_leaf, classes, totals, so_far, least)
    if found[1] < 0:
        return -1.0, -1
    return found
