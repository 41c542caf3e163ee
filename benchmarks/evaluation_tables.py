"""README's tables of what it takes to evaluate synthetic files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["EVALUATION_SECTIONS"]

Result = Mapping[str, Any]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _size(result: Result) -> str:
    return f"{result['case']['rows']:,} x {result['case']['columns']}"


def _marginals(results: Sequence[Result]) -> str:
    head = ("rows x columns, both sides", "marginals", "CPU s", "wall s", "peak MB")
    rows = [
        (
            _size(result),
            f"all 1- and 2-way, {result['case']['three_way']} 3-way",
            f"{result['phases']['total']['cpu']:.1f}",
            f"{result['phases']['total']['wall']:.1f}",
            f"{result['peak_memory_bytes'] / 1e6:,.0f}",
        )
        for result in results
    ]
    return f"k-marginals of two Parquet files, reading included:\n\n{_table(head, rows)}"


def _against_sdnist(results: Sequence[Result]) -> str:
    head = ("rows x columns", "pairs", "CPU s", "SDNist's loop: CPU s (scaled)", "less CPU")
    rows = [
        (
            _size(result),
            f"{result['pairs']:,}",
            f"{result['phases']['score']['cpu']:.2f}",
            f"{result['loop_scaled_to_all_pairs']['cpu']:.0f}",
            f"{result['over_ours_from_codes']['cpu']:.0f} x",
        )
        for result in results
    ]
    title = "The k-marginal score of all pairs from codes, against SDNist's loop over pandas:"
    return f"{title}\n\n{_table(head, rows)}"


def _disclosure(results: Sequence[Result]) -> str:
    head = (
        "rows x columns, with a holdout",
        "measures",
        "CPU s",
        "wall s",
        "closest records: wall s",
    )
    rows = [
        (
            _size(result),
            f"{len(result['seconds'])}",
            f"{result['total']['cpu']:.0f}",
            f"{result['total']['wall']:.0f}",
            f"{result['seconds']['closest records']['wall']:.0f}",
        )
        for result in results
    ]
    return f"Every disclosure measure, all synthetic rows compared:\n\n{_table(head, rows)}"


EVALUATION_SECTIONS: Mapping[str, Callable[[Sequence[Result]], str]] = {
    "evaluate marginals": _marginals,
    "evaluate against SDNist": _against_sdnist,
    "evaluate_disclosure": _disclosure,
}
"""Name of the benchmark -> the table of its results."""
