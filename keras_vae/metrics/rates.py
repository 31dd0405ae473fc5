"""Differences of two rate-distortion curves by the method of Bjontegaard."""

from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.validation import arguments

Curve = tuple[np.ndarray, np.ndarray]


def bd_rate(rates: Any, psnrs: Any, other_rates: Any, other_psnrs: Any) -> float:
    """Return how many percent more bits another codec needs for the same PSNR.

    It is the Bjontegaard delta rate (document VCEG-M33, ITU-T 2001). Cubic polynomials are fitted
    to the logarithms of rates as functions of PSNR. Their mean difference over the PSNRs that both
    curves have is converted to percent. Negative numbers are savings of the other codec.

    Example:
        >>> psnrs = [30.0, 33.0, 36.0, 38.0]  # dB
        >>> rates = np.array([0.2, 0.4, 0.9, 1.5])  # Bits per pixel.
        >>> round(keras_vae.metrics.bd_rate(rates, psnrs, 2 * rates, psnrs), 6)
        100.0

    Args:
        rates: Rates of the codec to compare with, above 0, `(points,)`, at least four points.
            Their unit is any, such as bits per pixel.
        psnrs: Its PSNRs at these rates, in dB, `(points,)`. They rise with the rates.
        other_rates: Rates of the other codec, `(points of its own,)`, in the unit of `rates`.
        other_psnrs: Its PSNRs at these rates, in dB.

    Returns:
        Percent. It is 100 if the other codec needs twice the rate, and -50 if it needs half.

    Raises:
        ValueError: If the shapes do not fit, there are fewer than four points, a number is not
            finite, a rate is not above 0, PSNRs do not rise with the rates, or the two curves have
            no PSNRs in common.
        TypeError: If there are values that are not numbers.
    """
    one, other = _curve(rates, psnrs), _curve(other_rates, other_psnrs)
    return float(100.0 * np.expm1(_mean_difference(one[::-1], other[::-1], "PSNRs")))


def bd_psnr(rates: Any, psnrs: Any, other_rates: Any, other_psnrs: Any) -> float:
    """Return by how many dB the PSNR of another codec is higher at the same rate.

    It is the Bjontegaard delta PSNR (document VCEG-M33, ITU-T 2001). Cubic polynomials are fitted
    to PSNRs as functions of the logarithms of rates. The result is their mean difference over the
    logarithms of rates that both curves have. Arguments and errors are those of `bd_rate`.

    Example:
        >>> psnrs = np.array([30.0, 33.0, 36.0, 38.0])  # dB
        >>> rates = [0.2, 0.4, 0.9, 1.5]  # Bits per pixel.
        >>> round(keras_vae.metrics.bd_psnr(rates, psnrs, rates, psnrs + 0.5), 6)
        0.5
    """
    one, other = _curve(rates, psnrs), _curve(other_rates, other_psnrs)
    return float(_mean_difference(one, other, "rates"))


def _curve(rates: Any, psnrs: Any) -> Curve:
    """Return logarithms of rates and PSNRs in dB, by rising rate."""
    rates = arguments.array("rates", rates).astype("float64")
    psnrs = arguments.array("psnrs", psnrs).astype("float64")
    if rates.ndim != 1 or rates.shape != psnrs.shape or len(rates) < 4:
        raise UsageError(
            "Expected rates (points,) and as many psnrs, at least four points. Received: shapes "
            f"{rates.shape} and {psnrs.shape}."
        )
    if rates.min() <= 0:
        raise UsageError(f"Expected rates above 0. Received: {rates.min():g}.")
    order = np.argsort(rates)
    rates, psnrs = rates[order], psnrs[order]
    if (np.diff(rates) <= 0).any() or (np.diff(psnrs) <= 0).any():
        raise UsageError(
            "Expected psnrs that rise with the rates, without equal ones. Received: rates "
            f"{rates.tolist()} with psnrs {psnrs.tolist()}. (Leave points out that others beat.)"
        )
    return np.log(rates), psnrs


def _mean_difference(one: Curve, other: Curve, name: str) -> float:
    """Return the mean of y of the other curve minus y of one, over the x that both have."""
    low = max(curve[0][0] for curve in (one, other))
    high = min(curve[0][-1] for curve in (one, other))
    if low >= high:
        ranges = [f"{curve[0][0]:g} to {curve[0][-1]:g}" for curve in (one, other)]
        unit = "logarithms of rates" if name == "rates" else name
        raise UsageError(
            f"Expected two curves with {name} in common. Received: {unit} of {ranges[0]} and of "
            f"{ranges[1]}."
        )
    areas = [np.polynomial.Polynomial.fit(*curve, deg=3).integ() for curve in (one, other)]
    first, second = (float(area(high) - area(low)) for area in areas)
    return (second - first) / (high - low)
