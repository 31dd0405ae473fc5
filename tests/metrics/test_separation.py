"""SAP and modularity against their definitions and planted codes."""

import itertools

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import mutual_info_score

from keras_vae import metrics

SIZES = (3, 4, 5)
# Each combination of values once, so factors are independent to the last digit.
FACTORS = np.array(list(itertools.product(*map(range, SIZES))))
GENERATOR = np.random.default_rng(0)
ROTATION = np.array([[2.0, -1.0, 2.0], [2.0, 2.0, -1.0], [-1.0, 2.0, 2.0]]) / 3
DEAD = np.full(60, next(v for v in np.linspace(0.1, 9, 99) if np.full(60, v).mean() != v))
SCORES = [metrics.sap, metrics.modularity]


@pytest.mark.parametrize("score", SCORES)
def test_codes_that_are_the_factors_score_one_and_rotated_ones_less(score):
    standard = (FACTORS - FACTORS.mean(axis=0)) / FACTORS.std(axis=0)
    assert score(FACTORS, FACTORS) == pytest.approx(1.0, abs=1e-9)
    assert score(standard @ ROTATION, FACTORS) < 0.8


@pytest.mark.parametrize("score", SCORES)
def test_order_sign_scale_and_place_of_codes_do_not_matter(score):
    codes = FACTORS @ GENERATOR.normal(size=(3, 4)) + GENERATOR.normal(size=(60, 4))
    moved = codes[:, [2, 0, 3, 1]] * [-2.0, 0.5, -1.0, 8.0] + [3.0, 0.0, -1.0, 5.0]
    assert score(moved, FACTORS) == pytest.approx(score(codes, FACTORS), abs=0.02)
    if score is metrics.sap:
        assert score(moved, FACTORS) == pytest.approx(score(codes, FACTORS), rel=1e-9)


def test_sap_is_the_gap_of_the_lines_that_predict_a_factor_best():
    codes = FACTORS @ GENERATOR.normal(size=(3, 4)) + GENERATOR.normal(size=(60, 4))
    factors = np.c_[FACTORS, GENERATOR.normal(size=60)]  # Factors need not be integers.
    gaps = []
    for factor in factors.T:
        explained = [scipy.stats.linregress(code, factor).rvalue ** 2 for code in codes.T]
        second, first = sorted(explained)[-2:]
        gaps.append(first - second)
    assert metrics.sap(codes, factors) == pytest.approx(np.mean(gaps), rel=1e-9)


def test_sap_of_two_numbers_by_hand():
    """With (0, 1, 2), (0, 1, 0) has a squared correlation of 0, and (0, 0, 1) of 3/4."""
    codes = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert metrics.sap(codes, [[0], [1], [2]]) == pytest.approx(0.75)


def test_a_factor_in_two_elements_has_no_gap():
    assert metrics.sap(np.c_[FACTORS, -2.0 * FACTORS], FACTORS) == pytest.approx(0.0, abs=1e-9)


def test_a_dead_element_changes_no_gap():
    dead = np.c_[FACTORS, DEAD]
    assert metrics.sap(dead, FACTORS) == pytest.approx(1.0)
    alone = metrics.sap(np.c_[FACTORS[:, :1], DEAD], FACTORS[:, :1])
    assert alone == pytest.approx(1.0)


def test_modularity_is_its_formula_of_mutual_informations():
    codes = FACTORS @ GENERATOR.normal(size=(3, 4)) + 0.1 * GENERATOR.normal(size=(60, 4))
    found = []
    for code in codes.T:
        edges = np.linspace(code.min(), code.max(), 7)[1:-1]
        known = [mutual_info_score(np.searchsorted(edges, code), factor) for factor in FACTORS.T]
        best = np.argmax(known)
        # The distance from the template with one entry, over that of the worst one.
        rest = sum(m**2 for place, m in enumerate(known) if place != best)
        found.append(1 - rest / (known[best] ** 2 * 2))
    assert metrics.modularity(codes, FACTORS, bins=6) == pytest.approx(np.mean(found), rel=1e-9)


def test_an_element_that_knows_all_factors_alike_is_not_modular():
    factors = np.array([[0, 0], [1, 1]] * 6)
    codes = np.c_[factors[:, 0], factors[:, 0]]
    assert metrics.modularity(codes, factors) == pytest.approx(0.0, abs=1e-9)


def test_modularity_does_not_mind_two_elements_of_one_factor_but_counts_dead_ones():
    twice = np.c_[FACTORS, FACTORS[:, 0]]
    assert metrics.modularity(twice, FACTORS) == pytest.approx(1.0)
    dead = np.c_[FACTORS, DEAD]
    assert metrics.modularity(dead, FACTORS) == pytest.approx(3 / 4)
    assert metrics.modularity(dead[:, 2:], FACTORS) == pytest.approx(1 / 2)
