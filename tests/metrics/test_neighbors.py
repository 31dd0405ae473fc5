"""Nearest neighbors against SciPy's tree, and metrics at the smallest input that they take."""

import numpy as np
import pytest
import scipy.signal
import scipy.spatial

from keras_vae import metrics
from keras_vae.metrics import neighbors as module
from keras_vae.metrics import pictures
from keras_vae.metrics.neighbors import neighbors

RANDOM = np.random.default_rng(0)
CODES, QUERIES = RANDOM.normal(size=(400, 2, 3)), RANDOM.normal(size=(9, 2, 3))


@pytest.mark.parametrize("k", [1, 5, 60])
@pytest.mark.parametrize("at_once", [1, 900, 10**7])
def test_neighbors_are_those_of_a_tree_however_many_at_a_time(k, at_once, monkeypatch):
    monkeypatch.setattr(module, "DISTANCES_AT_ONCE", at_once)
    places, distances = neighbors(CODES, QUERIES, k)
    expected = scipy.spatial.cKDTree(CODES.reshape(400, 6)).query(
        QUERIES.reshape(9, 6), k=range(1, k + 1)
    )
    np.testing.assert_array_equal(places, expected[1])
    np.testing.assert_allclose(distances, expected[0], rtol=1e-9)
    assert places.dtype == "int64"


def test_many_neighbors_come_nearest_first():
    """Among few, NumPy's partition may be sorted already."""
    codes = RANDOM.normal(size=(5000, 2))
    places, distances = neighbors(codes, codes[:2], 300)
    expected = scipy.spatial.cKDTree(codes).query(codes[:2], k=300)
    np.testing.assert_array_equal(places, expected[1])
    np.testing.assert_allclose(distances, expected[0], rtol=1e-9)


def test_there_are_five_neighbors_and_a_code_is_its_own_first():
    places, distances = neighbors(CODES, CODES)
    assert places.shape == distances.shape == (400, 5)
    assert places[:, 0].tolist() == list(range(400)) and not distances[:, 0].any()


def test_far_from_the_origin_neighbors_are_still_exact():
    codes = 1e6 + np.arange(6.0)[:, None] * [1e-3, 0.0]
    places, distances = neighbors(codes, codes[:1], 3)
    assert places.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(distances, [[0.0, 1e-3, 2e-3]], atol=1e-8)


def test_no_queries_have_no_neighbors():
    places, distances = neighbors(CODES, QUERIES[:0], 2)
    assert places.shape == distances.shape == (0, 2)


@pytest.mark.parametrize(
    ("codes", "queries", "k"),
    [
        (CODES, QUERIES, 401),
        (CODES, QUERIES, 0),
        (CODES, QUERIES[:, :1], 1),
        (CODES[:, 0, 0], QUERIES[:, 0, 0], 1),
    ],
)
def test_neighbors_that_cannot_be_are_refused(codes, queries, k):
    with pytest.raises(ValueError, match="Expected"):
        neighbors(codes, queries, k)


# The smallest inputs.


def similarity(x, y):
    """SSIM of one channel by the formula of its paper, with SciPy's convolution."""
    window = scipy.signal.windows.gaussian(11, 1.5)
    window = np.outer(window, window) / window.sum() ** 2

    def mean(a):
        return scipy.signal.convolve2d(a, window, mode="valid")

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return (((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


@pytest.mark.parametrize("size", [(11, 11), (11, 14), (13, 11)])
def test_ssim_takes_pictures_of_one_window_and_is_the_formula_of_its_paper(size, monkeypatch):
    x, y = RANDOM.random((2, 3, *size, 2))
    each = [similarity(a[..., c], b[..., c]) for a, b in zip(x, y, strict=True) for c in range(2)]
    assert metrics.ssim(x, y) == pytest.approx(np.mean(each), rel=1e-9)
    monkeypatch.setattr(pictures, "PICTURES_AT_ONCE", 2)
    assert metrics.ssim(x, y) == pytest.approx(np.mean(each), rel=1e-9)
    assert metrics.ssim(255 * x, 255 * y, 255) == pytest.approx(np.mean(each), rel=1e-9)
    for smaller in (x[:, :10], x[:, :, :10]):
        with pytest.raises(ValueError, match="at least 11x11 pixels"):
            metrics.ssim(smaller, smaller)


def test_two_examples_are_enough_for_the_variances_of_factor_vae():
    found = metrics.factor_vae_score(
        lambda f: f.astype(float), (50, 60), votes=40, test_votes=20, variance_examples=2
    )
    assert found == 1.0


def test_a_negative_index_is_refused_as_one_beyond_the_codebook_is():
    for wrong in ([-1, 0], [0, 4]):
        with pytest.raises(ValueError, match="Expected indices from 0 to 3. Received: "):
            metrics.codebook_usage(wrong, 4)


def test_psnr_has_a_peak_and_a_cap():
    assert pictures.psnr(0.01) == pytest.approx(20.0)
    assert pictures.psnr(0.01, peak=10.0) == pytest.approx(40.0)
    assert pictures.psnr([0.0, 1e-3], cap=25.0).tolist() == [25.0, 25.0]
    assert pictures.psnr(0.0) == np.inf
