"""Scores of candidate splits that are sets of rows (`rowsets`), by Gini and without weights.

Counts of at most 64 rows are exact in any arithmetic; scores are those of `scalar.gain`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vectors import all_lanes, call, load_eight, store_eight, truths

__all__ = ["best_set", "bound_levels", "cut_levels", "share_of_levels"]

_SIZE = 8
_MARGIN = 1.0 + 2.0**-40
_BIT = ir.IntType(1)
_LONG = ir.IntType(64)
_LONGS = ir.VectorType(_LONG, _SIZE)
_DOUBLE = ir.DoubleType()
_DOUBLES = ir.VectorType(_DOUBLE, _SIZE)
_NUMBERS = ir.Constant(_LONGS, list(range(_SIZE)))
_NONE = ir.Constant(_LONGS, [0] * _SIZE)


def _count(builder: Any, sets: Any) -> Any:
    return call(builder, "llvm.ctpop.v8i64", _LONGS, sets)


def _n_blocks(builder: Any, n: Any) -> Any:
    return builder.lshr(builder.add(n, ir.Constant(_LONG, _SIZE - 1)), ir.Constant(_LONG, 3))


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any, places: Any) -> Any:
    """Return where the data of some arguments lie."""
    return [
        context.make_array(signature.args[at])(context, builder, arguments[at]).data
        for at in places
    ]


def _load_double(builder: Any, data: Any, at: Any) -> Any:
    return builder.bitcast(load_eight(builder, data, at), _DOUBLES)


def _squares(builder: Any, sides: list[Any], own: Any, classes: tuple[Any, ...]) -> Any:
    """Return the sum of squares of the classes' rows for each side, eight sets at once.

    `sides` are the rows of the sets, and perhaps those of the node that they leave; `classes` the
    node's rows of each class, their numbers, and how many classes there are. What no class before
    it has is the last one's.
    """
    members, totals, n_classes = classes
    sums = [cgutils.alloca_once_value(builder, _NONE) for _ in sides]
    rest = [cgutils.alloca_once_value(builder, side) for side in sides]

    def add(place: Any, count: Any) -> None:
        builder.store(builder.add(builder.load(place), builder.mul(count, count)), place)

    with cgutils.for_range(builder, builder.sub(n_classes, ir.Constant(_LONG, 1))) as loop:
        member = builder.load(builder.gep(members, [loop.index]))
        count = _count(builder, builder.and_(own, all_lanes(builder, _LONGS, member)))
        counts = [count]
        if len(sides) > 1:
            total = builder.load(builder.gep(totals, [loop.index]))
            counts.append(builder.sub(all_lanes(builder, _LONGS, total), count))
        for square, left, here in zip(sums, rest, counts, strict=True):
            add(square, here)
            builder.store(builder.sub(builder.load(left), here), left)
    for square, left in zip(sums, rest, strict=True):
        add(square, builder.load(left))
    return [builder.load(place) for place in sums]


def _may_reach(builder: Any, measures: list[Any], best: Any) -> Any:
    """Return which candidates may score `best` or more: multiplications only, hence a margin."""
    right, left, n_right, n_left = measures
    most = builder.fadd(builder.fmul(left, n_right), builder.fmul(right, n_left))
    most = builder.fmul(most, ir.Constant(_DOUBLES, [_MARGIN] * _SIZE))
    bar = builder.fmul(builder.fmul(n_left, n_right), all_lanes(builder, _DOUBLES, best))
    return builder.fcmp_ordered(">=", most, bar)


def _take_best(builder: Any, bits: Any, names: Any, first: Any, found: tuple[Any, ...]) -> None:
    """Change score, name and place where one of eight is better, or as good with a lower name."""
    best, best_name, position = found
    top = call(builder, "llvm.vector.reduce.smax.v8i64", _LONG, bits)
    with builder.if_then(builder.icmp_signed(">=", top, builder.load(best))):
        is_top = builder.icmp_signed("==", bits, all_lanes(builder, _LONGS, top))
        name = load_eight(builder, names, first)
        name = builder.select(is_top, name, ir.Constant(_LONGS, [2**63 - 1] * _SIZE))
        low = call(builder, "llvm.vector.reduce.smin.v8i64", _LONG, name)
        better = builder.icmp_signed(">", top, builder.load(best))
        better = builder.or_(better, builder.icmp_signed("<", low, builder.load(best_name)))
        with builder.if_then(better):
            is_it = builder.icmp_signed("==", name, all_lanes(builder, _LONGS, low))
            lane = builder.cttz(truths(builder, is_it), ir.Constant(_BIT, 1))
            builder.store(top, best)
            builder.store(low, best_name)
            builder.store(builder.add(first, builder.zext(lane, _LONG)), position)


@intrinsic
def _best(
    _context: Any,
    sets: Any,
    names: Any,
    begin: Any,
    end: Any,
    members: Any,
    totals: Any,
    n_classes: Any,
    n: Any,
    min_leaf: Any,
    least: Any,
    least_name: Any,
) -> Any:
    """See `best_set`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        begin, end = arguments[2:4]
        n_classes, n, min_leaf, least, least_name = arguments[6:]
        sets, names, members, totals = _arrays(context, builder, signature, arguments, (0, 1, 4, 5))
        start = (builder.bitcast(least, _LONG), least_name, ir.Constant(_LONG, -1))
        found = tuple(cgutils.alloca_once_value(builder, value) for value in start)
        size = builder.sub(end, begin)
        with cgutils.for_range(builder, _n_blocks(builder, size)) as loop:
            number = builder.shl(loop.index, ir.Constant(_LONG, 3))
            first = builder.add(begin, number)
            own = load_eight(builder, sets, first)
            n_right = _count(builder, own)
            n_left = builder.sub(all_lanes(builder, _LONGS, n), n_right)
            squares = _squares(builder, [n_right, n_left], own, (members, totals, n_classes))
            measures = [builder.sitofp(x, _DOUBLES) for x in (*squares, n_right, n_left)]
            so_good = builder.bitcast(builder.load(found[0]), _DOUBLE)
            may = _may_reach(builder, measures, so_good)
            number = builder.add(all_lanes(builder, _LONGS, number), _NUMBERS)
            is_there = builder.icmp_signed("<", number, all_lanes(builder, _LONGS, size))
            may = builder.and_(may, is_there)
            for side in (n_right, n_left):
                enough = builder.icmp_signed(">=", side, all_lanes(builder, _LONGS, min_leaf))
                may = builder.and_(may, enough)
            any_may = builder.icmp_unsigned(
                "!=", truths(builder, may), ir.Constant(ir.IntType(8), 0)
            )
            with builder.if_then(any_may, likely=False):
                right, left, of_right, of_left = measures
                score = builder.fadd(builder.fdiv(left, of_left), builder.fdiv(right, of_right))
                none = ir.Constant(_LONGS, [-1] * _SIZE)
                bits = builder.select(may, builder.bitcast(score, _LONGS), none)
                _take_best(builder, bits, names, first, found)
        score = builder.bitcast(builder.load(found[0]), _DOUBLE)
        return context.make_tuple(builder, signature.return_type, [score, builder.load(found[2])])

    numbers = types.int64
    arguments = (sets, names, numbers, numbers, members, totals, numbers, numbers, numbers)
    result = types.Tuple((types.float64, numbers))
    return result(*arguments, types.float64, numbers), generate


@jit
def best_set(
    sets: Any,
    names: Any,
    begin: Any,
    end: Any,
    members: Any,
    totals: Any,
    n_classes: Any,
    n: Any,
    min_leaf: Any,
    least: Any,
    least_name: Any,
) -> Any:
    """Find the set that is the best right side of a split.

    Parameters
    ----------
    sets : array of uint64
        ``sets[begin:end]`` are candidates within the node; up to eight words more are read.
    names : array of int64
        Of equal scores the lowest name wins.
    members, totals : arrays of uint64 and int64, shape (>= n_classes,)
        The node's rows of each class, and how many they are.
    n, min_leaf : int
        Rows of the node, and those that each side must keep.
    least : float
        A score (not negative) that must be exceeded, or reached with a name lower than
        `least_name`.

    Returns
    -------
    score : float
        `scalar.gain.gini_score`; `least` when there is none.
    position : int
        In `sets`; -1 when there is none.
    """
    return _best(
        *(sets, names, begin, end, members, totals, n_classes, n, min_leaf, least, least_name)
    )


@intrinsic
def _bound(
    _context: Any, levels: Any, begin: Any, end: Any, members: Any, n_classes: Any, bounds: Any
) -> Any:
    """See `bound_levels`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, begin, end, _, n_classes, _ = arguments
        levels, members, bounds = _arrays(context, builder, signature, arguments, (0, 3, 5))
        with cgutils.for_range(builder, _n_blocks(builder, builder.sub(end, begin))) as loop:
            start = builder.shl(loop.index, ir.Constant(_LONG, 3))
            own = load_eight(builder, levels, builder.add(begin, start))
            rows = _count(builder, own)
            (squares,) = _squares(builder, [rows], own, (members, None, n_classes))
            squares, rows = (builder.sitofp(x, _DOUBLES) for x in (squares, rows))
            store_eight(builder, builder.fdiv(squares, rows), bounds, start)
        return context.get_dummy_value()

    numbers = types.int64
    return types.void(levels, numbers, numbers, members, numbers, bounds), generate


@jit
def bound_levels(
    levels: Any, begin: Any, end: Any, members: Any, n_classes: Any, bounds: Any
) -> None:
    """Set ``bounds[i]`` to ``sum_k c_k^2 / sum_k c_k`` of ``levels[begin + i]``.

    Their sum over the levels of a column bounds what it can score (see `marks.bound_of`). Up to
    eight words more are read and written.

    Parameters
    ----------
    levels : array of uint64
        Rows of the node with each code; none is empty.
    begin, end : int
    members, n_classes
        See `best_set`.
    bounds : array of float64, changed
    """
    _bound(levels, begin, end, members, n_classes, bounds)


@intrinsic
def _share(_context: Any, levels: Any, begin: Any, end: Any, rows: Any, keys: Any) -> Any:
    """See `share_of_levels`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, begin, end, rows, _ = arguments
        levels, keys = _arrays(context, builder, signature, arguments, (0, 4))
        with cgutils.for_range(builder, _n_blocks(builder, builder.sub(end, begin))) as loop:
            start = builder.shl(loop.index, ir.Constant(_LONG, 3))
            own = load_eight(builder, levels, builder.add(begin, start))
            part = builder.and_(own, all_lanes(builder, _LONGS, rows))
            part, whole = (builder.sitofp(_count(builder, x), _DOUBLES) for x in (part, own))
            store_eight(builder, builder.fdiv(part, whole), keys, start)
        return context.get_dummy_value()

    numbers = types.int64
    return types.void(levels, numbers, numbers, types.uint64, keys), generate


@jit
def share_of_levels(levels: Any, begin: Any, end: Any, rows: Any, keys: Any) -> None:
    """Set ``keys[i]`` to the share of ``levels[begin + i]`` that lies in a set of rows.

    As `bound_levels`; `keys` is an array of float64.
    """
    _share(levels, begin, end, rows, keys)


@intrinsic
def _cut(
    _context: Any,
    levels: Any,
    begin: Any,
    end: Any,
    keys: Any,
    rows: Any,
    name: Any,
    sets: Any,
    names: Any,
    to: Any,
) -> Any:
    """See `cut_levels`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        begin, end, _, rows, name, _, _, to = arguments[1:]
        levels, keys, sets, names = _arrays(context, builder, signature, arguments, (0, 3, 6, 7))
        m = builder.sub(end, begin)
        n_blocks = _n_blocks(builder, m)
        with cgutils.for_range(builder, n_blocks) as loop:
            start = builder.shl(loop.index, ir.Constant(_LONG, 3))
            key = _load_double(builder, keys, start)
            number = builder.add(all_lanes(builder, _LONGS, start), _NUMBERS)
            union = cgutils.alloca_once(builder, _LONGS)
            builder.store(_NONE, union)
            with cgutils.for_range(builder, m) as inner:
                other = builder.load(builder.gep(keys, [inner.index]))
                other = all_lanes(builder, _DOUBLES, other)
                level = builder.load(builder.gep(levels, [builder.add(begin, inner.index)]))
                before = all_lanes(builder, _LONGS, inner.index)
                before = builder.icmp_signed("<=", before, number)
                before = builder.and_(before, builder.fcmp_ordered("==", other, key))
                before = builder.or_(before, builder.fcmp_ordered("<", other, key))
                more = builder.select(before, all_lanes(builder, _LONGS, level), _NONE)
                builder.store(builder.or_(builder.load(union), more), union)
            left = builder.load(union)
            right = builder.and_(builder.not_(left), all_lanes(builder, _LONGS, rows))
            is_there = builder.icmp_signed("<", number, all_lanes(builder, _LONGS, m))
            store_eight(
                builder, builder.select(is_there, right, _NONE), sets, builder.add(to, start)
            )
            full = builder.or_(all_lanes(builder, _LONGS, name), _count(builder, left))
            store_eight(builder, full, names, builder.add(to, start))
        return builder.add(to, builder.shl(n_blocks, ir.Constant(_LONG, 3)))

    n = types.int64
    return n(levels, n, n, keys, types.uint64, n, sets, names, n), generate


@jit
def cut_levels(
    levels: Any,
    begin: Any,
    end: Any,
    keys: Any,
    rows: Any,
    name: Any,
    sets: Any,
    names: Any,
    to: Any,
) -> Any:
    """Write the cuts of a column's levels, put in order by key, as sets of rows that go right.

    Nothing is sorted: a cut behind a level leaves those on the left that come no later, equal ones
    by place, and each level asks all others.

    Parameters
    ----------
    levels : array of uint64
        ``levels[begin:end]``: rows of the node with each code of the column, codes ascending.
    keys : array of float64
        By level, from 0 on; a whole number of eights is read.
    rows : uint64
        The node.
    name : int
        To which the number of rows on the left is added: cuts of a column in order.
    sets, names : arrays of uint64 and int64, changed
        From `to` on, filled up to a whole number of eights with empty sets.

    Returns
    -------
    int
        Where they end.
    """
    return _cut(levels, begin, end, keys, rows, name, sets, names, to)
