"""The verdict: what is in line, what is off, and against which baseline."""

from __future__ import annotations

import pytest

from gpusynth.evaluate.figures import Band, Figure, FigureGroup
from gpusynth.report import verdict


def telling_apart(evaluation, name, value, expected):
    """Return the verdict on one model's AUC."""
    figure = Figure(
        name=name,
        text="AUC",
        value=Band(mean=value, lowest=value, highest=value),
        expected=expected,
        expected_text="no difference",
        direction="lower",
    )
    group = FigureGroup(
        name="propensity", title="Telling rows apart", reading="", figures=(figure,)
    )
    changed = evaluation.model_copy(update={"utility": (group,)})
    (found,) = [one for one in verdict(changed) if one.topic == "Telling rows apart"]
    return found


@pytest.mark.parametrize(
    ("name", "value", "expected", "status"),
    [
        ("boosting_auc", 0.55, 0.5, "good"),
        ("boosting_auc", 0.65, 0.5, "look"),
        ("boosting_auc", 0.8, 0.5, "poor"),
        # a tree that tells permuted labels apart as well has found nothing
        ("cart_auc", 0.78, 0.76, "good"),
        ("cart_auc", 0.95, 0.62, "poor"),
        ("logit_auc", 0.9, None, "plain"),
    ],
)
def test_telling_rows_apart_goes_by_what_chance_gives(wide, name, value, expected, status):
    found = telling_apart(wide, name, value, expected)
    assert found.status == status
    assert ("no difference" in found.baseline) == (expected is not None)
