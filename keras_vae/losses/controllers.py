"""Controllers: loss weights that depend on the loss term (free bits, capacity, GECO).

Each controller is a function f of a term's mean over the batch. It returns one number for each
example. Their mean is f and their gradient is that of f, so the loss stays a mean over examples.
The terms themselves are logged without weights.
"""

import math
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_vae.base.recorded_init import RecordedInit
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

__all__ = ["Capacity", "Controller", "FreeBits", "Geco"]


class Controller(RecordedInit, keras.layers.Layer):
    """Base class of controllers; its variables are saved with the model.

    Example:
        >>> free = keras_vae.controllers.FreeBits(nats=2.0)
        >>> model = keras_vae.VAE(encoder, decoder, beta=free)
    """

    def minimized(self, term: Tensor, mean: Tensor, step: Tensor) -> Tensor:
        """Return the loss of a term, one number for each example.

        Args:
            term: The term, `(batch,)`, in nats.
            mean: Its mean over the batch and all replicas, a number without gradient.
            step: Training steps done, an integer.
        """
        raise NotImplementedError(f"{type(self).__name__} must define minimized(...).")

    def update(self, mean: Tensor, step: Tensor) -> None:
        """Change the state after a training step; see `minimized` for the arguments."""


@keras.saving.register_keras_serializable("keras_vae")
class FreeBits(Controller):
    """Free bits, max(nats, mean of the term): no pressure on the term below a threshold.

    Source: Kingma et al. 2016 (arXiv:1606.04934), equation 15, with one group.
    `keras_vae.FreeBitsVAE` has a threshold for each dimension of the code.

    Example:
        >>> controller = keras_vae.controllers.FreeBits(nats=2.0)
        >>> model = keras_vae.VAE(encoder, decoder, beta=controller)

    Args:
        nats: The threshold.
        **kwargs: `name` of `keras.layers.Layer`.

    Raises:
        ValueError: If `nats` is negative.
    """

    def __init__(self, nats: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.nats = arguments.real("nats", nats, 0.0)

    def minimized(self, term: Tensor, mean: Tensor, step: Tensor) -> Tensor:
        """Return `term` if its mean is above the threshold, else the threshold."""
        return ops.where(mean > self.nats, term, ops.full_like(term, self.nats))


@keras.saving.register_keras_serializable("keras_vae")
class Capacity(Controller):
    """Capacity control, gamma * |mean of the term - nats|: the term is held at a capacity.

    The capacity may grow during training.

    Source: Burgess et al. 2018 (arXiv:1804.03599), equation 8; there nats rises from 0 to 25 in
    100,000 steps, `LinearWarmUp(100_000, end=25.0)`, and gamma is 1000.

    Example:
        >>> nats = keras_vae.schedules.LinearWarmUp(100_000, end=25.0)
        >>> controller = keras_vae.controllers.Capacity(nats, gamma=1000.0)
        >>> model = keras_vae.VAE(encoder, decoder, beta=controller)

    Args:
        nats: The capacity, a number or a Keras schedule over training steps.
        gamma: Weight of the distance from it.
        **kwargs: `name` of `keras.layers.Layer`.

    Raises:
        ValueError: If `nats` is a negative number, or `gamma` is not finite.
    """

    def __init__(
        self, nats: float | LearningRateSchedule, gamma: float = 1000.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.nats = nats if callable(nats) else arguments.real("nats", nats, 0.0)
        self.gamma = arguments.real("gamma", gamma)

    def minimized(self, term: Tensor, mean: Tensor, step: Tensor) -> Tensor:
        """Return the weighted distance from the capacity; its mean is never negative."""
        nats = self.nats(step) if callable(self.nats) else self.nats
        return self.gamma * ops.sign(mean - nats) * (term - nats)


@keras.saving.register_keras_serializable("keras_vae")
class Geco(Controller):
    """GECO, multiplier * (term - target): the multiplier grows while the term is above the target.

    Source: Rezende & Viola 2018 (arXiv:1810.00597), algorithm 1. On "reconstruction" it
    minimizes the rate under the constraint that the distortion reaches the target. On "kl" the
    target is a rate.

    Example:
        >>> controller = keras_vae.controllers.Geco(target=230.0)
        >>> weights = {"reconstruction": controller}
        >>> model = keras_vae.VAE(encoder, decoder, loss_weights=weights)

    Args:
        target: Target of the term's mean, in nats.
        rate: Change of the multiplier's log in a step, for each nat above the target. The change is
            at most 0.1.
        smoothing: Decay of the term's running mean, which is compared with the target.
        start: Initial multiplier.
        bounds: Smallest and largest multiplier.
        **kwargs: `name` of `keras.layers.Layer`.

    Raises:
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        target: float,
        rate: float = 1e-3,
        smoothing: float = 0.9,
        start: float = 1.0,
        bounds: tuple[float, float] = (1e-4, 1e4),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = {"target": target, "rate": rate, "smoothing": smoothing, "start": start}
        target, rate, smoothing, start = (arguments.real(*item) for item in given.items())
        if not arguments.is_list(bounds) or len(bounds) != 2:
            raise UsageTypeError(
                "Expected bounds to be a pair of numbers, such as (1e-4, 1e4). Received: "
                f"bounds={bounds!r}."
            )
        bounds = (arguments.real("bounds", bounds[0]), arguments.real("bounds", bounds[1]))
        if rate <= 0 or not 0 <= smoothing < 1 or not 0 < bounds[0] <= start <= bounds[1]:
            raise UsageError(
                "Expected rate above 0, smoothing in [0, 1) and 0 < smallest <= start <= largest. "
                f"Received: rate={rate!r}, smoothing={smoothing!r}, start={start!r}, "
                f"bounds={bounds!r}."
            )
        self.target, self.rate, self.smoothing, self.bounds = target, rate, smoothing, bounds
        self.log_multiplier = self._number("log_multiplier", math.log(start))
        self.average = self._number("average", 0.0)
        self.built = True

    @property
    def multiplier(self) -> Tensor:
        """Current weight of the term, above 0."""
        return ops.exp(self.log_multiplier)

    def minimized(self, term: Tensor, mean: Tensor, step: Tensor) -> Tensor:
        """Return the Lagrangian of the constraint that the term's mean is at most the target."""
        return ops.stop_gradient(self.multiplier) * (term - self.target)

    def update(self, mean: Tensor, step: Tensor) -> None:
        """Update the running mean and the multiplier."""
        smooth = self.smoothing * self.average + (1.0 - self.smoothing) * mean
        average = ops.where(step == 0, mean, smooth)
        move = ops.clip(self.rate * (average - self.target), -0.1, 0.1)
        self.average.assign(average)
        self.log_multiplier.assign(
            ops.clip(self.log_multiplier + move, *(math.log(bound) for bound in self.bounds))
        )

    def _number(self, name: str, value: float) -> Any:
        return self.add_weight(
            name=name,
            shape=(),
            dtype="float32",
            initializer=keras.initializers.Constant(value),
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
