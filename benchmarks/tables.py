"""Make README's table of benchmarks from ``benchmarks/results/*.json``.

python -m benchmarks.tables            print it
python -m benchmarks.tables --write    put it between the markers of README.md
python -m benchmarks.tables --check    fail when README.md says something else
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.evaluation_tables import EVALUATION_SECTIONS
from benchmarks.results_files import read_results

__all__ = ["BEGIN", "END", "main", "tables", "with_tables"]

BEGIN = "<!-- benchmarks -->"
END = "<!-- /benchmarks -->"

_ROOT = Path(__file__).resolve().parent.parent

Result = Mapping[str, Any]


def _size(result: Result) -> str:
    return f"{result['case']['rows']:,} x {result['case']['columns']}"


def _seconds(number: float) -> str:
    return (
        f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"
    )


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.0f}" if n_bytes >= 1e7 else f"{n_bytes / 1e6:.1f}"


def _times(factor: float) -> str:
    return f"{factor:.1f} x"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _memory(results: Sequence[Result]) -> str:
    head = (
        "rows x columns",
        "threads",
        "gpusynth: CPU s",
        "wall s",
        "scikit-learn loop: CPU s",
        "wall s",
        "less CPU",
        "less wall",
        "further replicate / fit",
        "peak MB",
    )
    rows = []
    for result in results:
        ours = result["phases"]["total"]
        further = result.get("further_replicate_over_fit")
        for peer in result.get("peers", [None]):
            rows.append(
                (
                    _size(result),
                    str(result["case"]["threads"]),
                    _seconds(ours["cpu"]),
                    _seconds(ours["wall"]),
                    *_peer_cells(peer),
                    "" if further is None else f"{further:.0%}",
                    _megabytes(result["peak_memory_bytes"]),
                )
            )
    title = (
        "Fit and draw of all variables, from codes in memory (compile and file time apart), "
        "against a loop over scikit-learn's trees in the same run:"
    )
    return f"{title}\n\n{_table(head, rows)}"


def _peer_cells(peer: Result | None) -> tuple[str, str, str, str]:
    if peer is None:
        return ("", "", "", "")
    total, factor = peer["phases"]["total"], peer["over_ours"]
    split = peer["min_samples_split"]
    return (
        f"{_seconds(total['cpu'])} (min_samples_split={split})",
        _seconds(total["wall"]),
        _times(factor["cpu"]),
        _times(factor["wall"]),
    )


def _files(results: Sequence[Result]) -> str:
    head = (
        "rows x columns",
        "threads",
        "replicates",
        "CPU s",
        "wall s",
        "s to the first fit",
        "peak MB",
        "encoded table MB",
    )
    rows = [
        (
            _size(result),
            str(result["case"]["threads"]),
            str(result["case"]["replicates"]),
            _seconds(result["phases"]["total"]["cpu"]),
            _seconds(result["phases"]["total"]["wall"]),
            _seconds(result["before_first_fit"]),
            _megabytes(result["peak_memory_bytes"]),
            _megabytes(result["encoded_bytes"]),
        )
        for result in results
    ]
    return f"The command line, Parquet to Parquet, the whole process:\n\n{_table(head, rows)}"


def _growth(results: Sequence[Result]) -> str:
    head = ("rows", "columns", "threads", "exponent of CPU time", "of wall time")
    rows = [
        (
            " -> ".join(f"{rows:,}" for rows in result["case"]["rows"]),
            str(result["case"]["columns"]),
            str(result["case"]["threads"]),
            f"{result['exponent']['cpu']:.2f}",
            f"{result['exponent']['wall']:.2f}",
        )
        for result in results
    ]
    return f"How time grows with rows (1 is in proportion):\n\n{_table(head, rows)}"


def _marginals(results: Sequence[Result]) -> str:
    head = (
        "rows x columns",
        "two-way tables",
        "threads",
        "gpusynth: CPU s",
        "wall s",
        "pandas: CPU s (scaled)",
        "less CPU",
        "less wall",
    )
    rows = [
        (
            f"{result['rows']:,} x {result['columns']}",
            f"{result['two_way_tables']:,}",
            str(result["threads"]),
            _seconds(result["two_way_seconds"]["cpu"]),
            _seconds(result["two_way_seconds"]["wall"]),
            _seconds(result["peer_two_way_seconds_scaled"]["cpu"]),
            _times(result["peer_over_ours"]["cpu"]),
            _times(result["peer_over_ours"]["wall"]),
        )
        for result in results
    ]
    title = "All two-way marginals of two files, against pandas' group-bys on a sample of pairs:"
    return f"{title}\n\n{_table(head, rows)}"


_SECTIONS: Mapping[str, Callable[[Sequence[Result]], str]] = {
    "memory": _memory,
    "files": _files,
    "growth": _growth,
    "marginals": _marginals,
    **EVALUATION_SECTIONS,
}


def _order(result: Result) -> tuple[int, int, int, str]:
    case = result.get("case", result)
    rows = case["rows"][0] if isinstance(case["rows"], list) else case["rows"]
    return rows, case["columns"], case["threads"], json.dumps(result, sort_keys=True)


def _measured_on(results: Sequence[Result]) -> str:
    machines = {
        f"{r['machine']['processor']}, {r['machine']['cores']} cores, Python "
        f"{r['versions']['python']}, NumPy {r['versions']['numpy']}, Numba {r['versions']['numba']}"
        for r in results
        if "machine" in r
    }
    return f"Measured on {'; '.join(sorted(machines))}." if machines else ""


def tables(results: Sequence[Result]) -> str:
    """Return all tables as Markdown, the same for the same results in any order.

    Raises
    ------
    ValueError
        For a benchmark that has no table.
    """
    unknown = {result["benchmark"] for result in results} - set(_SECTIONS)
    if unknown:
        raise ValueError(f"no table for the benchmarks {sorted(unknown)}")
    parts = []
    for benchmark, make in _SECTIONS.items():
        chosen = [result for result in results if result["benchmark"] == benchmark]
        if chosen:
            parts.append(make(sorted(chosen, key=_order)))
    return "\n\n".join([*parts, _measured_on(results)]).strip()


def with_tables(text: str, made: str) -> str:
    """Return a README with `made` between its markers.

    Raises
    ------
    ValueError
        If the markers are not there once each, in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the file needs the lines {BEGIN} and {END}, once each, in this order")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main(argv: Sequence[str] | None = None) -> None:
    """Print, write or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=_ROOT / "benchmarks" / "results")
    parser.add_argument("--readme", type=Path, default=_ROOT / "README.md")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true")
    action.add_argument("--check", action="store_true")
    arguments = parser.parse_args(argv)
    made = tables(read_results([arguments.results]))
    if not (arguments.write or arguments.check):
        print(made)
        return
    text = arguments.readme.read_text(encoding="utf-8")
    wanted = with_tables(text, made)
    if arguments.write:
        arguments.readme.write_text(wanted, encoding="utf-8")
    elif text != wanted:
        print(f"{arguments.readme.name} differs from the results: run --write")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
