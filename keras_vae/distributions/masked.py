"""A density over the steps of a sequence that there are."""

from typing import Any

from keras import ops

from keras_vae.distributions.base import Distribution, Tensor, tensor


class Masked(Distribution):
    """Any density, with the steps left out that a mask says are padding.

    What stands in a left-out step changes neither `log_prob` nor its gradient, even if it is no
    number; `mean` and `sample` are 0 there.

    Args:
        density: Over `(batch, time, ...)`.
        mask: `(batch, time)`, 1 for steps that there are, 0 for padding.
    """

    def __init__(self, density: Distribution, mask: Tensor) -> None:
        self.density = density
        self.mask = tensor(mask)

    @property
    def mean(self) -> Tensor:
        """Expected value, `(batch, time, ...)`, 0 in left-out steps."""
        return self._kept(self.density.mean)

    def sample(self, seed: Any = None) -> Tensor:
        """One draw for each row, `(batch, time, ...)`, 0 in left-out steps."""
        return self._kept(self.density.sample(seed))

    def element_log_prob(self, x: Tensor) -> Tensor:
        """The summands of `log_prob`, 0 in left-out steps, in nats."""
        # Replaced before and after: the gradient of what is not taken must be finite as well.
        return self._kept(self.density.element_log_prob(self._kept(x)))

    def _kept(self, x: Tensor) -> Tensor:
        missing = len(x.shape) - len(self.mask.shape)
        steps = ops.reshape(self.mask, (*ops.shape(self.mask), *[1] * missing))
        return ops.where(steps > 0.5, x, ops.zeros_like(x))
