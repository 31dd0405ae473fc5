"""Baselines without networks: known optima, and the order of their errors."""

import numpy as np
import pytest

from benchmarks import baselines

RANDOM = np.random.default_rng(0)


def test_a_filter_of_independent_pixels_shrinks_each():
    train, test = (0.5 + 0.05 * RANDOM.standard_normal((n, 3)) for n in (20000, 20000))
    # Signal of variance a and noise of variance b leave an error of ab / (a + b).
    error = baselines.filter_error(train, test, 0.1, np.random.default_rng(1))
    assert error == pytest.approx(0.0025 * 0.01 / 0.0125, rel=0.03)


def test_a_map_of_independent_pixels_is_that_of_a_line():
    train, test = (RANDOM.random((n, 3)) for n in (20000, 20000))
    # x is uniform on [0, 1], and u is x or 0: the error is var(x) - cov(x, u)**2 / var(u).
    expected = 1 / 12 - (1 / 24) ** 2 / (1 / 6 - 1 / 16)
    error = baselines.fill_error(train, test, np.random.default_rng(1))
    assert error == pytest.approx(expected, rel=0.03)


def test_as_many_components_as_pixels_lose_nothing():
    x = RANDOM.random((50, 4))
    (codes, _), error = baselines.components(x, x, 4)
    assert codes.shape == (50, 4) and error == pytest.approx(0, abs=1e-20)
    assert baselines.components(x, x, 2)[1] > 0.01


def test_jpeg_of_a_higher_quality_is_larger_and_closer():
    images = RANDOM.integers(0, 256, (10, 8, 8, 1), "uint8")
    (coarse, bad), (fine, good) = (baselines.jpeg(images, q, False) for q in (5, 90))
    assert coarse < fine and good < bad
    own_tables, same = baselines.jpeg(images, 90, True)
    assert own_tables < fine and same == good


def test_decibels_are_those_of_a_peak_of_1():
    assert baselines.decibels(0.01) == pytest.approx(20)
