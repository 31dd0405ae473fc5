"""The distribution of raw numbers, from that of preprocessed ones."""

from typing import Any

from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, tensor
from keras_vae.layers import gaps


class Preprocessed(Distribution):
    """The distribution of raw x for a density of y = forward(x), by the change of variables.

    A density in nats of the raw data is log p(y) + sum log |dy/dx|. A probability, such as that of
    a gray level, does not change with the unit. Gaps of x count `density.gap_log_prob`, usually 0.

    Args:
        density: Of y, over `(batch, *event_shape)`.
        preprocess: A `keras_vae.preprocessing.Preprocessing`.
    """

    def __init__(self, density: Distribution, preprocess: Any) -> None:
        self.density, self.preprocess = density, preprocess
        self.continuous = density.continuous

    @property
    def mean(self) -> Tensor:
        """Expected value in raw units, `(batch, ...)`."""
        return self.preprocess.inverse(self.density.mean)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row in raw units, `(batch, ...)`."""
        return self.preprocess.inverse(self.density.sample(seed))

    def from_noise(self, noise: Tensor) -> Tensor:
        """Transform standard normal `noise` to samples in raw units."""
        return self.preprocess.inverse(self.density.from_noise(noise))

    def check_exact(self, x: Any) -> None:
        """Check the counts of an array as the density does; gaps alone are preprocessed there."""
        self.density.check_exact(x)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the summands of `log_prob` of raw `x`, in nats."""
        x = tensor(x)
        each = self.density.element_log_prob(self.preprocess.forward(x))
        if self.continuous:
            each = each + ops.convert_to_tensor(self.preprocess.log_slope)
        if not self.preprocess.fills:
            return each
        return ops.where(self._counts(x), each, self.density.gap_log_prob)

    def _counts(self, x: Tensor) -> Tensor:
        """Return which elements are no gaps; infinity is none."""
        return gaps.is_number(x)
