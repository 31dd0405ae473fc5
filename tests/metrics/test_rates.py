"""Differences of rate-distortion curves: known differences, and integrals by hand."""

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate

from keras_vae import metrics

RATES = np.array([0.1, 0.25, 0.6, 1.4])
PSNRS = np.array([28.0, 31.5, 34.0, 38.0])
OTHER_RATES = np.array([0.12, 0.3, 0.5, 1.7])
OTHER_PSNRS = np.array([29.0, 32.5, 34.5, 37.0])


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 2.0, 10.0])
def test_a_factor_of_the_rates_at_the_same_psnrs_is_its_percentage(factor):
    found = metrics.bd_rate(RATES, PSNRS, factor * RATES, PSNRS)
    assert found == pytest.approx(100 * (factor - 1), abs=1e-8)


@pytest.mark.parametrize("shift", [-1.5, 0.0, 0.25])
def test_a_shift_of_the_psnrs_at_the_same_rates_is_itself(shift):
    found = metrics.bd_psnr(RATES, PSNRS, RATES, PSNRS + shift)
    assert found == pytest.approx(shift, abs=1e-9)


def test_curves_that_are_lines_in_log_rate_by_hand():
    """PSNR = 30 + 6 log2(rate) and 32 + 6 log2(rate): 2 dB apart, a third of an octave."""
    rates, other = np.array([1.0, 2.0, 4.0, 8.0]), np.array([2.0, 4.0, 8.0, 16.0])
    curves = (rates, 30 + 6 * np.log2(rates), other, 32 + 6 * np.log2(other))
    assert metrics.bd_psnr(*curves) == pytest.approx(2.0)
    assert metrics.bd_rate(*curves) == pytest.approx(100 * (2 ** (-1 / 3) - 1))


def lagrange(x, y):
    """The one cubic through four points, by another formula than least squares."""
    return scipy.interpolate.BarycentricInterpolator(x, y)


def test_it_is_the_integral_over_what_both_curves_have():
    one, other = lagrange(PSNRS, np.log10(RATES)), lagrange(OTHER_PSNRS, np.log10(OTHER_RATES))
    area = scipy.integrate.quad(lambda psnr: other(psnr) - one(psnr), 29.0, 37.0)[0]
    found = metrics.bd_rate(RATES, PSNRS, OTHER_RATES, OTHER_PSNRS)
    assert found == pytest.approx(100 * (10 ** (area / 8.0) - 1), rel=1e-7)

    one, other = lagrange(np.log10(RATES), PSNRS), lagrange(np.log10(OTHER_RATES), OTHER_PSNRS)
    low, high = np.log10(0.12), np.log10(1.4)
    area = scipy.integrate.quad(lambda rate: other(rate) - one(rate), low, high)[0]
    found = metrics.bd_psnr(RATES, PSNRS, OTHER_RATES, OTHER_PSNRS)
    assert found == pytest.approx(area / (high - low), rel=1e-7)


def test_more_points_are_fitted_by_least_squares():
    rates = np.geomspace(0.1, 2.0, 9)
    psnrs = 30 + 5 * np.log(rates) + 0.1 * np.cos(7 * np.arange(9.0))
    fit, line = np.polyfit(psnrs, np.log(rates), 3), np.polyfit(PSNRS, np.log(RATES), 3)
    grid = np.linspace(max(psnrs[0], 28.0), min(psnrs[-1], 38.0), 20_001)
    gap = np.trapezoid(np.polyval(fit, grid) - np.polyval(line, grid), grid) / np.ptp(grid)
    found = metrics.bd_rate(RATES, PSNRS, rates, psnrs)
    assert found == pytest.approx(100 * np.expm1(gap), rel=1e-5)


def test_order_of_points_and_unit_of_rates_do_not_matter():
    order = [2, 0, 3, 1]
    for measure in (metrics.bd_rate, metrics.bd_psnr):
        expected = measure(RATES, PSNRS, OTHER_RATES, OTHER_PSNRS)
        shuffled = measure(RATES[order], PSNRS[order], OTHER_RATES, OTHER_PSNRS)
        assert shuffled == pytest.approx(expected, rel=1e-12)
        bytes_ = measure(1e6 * RATES, PSNRS, 1e6 * OTHER_RATES, OTHER_PSNRS)
        assert bytes_ == pytest.approx(expected, rel=1e-6)


def test_changing_places_changes_the_sign_of_psnr_and_inverts_the_rate():
    there = (RATES, PSNRS, OTHER_RATES, OTHER_PSNRS)
    back = (OTHER_RATES, OTHER_PSNRS, RATES, PSNRS)
    assert metrics.bd_psnr(*there) == pytest.approx(-metrics.bd_psnr(*back))
    factors = [1 + metrics.bd_rate(*curves) / 100 for curves in (there, back)]
    assert factors[0] * factors[1] == pytest.approx(1.0)
