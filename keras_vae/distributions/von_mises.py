"""The von Mises distribution of angles."""

import math
from typing import Any

from keras import ops

from keras_vae.distributions import special
from keras_vae.distributions.base import LOG_2PI, Distribution, Tensor, tensor
from keras_vae.distributions.rejection import first_accepted

LOG_CONCENTRATION_RANGE = (-10.0, 15.0)


class VonMises(Distribution):
    """Independent angles in radians, as wind directions or hours of a day times 2 pi / 24.

    Angles that differ by 2 pi are the same. The density, over an interval of 2 pi, is proportional
    to exp(concentration * cos(x - angle)). In SciPy it is `vonmises(concentration, angle)`.

    Example:
        >>> p = keras_vae.distributions.VonMises(np.zeros((1, 1)), np.zeros((1, 1)))
        >>> np.round(p.log_prob(np.zeros((1, 1))), 3)  # 1 - log(2 * pi * I0(1))
        array([-1.074], dtype=float32)

    Args:
        angle: Most probable angles, `(batch, ...)`, any real numbers.
        log_concentration: Logarithms of the concentrations, of the same shape, clipped to
            `LOG_CONCENTRATION_RANGE`. A concentration c above 10 is about a Gaussian of variance
            1 / c.
    """

    heads = 2
    support = (-2.0 * math.pi, 2.0 * math.pi)

    def __init__(self, angle: Tensor, log_concentration: Tensor) -> None:
        self.angle = tensor(angle)
        self.concentration = ops.exp(ops.clip(tensor(log_concentration), *LOG_CONCENTRATION_RANGE))

    @property
    def mean(self) -> Tensor:
        """Mean direction, `(batch, ...)`, from -pi to pi."""
        return _wrap(self.angle)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample angles from -pi to pi, `(batch, ...)`.

        By rejection from a Gaussian that is cut off half a turn away: cos(d) - 1 is at most
        -2 (d / pi)^2.
        """
        width = math.pi / 2.0 / ops.sqrt(self.concentration)
        limit = ops.erf(math.pi / width / math.sqrt(2.0))

        def propose(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            turn = math.sqrt(2.0) * width * ops.erfinv(limit * (2.0 * u - 1.0))
            bound = -2.0 * ops.square(turn / math.pi)
            return turn, ops.log(v) <= self.concentration * (_cosine_below_1(turn) - bound)

        return _wrap(self.angle + first_accepted(propose, ops.shape(self.angle), seed))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log density of each angle in `x`, `(batch, ...)`, in nats."""
        height = -LOG_2PI - special.log_bessel(self.concentration)
        return height + self.concentration * _cosine_below_1(x - self.angle)


def _cosine_below_1(x: Tensor) -> Tensor:
    """Return cos(x) - 1 with all digits near 0."""
    return -2.0 * ops.square(ops.sin(0.5 * x))


def _wrap(x: Tensor) -> Tensor:
    """Return the angle from -pi to pi that is `x` plus whole turns."""
    return ops.arctan2(ops.sin(x), ops.cos(x))
