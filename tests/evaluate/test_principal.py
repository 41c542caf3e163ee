"""Principal components: against an expanded file, angles, overlaps, baselines."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.utility.principal import principal_components
from gpusynth.evaluate.utility.principal_encoding import encode, moments, project
from tests.evaluate.mixed_files import mixed_codes, mixed_table, weighted_copies

REAL, SYNTHETIC = mixed_table(1000, 1), mixed_table(900, 2, effect=0.2)


@pytest.fixture(scope="module")
def codes():
    return mixed_codes(REAL, SYNTHETIC, holdout=mixed_table(1000, 3))


def expanded(table, encoding) -> np.ndarray:
    return np.concatenate([part.values[part.codes(table)] for part in encoding.parts], axis=1)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("transform", ["signed_log", "none"])
def test_moments_equal_those_of_the_expanded_file(weighted, transform):
    codes = mixed_codes(REAL, SYNTHETIC, weighted=weighted)
    encoding = encode(codes.real, max_levels=3, transform=transform)
    for table in (codes.real, codes.synthetic[0]):
        x = expanded(table, encoding)
        mean, covariance = moments(table, encoding)
        weight = None if table.weight is None else table.weight / 2.0**40
        assert mean == pytest.approx(np.average(x, axis=0, weights=weight), abs=1e-9)
        expected = np.cov(x.T, aweights=weight, ddof=0)
        assert np.allclose(covariance, expected, rtol=0, atol=1e-9)


def test_every_part_has_variance_one():
    """Complete columns, so that no number stands at the mean for want of an answer."""
    complete = REAL.set_column(3, "sales", REAL["sales"].fill_null(1.0))
    codes = mixed_codes(complete, SYNTHETIC)
    encoding = encode(codes.real, max_levels=20, transform="none")
    _, covariance = moments(codes.real, encoding)
    spans = [slice(*encoding.offsets[i : i + 2]) for i in range(len(encoding.parts))]
    variances = [np.trace(covariance[span, span]) for span in spans]
    names = [codes.real.names[part.column] for part in encoding.parts]
    assert names == ["sector", "region", "staff", "staff", "sales"]
    missing = complete["staff"].to_pylist().count(-8) / 1000
    assert variances == pytest.approx([1, 1, 1 - missing, 1, 1])
    assert encoding.parts[3].labels == ("-8", "(number)")


def test_rare_levels_are_taken_together(codes):
    encoding = encode(codes.real, max_levels=3, transform="none")
    assert encoding.parts[0].labels == ("s0", "s1", "(other levels)")
    assert encoding.parts[1].labels == ("N", "S", "W")


def test_components_equal_scikit_learn(codes):
    decomposition = pytest.importorskip("sklearn.decomposition")
    (found,) = principal_components(codes, n_components=4)
    encoding = encode(codes.real, max_levels=20, transform="signed_log")
    x, y = (expanded(table, encoding) for table in (codes.real, codes.synthetic[0]))
    peer = decomposition.PCA(4, svd_solver="full").fit(x)
    own = decomposition.PCA(4, svd_solver="full").fit(y)
    assert found.explained_real == pytest.approx(peer.explained_variance_ratio_, abs=1e-10)
    along = np.cov(y.T) @ peer.components_.T
    shares = np.sum(peer.components_.T * along, axis=0) / np.trace(np.cov(y.T))
    assert found.explained_synthetic == pytest.approx(shares, abs=1e-10)
    angles = pytest.importorskip("scipy.linalg").subspace_angles(
        peer.components_.T, own.components_.T
    )
    assert found.angles == pytest.approx(np.sort(np.degrees(angles)), abs=1e-5)
    scores = project(codes.real, encoding, peer.components_.T)
    assert np.allclose(scores.T - scores.mean(axis=1), peer.transform(x), atol=1e-9)


def test_panels_are_joint_distributions(codes):
    (found,) = principal_components(codes, n_panels=2, n_bins=10)
    assert [panel.components for panel in found.panels] == [(1, 2), (1, 3)]
    for panel in found.panels:
        assert panel.real.shape == panel.synthetic.shape == (10, 10)
        assert len(panel.x_edges) == len(panel.y_edges) == 9
        assert panel.real.sum() == pytest.approx(1)
        assert panel.overlap == np.minimum(panel.real, panel.synthetic).sum()
        assert (np.diff(panel.x_edges) > 0).all()
    assert found.overlap == found.panels[0].overlap


def test_lost_structure_shows_in_every_figure(codes):
    (found,) = principal_components(codes)
    assert found.overlap < found.holdout_overlap
    assert found.overlap < found.expected_overlap < 1
    assert found.explained_synthetic[0] < 0.9 * found.expected_explained[0]
    assert found.similarity < 0.9 < found.expected_similarity <= 1
    assert found.similarity == pytest.approx(np.mean(np.cos(np.radians(found.angles)) ** 2))
    assert found.left_out == ()
    assert {loading.component for loading in found.loadings} == {1, 2, 3, 4, 5}
    assert (np.diff(found.angles) >= 0).all()
    first = [loading for loading in found.loadings if loading.component == 1]
    assert first[0].weight > 0
    assert {loading.column for loading in first} >= {"sector", "staff", "sales"}


def test_equal_files():
    (found,) = principal_components(mixed_codes(REAL, REAL), n_bootstraps=0)
    assert found.overlap == 1
    assert found.angles == pytest.approx(np.zeros(5), abs=1e-5)
    assert found.explained_synthetic == pytest.approx(found.explained_real)
    assert found.similarity == pytest.approx(1)
    assert found.expected_overlap is found.expected_angles is found.expected_explained is None
    assert found.expected_similarity is None


def test_weights_equal_repeated_rows():
    codes = [
        mixed_codes(table, other, weighted=True)
        for table, other in (
            (REAL, SYNTHETIC),
            (weighted_copies(REAL), weighted_copies(SYNTHETIC)),
        )
    ]
    a, b = (principal_components(c, n_bootstraps=0)[0] for c in codes)
    assert a.explained_synthetic == pytest.approx(b.explained_synthetic, abs=1e-9)
    assert a.angles == pytest.approx(b.angles, abs=1e-5)


def test_columns_that_do_not_vary_are_left_out():
    real = REAL.set_column(1, "region", pa.array(["N"] * 1000))
    (found,) = principal_components(mixed_codes(real, SYNTHETIC))
    assert found.left_out == ("region",)
    with pytest.raises(IncomputableMetricError, match="no column varies"):
        principal_components(mixed_codes(real, SYNTHETIC, columns=("region",)))
    with pytest.raises(IncomputableMetricError, match="single value in every column"):
        principal_components(mixed_codes(REAL, real, columns=("region",)))


def test_a_single_direction_has_one_component():
    codes = mixed_codes(REAL, SYNTHETIC, columns=("sales",))
    complete = REAL.set_column(3, "sales", REAL["sales"].fill_null(1.0))
    codes = mixed_codes(complete, complete, columns=("sales",))
    (found,) = principal_components(codes)
    assert found.n_components == 1
    assert found.explained_real == pytest.approx([1])
    assert [panel.components for panel in found.panels] == [(1, 1)]
    assert principal_components(codes, n_panels=0)[0].panels == ()


@pytest.mark.parametrize("wrong", [{"n_components": 0}, {"max_levels": 1}, {"n_bins": 2}])
def test_wrong_settings_are_refused(codes, wrong):
    with pytest.raises(ValueError, match="must be at least"):
        principal_components(codes, **wrong)
