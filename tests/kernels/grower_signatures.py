"""Types that CUDA kernels with tuples are launched with: the grower's, and those of tallies."""

from numba import types

_UINT8, _UINT32, _UINT64 = types.uint8[::1], types.uint32[::1], types.uint64[::1]
_INT32, _INT64, _FLOAT64 = types.int32[::1], types.int64[::1], types.float64[::1]
_RECORDS = types.uint32[:, ::1]
_INTEGER = types.int64


def _tuple(*members):
    return types.BaseTuple.from_types(members)


_SPLITS = _tuple(*[_INT64] * 4)
_TARGET = _tuple(_INT64, _INT64)
_ASKED = _tuple(_INTEGER, _UINT8, _INT32)
_EMIT = _tuple(_UINT32, _INT64, _INT64)
_RESULT = _tuple(_FLOAT64, _INT64, _INT64)
_WORK = (types.int64[:, ::1], types.float64[:, ::1])

_UINT16 = types.uint16[::1]
_NUMBERS = _tuple(*[types.uint64] * 3)

SIGNATURES = {
    "runs.mark_runs": (*(_INTEGER, _UINT64, _INT64, _INT64, _INT32, _INT64, _UINT8),),
    "runs.place_runs": (_UINT64, _UINT8, _INT32, _INT64, _INT32),
    "runs.weights_in_order": (_UINT64, _INT64, _INT64),
    "runs.describe_nodes": (_INTEGER, _INT64, _INT64, _INT32, *[_INT64] * 4, _FLOAT64),
    "offer.draw_columns": (types.uint64, _UINT64, _INTEGER, _UINT64),
    "offer.offer_columns": (_UINT64, _INTEGER, _INTEGER, _UINT8),
    "offer.paths_of_children": (types.uint64, _UINT64, _UINT64),
    "partition.pack_codes": (types.uint16[::1], _INTEGER, _INTEGER, _INTEGER, _RECORDS),
    "partition.mark_present": (_RECORDS, _UINT64, _INT32, _INT32, _SPLITS, _UINT32),
    "partition.finish_subsets": (_INT64, _INT64, _INT64, _UINT8, _tuple(_UINT32, _UINT32)),
    "partition.mark_sides": (
        *(_RECORDS, _UINT64, _INT32, _INT32, _SPLITS, _INT64, _UINT32, _UINT8),
    ),
    "partition.move_entries": (
        *(_UINT64, _INT32, _INT32, _tuple(_INT64, _INT64), _UINT8, _INT32, _INT32),
        _tuple(_UINT64, _INT32),
    ),
    "histogram.count_codes": (
        *(_INTEGER, _RECORDS, _UINT64, _INT32, _TARGET, _tuple(*[_INT64] * 3)),
        *(_tuple(*[_INT64] * 4), _tuple(*[_INT64] * 5), _INTEGER, _ASKED),
        _tuple(_INT32, _INT64),
    ),
    "histogram.subtract_siblings": (
        *(_INTEGER, _tuple(*[_INT64] * 6), _tuple(*[_INT64] * 6), _tuple(_INT32, _INT32)),
        *(_INTEGER, _tuple(_INT32, _INT64), _tuple(_INT32, _INT64, _INTEGER)),
    ),
    "search_tables.search_tables": (
        *(_INTEGER, _tuple(*[_INT64] * 5), _tuple(*[_INT64] * 4), _INTEGER),
        *(_tuple(_INT32, _INT64, _INTEGER), _INTEGER, _INT64, _ASKED, _EMIT),
        *(_tuple(*_WORK), _RESULT),
    ),
    "search_rows.search_rows": (
        *(_INTEGER, _RECORDS, _UINT64, _INT64, _TARGET, _tuple(*[_INT64] * 5)),
        *(_tuple(*[_INT64] * 8), _INTEGER, _INT64, _ASKED, _EMIT),
        *(_tuple(*_WORK, types.int32[:, ::1]), _RESULT),
    ),
    "search_cuts.search_cuts": (
        *(_INTEGER, _tuple(*[_INT64] * 5), _tuple(*[_INT64] * 4), _INTEGER),
        *(_tuple(_INT32, _INT64, _INTEGER), _INTEGER, _INT64, _ASKED, _RESULT),
    ),
    "search_few.search_few": (
        *(_INTEGER, _RECORDS, _UINT64, _INT64, _TARGET, _tuple(*[_INT64] * 5)),
        *(_tuple(*[_INT64] * 7), _INTEGER, _INT64, _ASKED, _RESULT),
    ),
    "choose.choose_columns": (
        *(_INTEGER, _RESULT, _FLOAT64, _tuple(_INT32, _INT64, _INT64, _FLOAT64)),
    ),
    "tallies.draw_codes": (
        *(_INT32, _INT64, _tuple(*[_INT64] * 4), _tuple(_INT64, _UINT16, _UINT16, _INT64)),
        *(_NUMBERS, types.uint8[::1]),
    ),
    "tallies.draw_numbers": (
        *(_UINT16, _INT64, _tuple(_FLOAT64, _FLOAT64), _INTEGER, types.float64, types.float64),
        *(_NUMBERS, _FLOAT64),
    ),
    "tallies.draw_whole_numbers": (
        *(_UINT16, _INT64, _tuple(_INT64, _FLOAT64), _INTEGER, types.float64),
        *(_NUMBERS, _INT64),
    ),
}
