"""Functions that keep their digits where the obvious formula loses them."""

from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), also in LiteRT, whose own overflows for large `x`."""
    size = ops.abs(x)
    # Half of x + |x| and not the greater of x and 0, whose slope at 0 would be 1 or 0.
    return 0.5 * (x + size) + ops.softplus(-size)


def log_sinhc(u: Tensor) -> Tensor:
    """log(sinh(u) / u)."""

    def series(u: Tensor) -> Tensor:
        squared = ops.square(u)
        return squared * (1.0 / 6.0 - squared * (1.0 / 180.0 - squared / 2835.0))

    def closed(u: Tensor) -> Tensor:
        size = ops.abs(u)
        return size + ops.log((1.0 - ops.exp(-2.0 * size)) / (2.0 * size))

    return _near_zero(u, series, closed)


def langevin(u: Tensor) -> Tensor:
    """The derivative of `log_sinhc`, coth(u) - 1 / u."""

    def series(u: Tensor) -> Tensor:
        squared = ops.square(u)
        return u * (1.0 / 3.0 - squared * (1.0 / 45.0 - 2.0 * squared / 945.0))

    return _near_zero(u, series, lambda u: 1.0 / ops.tanh(u) - 1.0 / u)


def _near_zero(u: Tensor, series: Callable, closed: Callable) -> Tensor:
    """`series(u)`, from Taylor, where the quotients of `closed(u)` have no digits left.

    Each is given harmless numbers in place of those that are not its own: a gradient is finite
    only if that of the branch not taken is.
    """
    near = ops.abs(u) < 0.3
    inner = series(ops.where(near, u, ops.zeros_like(u)))
    return ops.where(near, inner, closed(ops.where(near, ops.ones_like(u), u)))
