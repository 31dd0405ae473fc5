"""Special functions without cancellation in float32."""

from collections.abc import Callable

from keras import ops

from keras_vae.typing import Tensor


def softplus(x: Tensor) -> Tensor:
    """Return log(1 + exp(x)).

    It also works in LiteRT, whose own softplus overflows for large `x`.
    """
    size = ops.abs(x)
    # (x + |x|) / 2 has a slope of 1/2 at 0; max(x, 0) would have 1 or 0.
    return 0.5 * (x + size) + ops.softplus(-size)


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


def _near_zero(u: Tensor, series: Callable, closed: Callable) -> Tensor:
    """Return `series(u)`, a Taylor series, near 0 and `closed(u)` elsewhere.

    Near 0 the quotients of `closed(u)` lose their digits. Each function receives harmless numbers
    in place of those of the other: a gradient is finite only if both branches are.
    """
    near = ops.abs(u) < 0.3
    inner = series(ops.where(near, u, ops.zeros_like(u)))
    return ops.where(near, inner, closed(ops.where(near, ops.ones_like(u), u)))
