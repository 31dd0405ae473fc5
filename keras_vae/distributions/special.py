"""Special functions without cancellation in float32, of ops that LiteRT has."""

import math
from collections.abc import Callable

from keras import ops

from keras_vae.backend.formulas import formulas
from keras_vae.typing import Tensor

# Above it, three terms of Stirling's series are enough.
SHIFT = 8.0
# Polynomials of I0 below the limit, and of I0(x) sqrt(x) exp(-x) above.
BESSEL_LIMIT = 3.75
BESSEL_NEAR = (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
BESSEL_FAR = (
    *(0.39894228, 0.01328592, 0.00225319, -0.00157565, 0.00916281),
    *(-0.02057706, 0.02635537, -0.01647633, 0.00392377),
)


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp(x)), without overflow in any format of export."""
    return formulas.softplus(x)


def log_sinhc(u: Tensor) -> Tensor:
    """Return log(sinh(u) / u)."""

    def series(u: Tensor) -> Tensor:
        squared = ops.square(u)
        return squared * (1.0 / 6.0 - squared * (1.0 / 180.0 - squared / 2835.0))

    def closed(u: Tensor) -> Tensor:
        size = ops.abs(u)
        return size + ops.log((1.0 - ops.exp(-2.0 * size)) / (2.0 * size))

    return _near_zero(u, series, closed)


def langevin(u: Tensor) -> Tensor:
    """Return the derivative of `log_sinhc`, coth(u) - 1 / u."""

    def series(u: Tensor) -> Tensor:
        squared = ops.square(u)
        return u * (1.0 / 3.0 - squared * (1.0 / 45.0 - 2.0 * squared / 945.0))

    return _near_zero(u, series, lambda u: 1.0 / ops.tanh(u) - 1.0 / u)


def log1p(x: Tensor) -> Tensor:
    """Return log(1 + x), also in LiteRT, which takes the logarithm of the rounded 1 + x."""
    return _near_zero(x, _log1p_series, lambda x: ops.log(1.0 + x))


def _log1p_series(x: Tensor) -> Tensor:
    """Return log(1 + x) for |x| below 0.3."""
    y = x / (2.0 + x)
    squared = ops.square(y)
    terms = 1.0 / 3.0 + squared * (1.0 / 5.0 + squared * (1.0 / 7.0 + squared / 9.0))
    return 2.0 * y * (1.0 + squared * terms)


def log_ratio(x: Tensor, y: Tensor) -> Tensor:
    """Return log(x / y) for positive numbers, with all digits where both are nearly the same."""
    gap = (x - y) / y
    near = ops.abs(gap) < 0.3
    close = _log1p_series(ops.where(near, gap, ops.zeros_like(gap)))
    return ops.where(near, close, ops.log(x) - ops.log(y))


def excess(t: Tensor) -> Tensor:
    """Return the excess of exp(-t) over its tangent 1 - t, at least 0.

    With t = log(x / m), x log(x / m) - x + m is x times the excess: half of the deviance of a
    Poisson count x of mean m.
    """

    def series(t: Tensor) -> Tensor:
        total = 1.0 / math.factorial(8)
        for power in range(7, 1, -1):
            total = 1.0 / math.factorial(power) - t * total
        return ops.square(t) * total

    return _near_zero(t, series, lambda t: t + (ops.exp(-t) - 1.0))


def stirling(x: Tensor) -> Tensor:
    """Return log Gamma(x) - ((x - 1/2) log(x) - x + log(2 pi) / 2) for x > 0, about 1 / (12 x).

    Stirling's formula leaves this small number; densities need differences of large log Gammas,
    of which everything else cancels on paper. Below 8, Gamma(x) = Gamma(x + 8) / (x ... (x + 7)).
    """
    small = ops.minimum(x, SHIFT)
    above = small + SHIFT
    # x (x + 7) and (x + 1) (x + 6), and so on, differ by constants.
    ends = small * (small + 7.0)
    product = ends * (ends + 6.0) * (ends + 10.0) * (ends + 12.0)
    fourth = ops.square(ops.square(above))
    shifted = (small - 0.5) * ops.log(above / small) - SHIFT - ops.log(product / fourth / fourth)
    direct = _stirling_series(ops.maximum(x, SHIFT))
    return ops.where(x < SHIFT, shifted + _stirling_series(above), direct)


def _stirling_series(x: Tensor) -> Tensor:
    """Return `stirling(x)` for x from 8, to 1e-9."""
    inverse = 1.0 / x
    squared = ops.square(inverse)
    return inverse * (1.0 / 12.0 - squared * (1.0 / 360.0 - squared / 1260.0))


def log_bessel(x: Tensor) -> Tensor:
    """Return log(I0(x) exp(-x)) for x >= 0, of the modified Bessel function of order 0.

    By the polynomials 9.8.1 and 9.8.2 of Abramowitz and Stegun 1964.
    """
    small, large = ops.minimum(x, BESSEL_LIMIT), ops.maximum(x, BESSEL_LIMIT)
    near = ops.log(_polynomial(ops.square(small / BESSEL_LIMIT), BESSEL_NEAR)) - small
    far = ops.log(_polynomial(BESSEL_LIMIT / large, BESSEL_FAR)) - 0.5 * ops.log(large)
    return ops.where(x < BESSEL_LIMIT, near, far)


def _polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    total = ops.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def _near_zero(u: Tensor, series: Callable, closed: Callable) -> Tensor:
    """Return `series(u)`, a Taylor series, near 0 and `closed(u)` elsewhere.

    Near 0 the quotients of `closed(u)` lose their digits. Each function receives harmless numbers
    in place of those of the other: a gradient is finite only if both branches are.
    """
    near = ops.abs(u) < 0.3
    inner = series(ops.where(near, u, ops.zeros_like(u)))
    return ops.where(near, inner, closed(ops.where(near, ops.ones_like(u), u)))
