"""A density over the values of sequences that are present."""

from typing import Any

from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, tensor


class Masked(Distribution):
    """A density without the steps or values that a mask declares as missing.

    Missing values affect neither `log_prob` nor its gradient, even if they are NaN. `mean` and
    `sample` are 0 there.

    Example:
        >>> density = keras_vae.distributions.Bernoulli(np.zeros((1, 5, 1)))
        >>> p = keras_vae.distributions.Masked(density, np.array([[1, 1, 0, 0, 0]]))
        >>> np.round(p.log_prob(np.ones((1, 5, 1))), 2)  # 2 * log(0.5)
        array([-1.39], dtype=float32)

    Args:
        density: Over `(batch, time, ...)`.
        mask: `(batch, time)`, 1 for real time steps, 0 for padding; or a mask of each value,
            `(batch, time, ...)`.
    """

    def __init__(self, density: Distribution, mask: Tensor) -> None:
        self.density = density
        self.mask = tensor(mask)

    @property
    def mean(self) -> Tensor:
        """Expected value, `(batch, time, ...)`, 0 where missing."""
        return self._zero_missing(self.density.mean)

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, time, ...)`, 0 where missing."""
        return self._zero_missing(self.density.sample(seed))

    def check_exact(self, x: Any) -> None:
        """Check the counts of an array as the density does."""
        self.density.check_exact(x)

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the summands of `log_prob`, in nats, 0 where missing."""
        # Replace before and after: the gradient of the unused branch must be finite as well.
        return self._zero_missing(self.density.element_log_prob(self._zero_missing(x)))

    def _zero_missing(self, x: Tensor) -> Tensor:
        missing = len(x.shape) - len(self.mask.shape)
        steps = ops.reshape(self.mask, (*ops.shape(self.mask), *[1] * missing))
        return ops.where(steps > 0.5, x, ops.zeros_like(x))
