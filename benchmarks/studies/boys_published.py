"""What the paper prints: Volker and Vink (2021), tables 2 to 7.

Volker, T. B. and Vink, G. (2021). Anonymiced Shareable Data: Using mice to Create and Analyze
Multiply Imputed Synthetic Datasets. Psych 3(4), 703-716. https://doi.org/10.3390/psych3040045.
Their boys are another single imputation of mice's ``boys``, so that "true" differs a little from
ours; synthetic figures compare as differences from "true".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

__all__ = [
    "CONFUSION",
    "CORRELATIONS",
    "CORRELATION_BIAS",
    "DESCRIPTIVES",
    "DISCRIMINATION",
    "MODELS",
    "STATISTICS",
]

Row: TypeAlias = Mapping[str, float]

STATISTICS = ("mean", "sd", "median", "min", "max", "skew", "kurtosis")

_TABLE_2: Mapping[str, tuple[Sequence[float], Sequence[float]]] = {
    "age": (
        (9.16, 6.89, 10.50, 0.04, 21.18, -0.03, -1.56),
        (9.15, 6.89, 10.49, 0.04, 20.96, -0.03, -1.55),
    ),
    "hgt": (
        (131.10, 46.52, 145.75, 50.00, 198.00, -0.30, -1.47),
        (131.06, 46.50, 145.32, 50.69, 197.16, -0.30, -1.47),
    ),
    "wgt": (
        (37.12, 26.03, 34.55, 3.14, 117.40, 0.38, -1.03),
        (37.09, 26.00, 34.44, 3.35, 112.26, 0.38, -1.03),
    ),
    "bmi": (
        (18.04, 3.04, 17.45, 11.73, 31.74, 1.14, 1.79),
        (18.05, 3.08, 17.48, 11.49, 32.37, 1.11, 1.85),
    ),
    "hc": (
        (51.62, 5.86, 53.10, 33.70, 65.00, -0.91, 0.12),
        (51.61, 5.86, 53.18, 34.38, 62.85, -0.91, 0.12),
    ),
    "gen": (
        (2.53, 1.59, 2.00, 1.00, 5.00, 0.52, -1.36),
        (2.53, 1.59, 2.00, 1.00, 5.00, 0.52, -1.35),
    ),
    "phb": (
        (2.75, 1.86, 2.00, 1.00, 6.00, 0.56, -1.25),
        (2.75, 1.86, 2.00, 1.00, 6.00, 0.56, -1.24),
    ),
    "tv": (
        (8.43, 8.12, 3.00, 1.00, 25.00, 0.85, -0.78),
        (8.42, 8.11, 3.19, 1.00, 25.00, 0.85, -0.77),
    ),
    "reg": (
        (3.02, 1.14, 3.00, 1.00, 5.00, -0.08, -0.77),
        (3.02, 1.14, 3.00, 1.00, 5.00, -0.08, -0.76),
    ),
}


def _row(numbers: Sequence[float]) -> Row:
    return MappingProxyType(dict(zip(STATISTICS, numbers, strict=True)))


DESCRIPTIVES: Mapping[str, tuple[Row, Row]] = MappingProxyType(
    {name: (_row(true), _row(made)) for name, (true, made) in _TABLE_2.items()}
)
"""Table 2: column -> statistics of the true and of the synthetic data. Levels are numbered from 1.
"""

CORRELATIONS: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("age", "hgt"): 0.976,
        ("age", "wgt"): 0.950,
        ("age", "bmi"): 0.627,
        ("age", "hc"): 0.853,
        ("age", "tv"): 0.810,
        ("hgt", "wgt"): 0.944,
        ("hgt", "bmi"): 0.596,
        ("hgt", "hc"): 0.907,
        ("hgt", "tv"): 0.754,
        ("wgt", "bmi"): 0.791,
        ("wgt", "hc"): 0.834,
        ("wgt", "tv"): 0.817,
        ("bmi", "hc"): 0.588,
        ("bmi", "tv"): 0.610,
        ("hc", "tv"): 0.623,
    }
)
"""Table 3: of the true data."""

CORRELATION_BIAS: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        **dict.fromkeys(CORRELATIONS, 0.0),
        ("age", "hgt"): 0.001,
        ("age", "bmi"): 0.009,
        ("age", "tv"): 0.002,
        ("hgt", "wgt"): 0.001,
        ("hgt", "bmi"): 0.013,
        ("wgt", "bmi"): 0.009,
        ("bmi", "hc"): 0.009,
        ("bmi", "tv"): 0.007,
    }
)
"""Table 3: bias of the synthetic data."""

_COLUMNS_4 = ("estimate", "bootstrap_bias", "bootstrap_coverage", "bias", "coverage")


def _model(rows: Mapping[str, Sequence[float]]) -> Mapping[str, Row]:
    return MappingProxyType(
        {term: dict(zip(_COLUMNS_4, row, strict=True)) for term, row in rows.items()}
    )


MODELS: Mapping[str, Mapping[str, Row]] = MappingProxyType(
    {
        "ols": _model(
            {
                "(Intercept)": (63.087, -0.001, 0.970, 0.405, 0.958),
                "age": (7.174, 0.000, 0.958, -0.033, 0.947),
                "phb.L": (-12.250, 0.008, 0.950, 0.582, 0.927),
                "phb.Q": (-1.376, -0.022, 0.926, 0.112, 0.934),
                "phb.C": (-3.564, 0.051, 0.915, 0.301, 0.912),
                "phb^4": (-0.431, 0.016, 0.930, 0.106, 0.940),
                "phb^5": (2.064, 0.060, 0.941, 0.077, 0.943),
            }
        ),
        "ordered": _model(
            {
                "age": (0.461, 0.004, 0.942, 0.002, 0.939),
                "hc": (-0.188, -0.000, 0.929, -0.004, 0.945),
                "regeast": (-0.339, 0.012, 0.960, 0.092, 0.957),
                "regwest": (0.486, 0.009, 0.952, -0.122, 0.944),
                "regsouth": (0.646, 0.012, 0.966, -0.152, 0.943),
                "regcity": (-0.069, 0.012, 0.940, 0.001, 0.972),
                "G1|G2": (-6.322, 0.032, 0.934, -0.254, 0.946),
                "G2|G3": (-4.501, 0.052, 0.936, -0.246, 0.945),
                "G3|G4": (-3.842, 0.058, 0.937, -0.244, 0.948),
                "G4|G5": (-2.639, 0.064, 0.936, -0.253, 0.947),
            }
        ),
    }
)
"""Tables 4 (lm hgt ~ age + phb) and 5 (polr gen ~ age + hc + reg)."""

_COLUMNS_6 = ("estimate", "standard_error", "statistic", "degrees_of_freedom", "p_value")
_TABLE_6: Mapping[str, Sequence[float]] = {
    "(Intercept)": (0.22, 1.15, 0.19, 521.93, 0.60),
    "wgt": (0.00, 0.02, 0.25, 420.19, 0.60),
    "hgt": (-0.00, 0.01, -0.18, 359.73, 0.60),
    "age": (-0.00, 0.05, -0.00, 345.73, 0.62),
    "hc": (0.00, 0.03, 0.11, 415.44, 0.61),
    "gen.L": (-0.00, 0.42, -0.00, 164.76, 0.65),
    "gen.Q": (-0.01, 0.21, -0.04, 203.38, 0.63),
    "gen.C": (-0.00, 0.16, -0.02, 239.63, 0.64),
    "gen^4": (0.01, 0.21, 0.01, 237.41, 0.63),
    "phb.L": (-0.02, 0.44, -0.04, 156.54, 0.64),
    "phb.Q": (-0.01, 0.22, -0.02, 198.20, 0.64),
    "phb.C": (0.00, 0.18, 0.00, 211.17, 0.62),
    "phb^4": (0.00, 0.18, 0.02, 228.51, 0.64),
    "phb^5": (0.00, 0.20, 0.02, 248.57, 0.63),
    "tv": (0.00, 0.02, 0.01, 264.26, 0.63),
    "regeast": (-0.00, 0.23, 0.01, 210.90, 0.64),
    "regwest": (-0.00, 0.22, -0.00, 221.14, 0.63),
    "regsouth": (-0.01, 0.22, -0.02, 226.10, 0.64),
    "regcity": (0.01, 0.27, 0.03, 204.15, 0.64),
    "bmi": (-0.02, 0.06, -0.26, 320.18, 0.61),
}

DISCRIMINATION: Mapping[str, Row] = MappingProxyType(
    {term: dict(zip(_COLUMNS_6, row, strict=True)) for term, row in _TABLE_6.items()}
)
"""Table 6: logit of being a synthetic row on every column."""

CONFUSION: Row = MappingProxyType(
    {
        "accuracy": 0.50381,
        "balanced_accuracy": 0.50381,
        "kappa": 0.00762,
        "mcnemar_p": 0.63187,
        "sensitivity": 0.50368,
        "specificity": 0.50394,
        "prevalence": 0.50000,
    }
)
"""Table 7: of the predictions of these logits."""
