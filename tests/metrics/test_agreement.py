"""The unsupervised disentanglement ranking against its definition and planted models."""

import itertools

import numpy as np
import scipy.stats

from keras_vae import metrics

GENERATOR = np.random.default_rng(0)
# Each combination of ranks once, so columns are uncorrelated to the last digit.
CODES = np.array(list(itertools.product(range(4), range(5), range(3))), float)
USED = np.ones(3)
ROTATION = np.array([[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]) / 3


def by_definition(codes, kls, threshold=0.01):
    """Sum over columns and rows of max^2 / sum, over their number, with SciPy's correlation."""
    count = len(codes)
    pairs = np.empty((count, count))
    for i, j in itertools.product(range(count), repeat=2):
        a, b = (codes[k][:, np.asarray(kls[k]) > threshold] for k in (i, j))
        r = np.array([[abs(scipy.stats.spearmanr(x, y)[0]) for y in b.T] for x in a.T])
        columns = [r[:, n].max() ** 2 / r[:, n].sum() for n in range(r.shape[1])]
        rows = [r[n].max() ** 2 / r[n].sum() for n in range(r.shape[0])]
        pairs[i, j] = (sum(columns) + sum(rows)) / (len(columns) + len(rows))
    return [np.median([pairs[i, j] for j in range(count) if j != i]) for i in range(count)]


def test_scores_are_those_of_the_definition():
    codes = [GENERATOR.normal(size=(40, size)).round(1) for size in (2, 4, 3, 4)]  # With ties.
    kls = [[1.0, 2.0], [0.5, 0.0, 3.0, 0.02], [1.0, 1.0, 0.009], [0.3, 0.4, 0.5, 0.6]]
    np.testing.assert_allclose(metrics.udr(codes, kls), by_definition(codes, kls), rtol=1e-9)
    strict = metrics.udr(codes, kls, threshold=0.45)
    np.testing.assert_allclose(strict, by_definition(codes, kls, 0.45), rtol=1e-9)


def test_the_same_elements_in_another_order_sign_and_scale_score_one():
    curved = np.exp(CODES)  # Ranks are the same.
    found = metrics.udr([CODES, -2.0 * CODES[:, [2, 0, 1]], curved], [USED, USED, USED])
    np.testing.assert_allclose(found, 1.0, rtol=1e-9)
    assert found.dtype == "float64" and found.shape == (3,)


def test_a_rotated_model_is_below_those_that_agree():
    standard = (CODES - CODES.mean(axis=0)) / CODES.std(axis=0)
    models = [standard, standard[:, ::-1], -standard, standard @ ROTATION]
    found = metrics.udr(models, [USED] * 4)
    np.testing.assert_allclose(found[:3], 1.0, rtol=1e-9)
    assert found[3] < 0.7


def test_unused_elements_are_left_out_and_count_with_a_threshold_below_them():
    noise = GENERATOR.normal(size=(2, 60, 2))
    models = [np.c_[CODES, part] for part in noise]
    kls = [[1.0, 1.0, 1.0, 0.01, 0.0]] * 2  # The threshold itself is left out.
    np.testing.assert_allclose(metrics.udr(models, kls), 1.0, rtol=1e-9)
    assert metrics.udr(models, kls, threshold=-1.0).max() < 0.9


def test_a_model_that_uses_nothing_scores_zero():
    found = metrics.udr([CODES, CODES, CODES, CODES], [USED, USED, USED, np.zeros(3)])
    np.testing.assert_allclose(found, [1.0, 1.0, 1.0, 0.0], rtol=1e-9)


def test_a_constant_element_agrees_with_none():
    """Of four columns and four rows, one each has no correlation at all."""
    models = [np.c_[CODES, np.full(60, 0.1)]] * 2
    np.testing.assert_allclose(metrics.udr(models, [np.ones(4)] * 2), 6 / 8, rtol=1e-9)


def test_an_array_of_models_is_a_list_of_them():
    models = GENERATOR.normal(size=(3, 40, 2))
    kls = np.ones((3, 2))
    np.testing.assert_array_equal(metrics.udr(models, kls), metrics.udr(list(models), list(kls)))
