"""Disentanglement, completeness and informativeness: importances by hand, and planted codes."""

import sys

import numpy as np
import pytest
import scipy.stats

from keras_vae import metrics
from keras_vae.errors import MissingExtraError

GENERATOR = np.random.default_rng(0)
FACTORS = GENERATOR.integers(0, (2, 3), (240, 2))
IMPORTANCES = GENERATOR.random((4, 3))


def of(importances):
    return metrics.disentanglement_and_completeness(importances)


@pytest.mark.parametrize(
    ("importances", "disentanglement", "completeness"),
    [
        (np.eye(3), 1.0, 1.0),
        (np.eye(3)[[2, 0, 1]], 1.0, 1.0),
        (np.ones((3, 4)), 0.0, 0.0),
        # Two elements for each factor: one bit of the two of four elements.
        (np.repeat(np.eye(2), 2, axis=0), 1.0, 0.5),
        # One element for all: its entropy is full, that of the factors is zero.
        ([[1, 1], [0, 0]], 0.0, 1.0),
        # An element of weight 3/4 for one factor, and one of 1/4 for both.
        ([[6, 0], [1, 1]], 0.75, (1 - scipy.stats.entropy([6, 1], base=2) + 1) / 2),
        # A factor that no element predicts is not complete.
        ([[1, 0], [0, 0]], 1.0, 0.5),
    ],
)
def test_importances_worked_out_by_hand(importances, disentanglement, completeness):
    assert of(importances) == pytest.approx((disentanglement, completeness), abs=1e-12)


def test_importances_are_weighted_as_the_paper_says():
    rows = 1 - scipy.stats.entropy(IMPORTANCES, axis=1, base=3)
    columns = 1 - scipy.stats.entropy(IMPORTANCES, axis=0, base=4)
    weights = IMPORTANCES.sum(axis=1) / IMPORTANCES.sum()
    assert of(IMPORTANCES) == pytest.approx((weights @ rows, columns.mean()), rel=1e-9)


def test_unit_and_order_of_importances_do_not_matter():
    expected = pytest.approx(of(IMPORTANCES), rel=1e-9)
    assert of(1e-6 * IMPORTANCES) == expected
    assert of(IMPORTANCES[::-1, [1, 2, 0]]) == expected


@pytest.mark.parametrize("method", ["forest", "boosting"])
def test_codes_that_are_the_factors_are_perfect_and_mixed_ones_are_not(method):
    noise = GENERATOR.normal(size=(240, 1))
    perfect = metrics.dci(np.c_[FACTORS * [-1.0, 3.0], noise], FACTORS, method)
    assert perfect == {
        name: pytest.approx(1.0, abs=1e-6)
        for name in ("disentanglement", "completeness", "informativeness")
    }
    # The sum tells both factors, and so does the difference.
    mixed = metrics.dci(FACTORS @ [[1.0, 1.0], [2.0, -2.0]], FACTORS, method)
    assert mixed["informativeness"] == 1.0
    assert mixed["disentanglement"] < 0.5 and mixed["completeness"] < 0.8


def test_codes_of_noise_are_as_informative_as_chance():
    noise = metrics.dci(GENERATOR.normal(size=(240, 3)), FACTORS)
    assert noise["disentanglement"] < 0.1 and noise["completeness"] < 0.1
    assert noise["informativeness"] == pytest.approx((1 / 2 + 1 / 3) / 2, abs=0.12)


def test_one_element_of_all_factors_is_complete_and_not_disentangled():
    both = FACTORS @ [[1.0], [2.0]]
    found = metrics.dci(np.c_[both, np.zeros(240)], FACTORS)
    assert found["disentanglement"] == pytest.approx(0.0, abs=1e-9)
    assert found["completeness"] == found["informativeness"] == 1.0


def test_accuracy_is_that_of_rows_that_did_not_train():
    """Trees learn each row that they see, also a class that is random."""
    factors = GENERATOR.integers(0, 2, (300, 2))
    assert metrics.dci(np.arange(600.0).reshape(300, 2), factors)["informativeness"] < 0.65


def test_a_seed_gives_the_same_scores_again():
    codes = GENERATOR.normal(size=(60, 2))
    once, again, other = (metrics.dci(codes, FACTORS[:60], seed=seed) for seed in (3, 3, 4))
    assert once == again != other


def test_a_factor_that_varies_in_the_rows_held_out_only_is_refused():
    factors = np.c_[np.arange(9) % 2, np.zeros(9, int)]
    place = np.random.default_rng(0).permutation(9)[0]
    factors[place, 1] = 1
    with pytest.raises(ValueError, match=r"vary in two thirds of the rows.*column\(s\) \[1\]"):
        metrics.dci(GENERATOR.normal(size=(9, 2)), factors)


@pytest.mark.parametrize("method", ["forest", "boosting"])
def test_without_scikit_learn_its_extra_is_named(method, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(MissingExtraError, match=r"Expected scikit-learn.*keras-vae\[samplers\]"):
        metrics.dci(FACTORS * 1.0, FACTORS, method)
