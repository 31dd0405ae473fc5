"""Steps of normalizing flows that move a vector along one direction, whose inverse is a root."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import tensor
from keras_vae.distributions.special import log1p
from keras_vae.typing import Tensor

# Smallest slope of a step along its direction: its inverse exists in float32.
LEAST_SLOPE = 1e-3
BISECTIONS = 32


class DirectedStep(keras.layers.Layer):
    """Base class of steps whose numbers are weights, plus a linear function of a context.

    The linear function starts at zero.

    Args:
        size: Elements of a vector.
        context: Elements of the context.
        vectors: Number of vectors among the numbers of a step.
        scales: Number of scalars among them.
        seed: Seed of the initial weights.
    """

    def __init__(
        self, size: int, context: int, vectors: int, scales: int, seed: int | None = None
    ) -> None:
        super().__init__(dtype="float32", autocast=False)
        self.size = size
        sizes = [size] * vectors + [1] * scales
        self.cuts = [sum(sizes[:count]) for count in range(1, len(sizes))]
        width = sum(sizes)
        start = keras.initializers.RandomNormal(stddev=1.0 / math.sqrt(size), seed=seed)
        # Not cast to half precision either where a model, and not this layer, is called.
        float32: dict[str, Any] = {"dtype": "float32", "autocast": False}
        self.kernel = self.add_weight((context, width), "zeros", name="kernel", **float32)
        self.bias = self.add_weight((width,), "zeros", name="bias", **float32)
        self.direction = self.add_weight((size,), start, name="direction", **float32)
        self.built = True

    def parameters(self, context: Tensor) -> list[Tensor]:
        """Return the vectors, `(batch, size)`, and the scalars, `(batch, 1)`."""
        return ops.split(ops.matmul(tensor(context), self.kernel) + self.bias, self.cuts, axis=1)

    def _per_element(self, log_determinant: Tensor) -> Tensor:
        """Return `(batch, size)` numbers whose sum is `log_determinant`, `(batch, 1)`."""
        return ops.repeat(log_determinant / self.size, self.size, axis=1)


class Planar(DirectedStep):
    """A planar step, z = e + u tanh(w . e + b), which starts as the identity.

    u is changed along w so that u . w > -1, and the step is invertible. u, w and b are numbers of
    the step, plus linear functions of the context.

    Source: Rezende & Mohamed 2015, arXiv:1505.05770, equation 10 and appendix A.1.

    Args:
        size: Elements of a vector.
        context: Elements of the context.
        seed: Seed of the initial weights.
    """

    def __init__(self, size: int, context: int, seed: int | None = None) -> None:
        super().__init__(size, context, 2, 1, seed)

    def _direction(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return u, w, b, and u . w."""
        u, w, b = self.parameters(context)
        w = w + self.direction
        length = ops.maximum(ops.sum(w * w, axis=1, keepdims=True), 1e-12)
        given = ops.sum(u * w, axis=1, keepdims=True)
        slope = above_minus_one(given)
        return u + (slope - given) * w / length, w, b, slope

    def transform(self, e: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and `(batch, size)` numbers whose sum is log |det dz/de|."""
        e = tensor(e)
        u, w, b, slope = self._direction(context)
        bent = ops.tanh(ops.sum(e * w, axis=1, keepdims=True) + b)
        return e + u * bent, self._per_element(log1p(slope * (1.0 - bent * bent)))

    def invert(self, z: Tensor, context: Tensor, passes: int = 1) -> tuple[Tensor, Tensor]:
        """Return e and the log scales of `transform`; `passes` has no effect.

        w . e is the root of a growing function, which bisection finds to the precision of float32.
        """
        z = tensor(z)
        u, w, b, slope = self._direction(context)
        wanted = ops.sum(z * w, axis=1, keepdims=True)
        low, high = wanted - ops.abs(slope), wanted + ops.abs(slope)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            is_below = middle + slope * ops.tanh(middle + b) < wanted
            low, high = ops.where(is_below, middle, low), ops.where(is_below, high, middle)
        e = z - u * ops.tanh(0.5 * (low + high) + b)
        return e, self.transform(e, context)[1]


class Radial(DirectedStep):
    """A radial step, z = e + beta (e - c) / (alpha + |e - c|), which starts as the identity.

    alpha > 0 and beta > -alpha, so the step is invertible. c, alpha and beta are numbers of the
    step, plus linear functions of the context.

    Source: Rezende & Mohamed 2015, arXiv:1505.05770, equation 14 and appendix A.2.

    Args:
        size: Elements of a vector.
        context: Elements of the context.
        seed: Seed of the initial weights.
    """

    def __init__(self, size: int, context: int, seed: int | None = None) -> None:
        super().__init__(size, context, 1, 2, seed)

    def _numbers(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the center, alpha and beta."""
        center, alpha, beta = self.parameters(context)
        alpha = ops.softplus(alpha + 1.0)
        return center + self.direction, alpha, alpha * above_minus_one(beta)

    def transform(self, e: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and `(batch, size)` numbers whose sum is log |det dz/de|."""
        e = tensor(e)
        center, alpha, beta = self._numbers(context)
        radius = _length(e - center)
        factor = beta / (alpha + radius)
        along = log1p(factor * alpha / (alpha + radius))
        return e + factor * (e - center), self._per_element(
            (self.size - 1.0) * log1p(factor) + along
        )

    def invert(self, z: Tensor, context: Tensor, passes: int = 1) -> tuple[Tensor, Tensor]:
        """Return e and the log scales of `transform`; `passes` has no effect.

        The distance from the center is the positive root of a quadratic.
        """
        z = tensor(z)
        center, alpha, beta = self._numbers(context)
        found = _length(z - center)
        half = 0.5 * (alpha + beta - found)
        root = ops.sqrt(half * half + alpha * found)
        # Of the two forms of the root, the one without a difference of near numbers.
        radius = ops.where(half > 0.0, alpha * found / (root + ops.abs(half)), root - half)
        e = center + (z - center) / (1.0 + beta / (alpha + radius))
        return e, self.transform(e, context)[1]


STEPS: dict[str, Any] = {"planar": Planar, "radial": Radial}


def above_minus_one(x: Tensor) -> Tensor:
    """Return a growing function of x that is above -1, and 0 at 0."""
    range_ = 1.0 - LEAST_SLOPE
    return ops.softplus(x + math.log(math.expm1(range_))) - range_


def _length(x: Tensor) -> Tensor:
    """Return the length of each row, `(batch, 1)`, with a finite gradient at 0."""
    return ops.sqrt(ops.sum(x * x, axis=1, keepdims=True) + 1e-12)
