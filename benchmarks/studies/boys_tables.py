"""The study's tables: ours beside the paper's, with Monte Carlo errors, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.studies.boys_discrimination import TERMS
from benchmarks.studies.boys_measures import PAIRS, RULES
from benchmarks.studies.boys_published import (
    CONFUSION,
    CORRELATION_BIAS,
    CORRELATIONS,
    DESCRIPTIVES,
    DISCRIMINATION,
    MODELS,
    STATISTICS,
)
from benchmarks.studies.boys_results import (
    Results,
    covers,
    goals,
    more_biased,
    more_correlated,
    more_off,
)
from benchmarks.studies.boys_tally import Figure

__all__ = ["report", "with_report"]

BEGIN = "<!-- boys -->"
END = "<!-- /boys -->"

_TITLES = {
    "ols": "Table 4: hgt ~ age + phb, linear",
    "ordered": "Table 5: gen ~ age + hc + reg, proportional odds",
}


def report(results: Mapping[str, Any]) -> str:
    """Return all tables of the study.

    Parameters
    ----------
    results : mapping
        What `benchmarks.studies.boys.collect` returns.
    """
    procedures = {name: Results(results, name) for name in results["procedures"]}
    known = procedures["cart"]
    parts = [
        _summary(procedures),
        _heading("Table 2: descriptives", _descriptives(known)),
        _heading("Table 3: correlations", _correlations(known)),
        *(_heading(title, _model(known, kind)) for kind, title in _TITLES.items()),
        _heading("Tables 4 and 5 by procedure", _by_procedure(procedures)),
        _heading("Table 6: logit of being a synthetic row", _logit(known)),
        _heading("Table 7: predictions of these logits", _confusion(procedures)),
    ]
    return "\n\n".join(parts)


def with_report(text: str, made: str) -> str:
    """Return a document with `made` between its markers.

    Raises
    ------
    ValueError
        If the markers are not there once each, in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the file needs the lines {BEGIN} and {END}, once each, in this order")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END)[1]}"


def _summary(procedures: Mapping[str, Results]) -> str:
    rows = [
        ["procedure", "samples", "CPU s each", "of it synthesis", "CPU minutes", "wall minutes"]
    ]
    rows[0].append("models not fitted")
    for name, known in procedures.items():
        seconds = known.seconds
        failed = sum(known.count(f"{model}/failed") for model in (*_TITLES, "logit"))
        rows.append(
            [
                name,
                f"{known.samples:,}",
                f"{seconds['cpu'] / known.samples:.2f}",
                f"{seconds['synthesis_cpu'] / known.samples:.3f}",
                f"{seconds['cpu'] / 60:.1f}",
                f"{seconds['wall'] / 60:.1f}",
                str(failed),
            ]
        )
    met = [["goals met", "figures", *procedures]]
    each = {name: goals(known) for name, known in procedures.items()}
    for goal, (n, _) in each["cart"].items():
        met.append([goal, str(n), *(str(n - len(one[goal][1])) for one in each.values())])
    return f"{_table(rows)}\n\n{_table(met)}"


def _by_procedure(procedures: Mapping[str, Results]) -> str:
    """Return coverage by the paper's rule, bias, and spread over that of the bootstrap samples."""
    rows = [["term", "bootstrap", *procedures, "paper: bootstrap", "synthetic"]]
    paths = [(kind, term) for kind in MODELS for term in MODELS[kind]]
    for kind, term in paths:
        cells = []
        for known in procedures.values():
            found = known[f"{kind}/{RULES[0]}/{term}/error"]
            spread = found.error / known[f"{kind}/bootstrap/{term}/error"].error
            cover = known[f"{kind}/{RULES[0]}/{term}/covered"].mean
            cells.append(f"{cover:.3f} ({_signed(found.mean, 3)}, {spread:.2f})")
        published = MODELS[kind][term]
        rows.append(
            [
                term.replace("|", "\\|"),
                f"{procedures['cart'][f'{kind}/bootstrap/{term}/covered'].mean:.3f}",
                *cells,
                f"{published['bootstrap_coverage']:.3f}",
                f"{published['coverage']:.3f} ({_signed(published['bias'], 3)})",
            ]
        )

    def mean(known: Results, side: str) -> str:
        total = sum(known[f"{kind}/{side}/{term}/covered"].mean for kind, term in paths)
        return f"{total / len(paths):.3f}"

    theirs = (
        sum(MODELS[kind][term][name] for kind, term in paths) / len(paths)
        for name in ("bootstrap_coverage", "coverage")
    )
    for rule in RULES:
        cells = [mean(known, rule) for known in procedures.values()]
        paper = [f"{one:.3f}" for one in theirs] if rule == RULES[0] else ["", ""]
        rows.append([f"mean, `{rule}`", mean(procedures["cart"], "bootstrap"), *cells, *paper])
    return _table(rows)


def _heading(title: str, body: str) -> str:
    return f"### {title}\n\n{body}"


def _descriptives(known: Results) -> str:
    rows = [["column", "of", *STATISTICS]]
    for name, (published, published_made) in DESCRIPTIVES.items():
        true = [known.truth[f"describe/{name}/{one}"] for one in STATISTICS]
        rows.append([name, "true data", *(f"{value:.2f}" for value in true)])
        for side in ("bootstrap", "synthetic"):
            cells = [_signed(known[f"describe/{side}/{name}/{one}"].mean, 2) for one in STATISTICS]
            if side == "synthetic":
                cells = [
                    f"{cell} !" if more_off(known, name, one) else cell
                    for cell, one in zip(cells, STATISTICS, strict=True)
                ]
            rows.append(["", f"{side}, bias", *cells])
        theirs = (published_made[one] - published[one] for one in STATISTICS)
        rows.append(["", "paper's synthetic, bias", *(_signed(value, 2) for value in theirs)])
    return _table(rows)


def _correlations(known: Results) -> str:
    rows = [["pair", "true", "bootstrap bias", "synthetic bias", "paper: true", "bias"]]
    for left, right in PAIRS:
        bootstrap = known[f"correlation/bootstrap/{left}/{right}"]
        made = known[f"correlation/synthetic/{left}/{right}"]
        mark = " !" if more_correlated(known, left, right) else ""
        rows.append(
            [
                f"{left}, {right}",
                f"{known.truth[f'correlation/{left}/{right}']:.3f}",
                _with_error(bootstrap, 4),
                _with_error(made, 4) + mark,
                f"{CORRELATIONS[left, right]:.3f}",
                _signed(CORRELATION_BIAS[left, right], 3),
            ]
        )
    return _table(rows)


def _model(known: Results, kind: str) -> str:
    head = ["term", "true", "bootstrap bias", "cov", "synthetic bias"]
    head += [f"cov, `{rule}`" for rule in RULES]
    head += ["width", "paper: true", "bootstrap cov", "bias", "cov"]
    rows = [head]
    for term, published in MODELS[kind].items():
        bootstrap = known[f"{kind}/bootstrap/{term}/error"]
        made = known[f"{kind}/{RULES[0]}/{term}/error"]
        width, real_width = (
            known[f"{kind}/{side}/{term}/half_width"].mean for side in (RULES[0], "bootstrap")
        )
        covered = []
        for rule in RULES:
            name = f"{kind}/{rule}/{term}/covered"
            mark = "" if covers(known, name, f"{kind}/bootstrap/{term}") else " !"
            covered.append(f"{known[name].mean:.3f}{mark}")
        rows.append(
            [
                term.replace("|", "\\|"),
                f"{known.truth[f'{kind}/{term}']:.3f}",
                _with_error(bootstrap, 3),
                f"{known[f'{kind}/bootstrap/{term}/covered'].mean:.3f}",
                _with_error(made, 3) + (" !" if more_biased(known, kind, term) else ""),
                *covered,
                f"{width / real_width:.2f}",
                f"{published['estimate']:.3f}",
                f"{published['bootstrap_coverage']:.3f}",
                _signed(published["bias"], 3),
                f"{published['coverage']:.3f}",
            ]
        )
    return _table(rows)


def _logit(known: Results) -> str:
    columns = ("estimate", "standard_error", "statistic", "p_value")
    head = ["term", "estimate", "standard error", "statistic", "p", "p < 0.05"]
    rows = [[*head, *(f"paper: {name}" for name in head[1:5])]]
    for term in TERMS:
        found = {name: known[f"logit/{term}/{name}"] for name in (*columns, "rejected")}
        rows.append(
            [
                term,
                _with_error(found["estimate"], 3),
                *(f"{found[name].mean:.3f}" for name in (*columns[1:], "rejected")),
                *(f"{DISCRIMINATION[term][name] + 0.0:.2f}" for name in columns),
            ]
        )
    return _table(rows)


def _confusion(procedures: Mapping[str, Results]) -> str:
    columns = [("cart", "held_out", "rows held out"), ("cart", "fitted", "rows fitted")]
    columns.append(("cart", "reference", "reference: two replicates, rows fitted"))
    if "aligned" in procedures:
        columns += [("aligned", "held_out", "aligned, held out"), ("aligned", "fitted", "fitted")]
    rows = [["", *(title for *_, title in columns), "paper"]]
    for name, published in CONFUSION.items():
        found = (procedures[one][f"confusion/{case}/{name}"] for one, case, _ in columns)
        rows.append(
            [name.replace("_", " "), *(_with_error(one, 4) for one in found), f"{published:.4f}"]
        )
    return _table(rows)


def _with_error(found: Figure, digits: int) -> str:
    # One digit more for the error, which says what the last digit of the figure is worth.
    return f"{_signed(found.mean, digits)} ({found.error:.{digits}f})"


def _signed(value: float, digits: int) -> str:
    shown = f"{value:.{digits}f}"
    return shown.removeprefix("-") if float(shown) == 0.0 else shown


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(rows[0])} |"
    yield f"| {' | '.join(['---'] * len(rows[0]))} |"
    for row in rows[1:]:
        yield f"| {' | '.join(row)} |"
