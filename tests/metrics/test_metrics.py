"""Measures of pictures, sets of features, codes and scores against known answers."""

import itertools

import numpy as np
import pytest

from keras_vae import metrics


def waves(count=3, size=28):
    """Smooth pictures made of sines, `(count, size, size, 1)` in [0, 1]."""
    y, x = np.mgrid[:size, :size]
    return np.stack([0.5 + 0.5 * np.sin(x / 3 + i) * np.cos(y / (4 + i)) for i in range(count)])[
        ..., None
    ]


def test_the_two_meanings_of_psnr_differ_when_pictures_differ():
    x = np.zeros((2, 4, 4, 1))
    reconstruction = x + np.asarray([0.1, 0.01]).reshape(2, 1, 1, 1)
    assert metrics.mean_psnr(x, reconstruction) == pytest.approx((20 + 40) / 2, abs=1e-5)
    mean_error = (0.1**2 + 0.01**2) / 2
    found = metrics.psnr_of_mean_error(x, reconstruction)
    assert found == pytest.approx(-10 * np.log10(mean_error), abs=1e-5)


def test_psnr_knows_the_range_of_the_data():
    x, y = np.zeros((2, 5)), np.full((2, 5), 25.5)
    assert metrics.psnr_of_mean_error(x, y, data_range=255) == pytest.approx(20)


def test_a_perfect_reconstruction_has_infinite_psnr():
    assert metrics.mean_psnr(waves(), waves()) == np.inf


def test_ssim_and_hog_are_those_of_scikit_image():
    # scikit-image 0.26: structural_similarity(gaussian_weights=True, sigma=1.5,
    # use_sample_covariance=False, data_range=1.0); hog(orientations=9, pixels_per_cell=(7, 7),
    # cells_per_block=(2, 2), block_norm="L2-Hys").
    x = waves()
    assert metrics.ssim(x, np.round(x * 4) / 4) == pytest.approx(0.8646671, abs=1e-6)
    features = metrics.hog(x)
    assert features.shape == (3, 324)
    np.testing.assert_allclose(features.sum(axis=1), [45.81067796, 42.84835112, 41.31637135])
    np.testing.assert_allclose(
        features[1, [0, 10, 100, 200, 323]],
        [0.30201256, 0.05406975, 0.0153948, 0.01484908, 0.07548554],
        atol=1e-7,
    )


def test_hog_of_colors_takes_the_steepest_channel():
    color = np.concatenate([0.1 * waves(), waves(), 0.2 * waves()], axis=-1)
    np.testing.assert_allclose(metrics.hog(color), metrics.hog(waves()), atol=1e-7)
    other = 1e-7 * np.random.default_rng(0).random(waves().shape)
    color = np.concatenate([other, waves()], axis=-1)
    np.testing.assert_allclose(metrics.hog(color), metrics.hog(waves()), atol=1e-4)


def test_hog_ignores_brightness_and_contrast():
    np.testing.assert_allclose(metrics.hog(0.3 + 0.5 * waves()), metrics.hog(waves()), atol=1e-4)


def test_ssim_is_one_for_equal_pictures_and_symmetric():
    x, y = waves(), waves()[::-1]
    assert metrics.ssim(x, x) == pytest.approx(1)
    assert metrics.ssim(x, y) == pytest.approx(metrics.ssim(y, x))


def gaussian(count, dimensions, shift=0.0, scale=1.0, seed=0):
    return np.random.default_rng(seed).normal(shift, scale, (count, dimensions))


def whitened(x):
    """The same vectors with a sample mean of exactly 0 and a sample covariance of exactly 1."""
    x = x - x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def test_frechet_distance_of_two_gaussians_is_its_closed_form():
    x, y = whitened(gaussian(500, 6)), whitened(gaussian(300, 6, seed=1))
    shift = np.asarray([1.0, -2.0, 0, 0, 0, 0.5])
    exact = np.sum(shift**2) + 6 * (1 - 1.7) ** 2
    assert metrics.frechet_distance(x, 1.7 * y + shift) == pytest.approx(exact, rel=1e-9)


def test_frechet_distance_of_covariances_that_do_not_commute():
    x, y = whitened(gaussian(200, 2)), whitened(gaussian(200, 2, seed=1))
    a, b = np.asarray([[2.0, 0.0], [0.0, 1.0]]), np.asarray([[1.0, 0.8], [0.8, 1.0]])
    product = a @ a @ b @ b
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    exact = np.trace(a @ a) + np.trace(b @ b) - 2 * root
    assert metrics.frechet_distance(x @ a, y @ b) == pytest.approx(exact, rel=1e-9)


def test_frechet_distance_is_zero_for_the_same_vectors_even_if_they_are_fewer_than_dimensions():
    x = gaussian(20, 50)
    assert metrics.frechet_distance(x, x) == pytest.approx(0, abs=1e-5)


def test_kernel_distance_is_zero_within_its_error_for_equal_laws():
    found, error = metrics.kernel_distance(gaussian(1000, 5), gaussian(1500, 5, seed=1))
    assert abs(found) < 3 * error


def test_kernel_distance_is_the_unbiased_sum_over_pairs():
    x, y = gaussian(4, 2), gaussian(6, 2, shift=1.0, seed=1)
    found, error = metrics.kernel_distance(x, y, blocks=2, seed=3)
    # All ways to cut four and six vectors in halves, of which the seed draws one.
    halves = [
        [_discrepancy(x[list(i)], y[list(j)]) for i, j in ((a, b), (_rest(a, 4), _rest(b, 6)))]
        for a in itertools.combinations(range(4), 2)
        for b in itertools.combinations(range(6), 3)
    ]
    nearest = min(halves, key=lambda pair: abs(np.mean(pair) - found))
    assert np.mean(nearest) == pytest.approx(found, rel=1e-9)
    assert np.std(nearest, ddof=1) / np.sqrt(2) == pytest.approx(error, rel=1e-9)


def _rest(chosen, count):
    return [i for i in range(count) if i not in chosen]


def _discrepancy(x, y):
    def mean(a, b, skip):
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (skip and i == j)]
        return np.mean([(a[i] @ b[j] / 2 + 1) ** 3 for i, j in pairs])

    return mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)


def test_density_and_coverage_of_equal_laws_have_their_expectations():
    found = [
        metrics.density_and_coverage(gaussian(800, 4, seed=i), gaussian(800, 4, seed=99 + i))
        for i in range(6)
    ]
    density, coverage = np.mean(found, axis=0)
    assert density == pytest.approx(1, abs=0.03)
    assert coverage == pytest.approx(1 - 2.0**-5, abs=0.006)


def test_density_and_coverage_on_a_line():
    real, generated = np.asarray([[0.0], [1.0], [3.0]]), np.asarray([[0.5], [0.9], [10.0]])
    # Balls around 0, 1 and 3 of radius 1, 1 and 2; that around 3 excludes 1, its edge.
    density, coverage = metrics.density_and_coverage(real, generated, neighbors=1)
    assert density == pytest.approx(4 / 3)
    assert coverage == pytest.approx(2 / 3)


def test_numbers_bear_the_name_of_their_features_and_never_that_of_fid():
    def two_means(pictures):
        return pictures.mean(axis=(1, 3))[:, :2]

    x = np.random.default_rng(0).random((60, 14, 14, 1))
    found = metrics.compare_pictures(x[:30], x[30:], metrics.Extractor("two_means", two_means))
    assert found["frechet_distance_two_means"] == metrics.frechet_distance(
        two_means(x[:30]), two_means(x[30:])
    )
    names = list(found) + list(metrics.compare_pictures(x[:30], x[30:]))
    assert not any("fid" in name.lower() for name in names)
    assert "frechet_distance_hog" in names


def test_auroc_counts_pairs_and_halves_ties():
    normal, anomalous = [0.0, 1.0, 2.0, 2.0], [2.0, 3.0, -1.0]
    pairs = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
    assert metrics.auroc(normal, anomalous) == pytest.approx(np.mean(pairs))


def test_infinite_scores_lie_beyond_all_others():
    assert metrics.auroc([0.0, 1.0], [np.inf, 0.5]) == 0.75
    assert metrics.auroc([0.0, np.inf], [np.inf, -np.inf]) == (0.75 + 0.0) / 2
    for normal, anomalous in (([0.0], [1.0, np.nan]), ([0.0, np.nan], [1.0])):
        with pytest.raises(ValueError, match="without NaN"):
            metrics.auroc(normal, anomalous)


def test_auroc_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    normal, anomalous = generator.normal(size=200), generator.normal(0.7, 1, size=90).round(1)
    labels = np.repeat([0, 1], [200, 90])
    exact = roc_auc_score(labels, np.concatenate([normal, anomalous]))
    assert metrics.auroc(normal, anomalous) == pytest.approx(exact)


def test_probes_read_labels_that_are_there_and_none_that_are_not():
    labels = np.arange(300) % 3
    codes = np.eye(3)[labels].reshape(300, 3, 1) + 0.1 * gaussian(300, 3)[..., None]
    noise = gaussian(300, 3, seed=1)
    for probe in (metrics.linear_probe, metrics.knn_probe):
        assert probe(codes[:200], labels[:200], codes[200:], labels[200:]) == 1.0
        assert probe(noise[:200], labels[:200], noise[200:], labels[200:]) < 0.5


SIZES = (3, 6, 40, 32, 32)  # Those of dSprites.


def sprite_factors(count=10_000, seed=0):
    return np.random.default_rng(seed).integers(0, SIZES, (count, 5))


def test_mig_of_perfect_codes_is_what_twenty_bins_leave():
    factors = sprite_factors()
    assert metrics.mig(factors.astype("float32"), factors) == pytest.approx(0.895, abs=0.01)


def test_mig_of_duplicated_and_of_random_codes_is_nothing():
    factors = sprite_factors()
    assert metrics.mig(np.concatenate([factors, factors], axis=1), factors) < 1e-9
    assert metrics.mig(gaussian(10_000, 10), factors) < 0.005


def test_mig_does_not_mind_order_sign_and_scale_of_the_codes():
    factors = sprite_factors()
    codes = factors[:, ::-1] * [-1.0, 2.0, 0.1, -7.0, 1.0]
    exact = metrics.mig(factors.astype(float), factors)
    assert metrics.mig(codes, factors) == pytest.approx(exact, abs=2e-3)


def test_mig_refuses_a_factor_that_does_not_vary():
    factors = sprite_factors(100) * [1, 1, 0, 1, 1]
    with pytest.raises(ValueError, match=r"column\(s\) \[2\]"):
        metrics.mig(gaussian(100, 4), factors)


def test_factor_vae_score_of_perfect_mixed_and_dead_codes():
    few = {"votes": 400, "test_votes": 200, "variance_examples": 500}
    rotation = np.linalg.qr(gaussian(5, 5))[0]
    perfect = metrics.factor_vae_score(lambda f: f / np.asarray(SIZES), SIZES, **few)
    mixed = metrics.factor_vae_score(lambda f: (f / np.asarray(SIZES)) @ rotation, SIZES, **few)
    dead = metrics.factor_vae_score(lambda f: 0.01 * gaussian(len(f), 4), SIZES, **few)
    assert perfect == 1.0
    assert mixed < 0.9
    assert dead == 0.0


def test_factor_vae_score_of_noise_is_chance():
    generator = np.random.default_rng(0)
    found = metrics.factor_vae_score(
        lambda f: generator.normal(size=(len(f), 10)), SIZES, votes=2000, test_votes=1000
    )
    assert found == pytest.approx(0.2, abs=0.06)


def test_factor_vae_score_never_fixes_a_factor_of_one_value():
    found = metrics.factor_vae_score(
        lambda f: f[:, 1:] / 4.0, (1, 4, 4), votes=100, test_votes=50, variance_examples=100
    )
    assert found == 1.0


def test_codebook_usage_of_uniform_and_of_single_use():
    uniform = metrics.codebook_usage(np.arange(64).reshape(8, 8), 64)
    assert uniform == {"codebook_perplexity": pytest.approx(64), "codebook_used": 1.0}
    single = metrics.codebook_usage(np.zeros(10, int), 64)
    assert single == {"codebook_perplexity": pytest.approx(1), "codebook_used": 1 / 64}


REFUSED = {
    "other shapes": lambda: metrics.mean_psnr(np.zeros((2, 3)), np.zeros((2, 4))),
    "no pictures": lambda: metrics.psnr_of_mean_error(np.zeros((0, 3)), np.zeros((0, 3))),
    "small pictures": lambda: metrics.ssim(waves(size=8), waves(size=8)),
    "small pictures for hog": lambda: metrics.hog(waves(size=13)),
    "other dimensions": lambda: metrics.frechet_distance(gaussian(9, 2), gaussian(9, 3)),
    "NaN": lambda: metrics.frechet_distance(gaussian(9, 2), np.full((9, 2), np.nan)),
    "one block": lambda: metrics.kernel_distance(gaussian(9, 2), gaussian(9, 2), blocks=1),
    "few for blocks": lambda: metrics.kernel_distance(gaussian(9, 2), gaussian(9, 2), blocks=5),
    "few neighbors": lambda: metrics.density_and_coverage(gaussian(5, 2), gaussian(5, 2)),
    "no neighbors": lambda: metrics.density_and_coverage(gaussian(5, 2), gaussian(5, 2), 0),
    "no scores": lambda: metrics.auroc([], [1.0]),
    "NaN scores": lambda: metrics.auroc([np.nan], [1.0]),
    "other labels": lambda: metrics.knn_probe(gaussian(9, 2), [0] * 8, gaussian(9, 2), [0] * 9),
    "one code": lambda: metrics.mig(gaussian(9, 1), np.arange(9)[:, None]),
    "constant factors": lambda: metrics.factor_vae_score(lambda f: f, (1, 1)),
    "no index": lambda: metrics.codebook_usage(np.zeros(0, int), 4),
    "float index": lambda: metrics.codebook_usage([0.5], 4),
    "index beyond": lambda: metrics.codebook_usage([4], 4),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_answer_is_refused_with_what_was_expected(case):
    with pytest.raises(ValueError, match="Expected .*Received: "):
        REFUSED[case]()
