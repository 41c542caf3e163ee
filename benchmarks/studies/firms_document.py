"""Tables of the study for docs/study-firms.md, made from the lines of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.studies.firms_tables import (
    Result,
    by_size,
    coefficients,
    counts,
    differences,
    figure,
    markdown_table,
    rare_outcome,
    size_of,
)

__all__ = ["blocks", "with_blocks"]


def _whole_file(results: Sequence[Result]) -> str:
    """Show k-marginals, components and rare answers, and what they took."""
    parts = []
    for group in by_size(results):
        head = [
            *("setting", "k = 2", "k = 3", "PCA: similarity", "PCA: overlap"),
            *("rare answers: rms z", "too often", "too seldom", "seconds"),
        ]
        first = group[0]["utility"]
        components = first["components"]
        rows = [
            [
                "a resample of the real file",
                *(f"{first[f'kmarginal_{k}']['expected']:.1f}" for k in (2, 3)),
                f"{components['expected_similarity']:.4f}",
                f"{components['expected_overlap']:.3f}",
                *("about 1", "0.1 %", "0.1 %", ""),
            ]
        ]
        for one in group:
            found, rare = one["utility"], one["rare"]
            rows.append(
                [
                    f"`{one['setting']}`",
                    *(f"{found[f'kmarginal_{k}']['score']:.1f}" for k in (2, 3)),
                    f"{found['components']['similarity']:.4f}",
                    f"{found['components']['overlap']:.3f}",
                    figure(rare["rms_z"], ".2f"),
                    *(
                        f"{rare[side]} of {rare['n_levels']}"
                        for side in ("too_often", "too_seldom")
                    ),
                    f"{one['synthesis_seconds']:.0f}",
                ]
            )
        parts.append(f"{size_of(group[0])}:\n\n{markdown_table(head, rows)}")
    return "\n\n".join(parts)


def _components(results: Sequence[Result]) -> str:
    """Show the variance along the real file's components."""
    parts = []
    for group in by_size(results):
        real = group[0]["utility"]["components"]["explained_real"]
        head = ["file", *(f"component {number}" for number in range(1, len(real) + 1)), "sum"]
        rows = [["real", *_shares(real)]]
        for one in group:
            explained = one["utility"]["components"]["explained_synthetic"]
            rows.append([f"`{one['setting']}`", *_shares(explained)])
        parts.append(f"{size_of(group[0])}:\n\n{markdown_table(head, rows)}")
    return "\n\n".join(parts)


def _shares(explained: Sequence[float]) -> list[str]:
    return [f"{share:.3f}" for share in (*explained, sum(explained))]


def _settings(results: Sequence[Result]) -> str:
    titles = {one["setting"]: one["title"] for one in results}
    return markdown_table(
        ["name", "setting"], [[f"`{name}`", title] for name, title in titles.items()]
    )


def _machine(results: Sequence[Result]) -> str:
    lines = sorted(
        {
            f"{one['machine']['processor']}, {one['machine']['cores']} cores, {one['threads']} "
            f"threads; gpusynth {one['versions']['gpusynth']}, Python {one['versions']['python']}, "
            f"NumPy {one['versions']['numpy']}, Numba {one['versions']['numba']}, statsmodels "
            f"{one['versions']['statsmodels']}"
            for one in results
        }
    )
    loads = [one["machine"]["load_before"] for one in results]
    busy = f"{min(loads):.1f} to {max(loads):.1f}" if None not in loads and loads else "unknown"
    return (
        f"Run on {'; '.join(lines)}. The machine was shared (load {busy} before each run), so the "
        "seconds are no measurement of speed."
    )


_MAKERS = {
    "settings": _settings,
    "coefficients": coefficients,
    "counts": counts,
    "differences": differences,
    "rare": rare_outcome,
    "file": _whole_file,
    "components": _components,
    "machine": _machine,
}


def blocks(results: Sequence[Result]) -> dict[str, str]:
    """Return the tables of the study as Markdown, by the names of their places.

    Parameters
    ----------
    results : sequence of dict
        Lines of `benchmarks.studies.firms.study`; lines of other benchmarks are passed over.

    Returns
    -------
    dict of str to str
    """
    own = [one for one in results if one["benchmark"] == "study_firms"]
    return {name: make(own) for name, make in _MAKERS.items()}


def with_blocks(text: str, made: Mapping[str, str]) -> str:
    """Return a document with every table between the lines that name its place.

    Parameters
    ----------
    text : str
    made : mapping of str to str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a place is not there once, or does not end.
    """
    for name, table in made.items():
        begin, end = f"<!-- firms: {name} -->", f"<!-- /firms: {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise ValueError(f"the file needs the lines {begin} and {end}, once each, in order")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{table}\n\n{end}{rest.split(end)[1]}"
    return text
