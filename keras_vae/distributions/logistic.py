"""Distributions over the 256 gray levels k / 255 of 8-bit pixels; probabilities, not densities."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, tensor
from keras_vae.distributions.special import log_sinhc, softplus
from keras_vae.errors import UsageError

HALF_BIN = 0.5 / 255.0

# Below, all mass is in one bin; above, in the two at the edges. The gradient is 0 outside.
LOG_SCALE_RANGE = (-8.0, 4.0)


class DiscretizedLogistic(Distribution):
    """A logistic distribution for each pixel, in 256 bins; the outer bins hold the tails.

    Pixels are k / 255. Any other number in [0, 1] is taken as the middle of a bin of the same
    width. Bits per dimension are -`log_prob` / (number of pixels * log(2)), without any correction.

    Source: Salimans et al. 2017 (arXiv:1701.05517), section 2.1, with its scale on [-1, 1].

    Example:
        >>> networks = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2, decoder_heads=2)
        >>> model = keras_vae.VAE(*networks, likelihood="discretized_logistic")

    Args:
        location: Medians, `(batch, ...)`, in pixels in [0, 1].
        log_scale: Log scales of the same shape, clipped to `LOG_SCALE_RANGE`.
    """

    heads = 2
    support = (0.0, 1.0)
    continuous = False

    def __init__(self, location: Tensor, log_scale: Tensor) -> None:
        self.location = tensor(location)
        self.log_scale = ops.clip(tensor(log_scale), *LOG_SCALE_RANGE)

    @property
    def mean(self) -> Tensor:
        """Expected value before rounding to a gray level, `(batch, ...)`, in [0, 1].

        It is within half a gray level of the mean of the rounded values, and smooth.
        """
        return _clipped_mean(self.location, self.log_scale)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample pixels k / 255, `(batch, ...)`."""
        u = _uniform(ops.shape(self.location), seed)
        return _gray_level(u, self.location, self.log_scale)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each pixel of `x` in [0, 1], `(batch, ...)`, in nats."""
        return _log_bin(x, self.location, self.log_scale)


class DiscretizedLogisticMixture(Distribution):
    """A mixture of discretized logistics for each pixel (Salimans et al. 2017, section 2.1).

    The arguments are `3 * components` tensors `(batch, ...)`: the logits of the weights, then the
    locations, then the log scales. A decoder with `decoder_heads=30` makes a mixture of ten
    components. Models that build their own decoder make a mixture of five. Channels are independent
    given z.

    Example:
        >>> networks = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2, decoder_heads=15)
        >>> model = keras_vae.VAE(*networks, likelihood="discretized_logistic_mixture")

    Args:
        *outputs: The tensors, as above.

    Raises:
        ValueError: If their number is not a multiple of three.
    """

    heads = 15
    support = (0.0, 1.0)
    continuous = False

    @classmethod
    def output_names(cls, count: int) -> list[str]:
        """Return the names of the parameters that `count` outputs of a decoder are."""
        return [name for name in ("logits", "location", "log_scale") for _ in range(count // 3)]

    def __init__(self, *outputs: Tensor) -> None:
        if not self.accepts(len(outputs)):
            raise UsageError(
                "Expected three tensors for each component: weight logits, locations, log scales. "
                f"Received: {len(outputs)} tensors."
            )
        stacked = ops.stack([tensor(output) for output in outputs], axis=-1)
        logits, self.location, log_scale = ops.split(stacked, 3, axis=-1)
        self.log_weights = ops.log_softmax(logits, axis=-1)
        self.log_scale = ops.clip(log_scale, *LOG_SCALE_RANGE)

    @classmethod
    def accepts(cls, count: int) -> bool:
        """Return whether `count` is a positive multiple of three."""
        return count > 0 and count % 3 == 0

    @property
    def mean(self) -> Tensor:
        """Expected value before rounding to a gray level, `(batch, ...)`, in [0, 1]."""
        means = _clipped_mean(self.location, self.log_scale)
        return ops.sum(ops.exp(self.log_weights) * means, axis=-1)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample pixels k / 255, `(batch, ...)`."""
        components = self.location.shape[-1]
        u = _uniform((*ops.shape(self.location)[:-1], components + 1), seed)
        # Gumbel-max trick: the largest log weight plus Gumbel noise chooses the component.
        gumbel = self.log_weights - ops.log(-ops.log(u[..., :-1]))
        chosen = ops.one_hot(ops.argmax(gumbel, axis=-1), components)
        location = ops.sum(chosen * self.location, axis=-1)
        log_scale = ops.sum(chosen * self.log_scale, axis=-1)
        return _gray_level(u[..., -1], location, log_scale)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the log probability of each pixel of `x` in [0, 1], `(batch, ...)`, in nats."""
        each = _log_bin(ops.expand_dims(x, -1), self.location, self.log_scale)
        return ops.logsumexp(self.log_weights + each, axis=-1)


def _log_bin(x: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log probability of the bin around `x`, elementwise.

    With a and b the edges of the bin in units of the scale, sigmoid(b) - sigmoid(a) equals
    sigmoid(b) * sigmoid(-a) * (1 - exp(a - b)). In that form nothing cancels. The first bin lacks
    the factors of its lower edge, the last bin those of its upper edge.
    """
    inverse_scale = ops.exp(-log_scale)
    below = -softplus((location - x - HALF_BIN) * inverse_scale)
    above = -softplus((x - HALF_BIN - location) * inverse_scale)
    half_width = HALF_BIN * inverse_scale
    # log(1 - exp(-2 h)) for the half width h.
    width = math.log(2.0 * HALF_BIN) - log_scale - half_width + log_sinhc(half_width)
    inside = below + above + width
    return ops.where(x < HALF_BIN, below, ops.where(x > 1.0 - HALF_BIN, above, inside))


def _clipped_mean(location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the mean of a logistic clipped to [0, 1].

    It is the clipped location plus the contribution of the tails.
    """
    scale = ops.exp(log_scale)
    low = ops.log1p(ops.exp(-ops.abs(location) / scale))
    high = ops.log1p(ops.exp(-ops.abs(1.0 - location) / scale))
    return ops.clip(location, 0.0, 1.0) + scale * (low - high)


def _uniform(shape: Any, seed: Any) -> Tensor:
    """Sample uniform numbers with a finite logit."""
    return keras.random.uniform(shape, 1e-7, 1.0 - 1e-7, dtype="float32", seed=seed)


def _gray_level(u: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    """Return the quantile function at `u`, clipped to [0, 1] and rounded to k / 255."""
    x = location + ops.exp(log_scale) * (ops.log(u) - ops.log1p(-u))
    return ops.round(255.0 * ops.clip(x, 0.0, 1.0)) / 255.0
