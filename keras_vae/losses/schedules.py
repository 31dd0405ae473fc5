"""Warm-up schedules for loss weights, from `start` to `end` over a number of training steps.

Each is a Keras schedule: it is saved with the model and can be used wherever Keras takes one. A
model calls it with the number of its own training steps, which is saved too. Resumed training
therefore continues the schedule.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

__all__ = ["CosineWarmUp", "CyclicalWarmUp", "LinearWarmUp", "SigmoidWarmUp", "WarmUp"]


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Base class of warm-up schedules; a subclass defines `fraction(done)`.

    Example:
        >>> beta = keras_vae.schedules.LinearWarmUp(steps=5000, delay=1000)
        >>> [round(float(beta(step)), 2) for step in (0, 1000, 3500, 6000)]
        [0.0, 0.0, 0.5, 1.0]
        >>> model = keras_vae.VAE(encoder, decoder, beta=beta)

    Args:
        steps: Training steps (batches) from `start` to `end`; one epoch is
            ceil(examples / batch size) steps.
        start: Weight before and at `delay`.
        end: Weight once `delay + steps` steps are done.
        delay: Steps at `start` before the weight begins to change.

    Raises:
        ValueError: If `steps` is less than 1 or `delay` is negative.
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0, delay: int = 0) -> None:
        super().__init__()
        self.steps, self.delay = (
            arguments.integer("steps", steps),
            arguments.integer("delay", delay, 0),
        )
        self.start, self.end = arguments.real("start", start), arguments.real("end", end)

    def __call__(self, step: Tensor) -> Tensor:
        """Return the weight after `step` training steps, a float32 number."""
        done = (ops.cast(step, "float32") - self.delay) / self.steps
        return self.start + (self.end - self.start) * self.fraction(done)

    def fraction(self, done: Tensor) -> Tensor:
        """Return the position between `start` (0) and `end` (1); `done` is 1 after `steps`."""
        raise NotImplementedError(f"{type(self).__name__} must define fraction(done).")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {name: getattr(self, name) for name in ("steps", "start", "end", "delay")}


@keras.saving.register_keras_serializable("keras_vae")
class LinearWarmUp(WarmUp):
    """A linear warm-up (Bowman et al. 2016; Sønderby et al. 2016).

    Arguments and errors are those of `WarmUp`.

    Example:
        >>> beta = keras_vae.schedules.LinearWarmUp(steps=5000)
        >>> [round(float(beta(step)), 2) for step in (0, 2500, 5000)]
        [0.0, 0.5, 1.0]
        >>> model = keras_vae.VAE(encoder, decoder, beta=beta)
    """

    def fraction(self, done: Tensor) -> Tensor:
        """Return `done`, clipped to [0, 1]."""
        return ops.clip(done, 0.0, 1.0)


@keras.saving.register_keras_serializable("keras_vae")
class CosineWarmUp(WarmUp):
    """A warm-up along half a cosine, flat at both ends.

    Arguments and errors are those of `WarmUp`.

    Example:
        >>> beta = keras_vae.schedules.CosineWarmUp(steps=5000)
        >>> [round(float(beta(step)), 2) for step in (0, 1250, 2500, 5000)]
        [0.0, 0.15, 0.5, 1.0]
        >>> model = keras_vae.VAE(encoder, decoder, beta=beta)
    """

    def fraction(self, done: Tensor) -> Tensor:
        """Return (1 - cos(pi * done)) / 2."""
        return 0.5 - 0.5 * ops.cos(math.pi * ops.clip(done, 0.0, 1.0))


@keras.saving.register_keras_serializable("keras_vae")
class SigmoidWarmUp(WarmUp):
    """A warm-up along a logistic curve, stretched to reach `start` and `end` exactly.

    Source: Bowman et al. 2016.

    Example:
        >>> beta = keras_vae.schedules.SigmoidWarmUp(steps=5000)
        >>> [round(float(beta(step)), 2) for step in (1250, 2500, 5000)]
        [0.07, 0.5, 1.0]
        >>> model = keras_vae.VAE(encoder, decoder, beta=beta)

    Args:
        steps: As in `WarmUp`.
        start: As in `WarmUp`.
        end: As in `WarmUp`.
        delay: As in `WarmUp`.
        sharpness: Length of the section of the logistic curve; 10 is from -5 to 5.

    Raises:
        ValueError: As in `WarmUp`, or if `sharpness` is not above 0.
    """

    def __init__(
        self,
        steps: int,
        start: float = 0.0,
        end: float = 1.0,
        delay: int = 0,
        sharpness: float = 10.0,
    ) -> None:
        super().__init__(steps, start, end, delay)
        self.sharpness = arguments.real("sharpness", sharpness)
        if self.sharpness <= 0:
            raise UsageError(f"Expected sharpness above 0. Received: {sharpness!r}.")

    def fraction(self, done: Tensor) -> Tensor:
        """Return a logistic curve from 0 to 1, computed by tanh."""
        center = 2.0 * ops.clip(done, 0.0, 1.0) - 1.0
        return 0.5 + 0.5 * ops.tanh(0.25 * self.sharpness * center) / math.tanh(
            0.25 * self.sharpness
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "sharpness": self.sharpness}


@keras.saving.register_keras_serializable("keras_vae")
class CyclicalWarmUp(WarmUp):
    """Several linear warm-ups in sequence, then `end` (Fu et al. 2019, arXiv:1903.10145).

    Example:
        >>> beta = keras_vae.schedules.CyclicalWarmUp(steps=1000, cycles=4)
        >>> [round(float(beta(step)), 2) for step in (0, 250, 750, 1250)]
        [0.0, 0.5, 1.0, 0.5]
        >>> model = keras_vae.VAE(encoder, decoder, beta=beta)

    Args:
        steps: Steps of one cycle.
        start: Weight at the start of each cycle.
        end: Weight at the end of each cycle, and after the last.
        delay: As in `WarmUp`.
        cycles: Number of cycles.
        rise: Fraction of a cycle that rises; the rest stays at `end`. The paper uses 0.5.

    Raises:
        ValueError: As in `WarmUp`, or if `cycles` is less than 1 or `rise` is not in (0, 1].
    """

    def __init__(
        self,
        steps: int,
        start: float = 0.0,
        end: float = 1.0,
        delay: int = 0,
        cycles: int = 4,
        rise: float = 0.5,
    ) -> None:
        super().__init__(steps, start, end, delay)
        self.cycles, self.rise = arguments.integer("cycles", cycles), arguments.real("rise", rise)
        if not 0.0 < self.rise <= 1.0:
            raise UsageError(f"Expected rise above 0 and at most 1. Received: rise={rise!r}.")

    def fraction(self, done: Tensor) -> Tensor:
        """Return a sawtooth wave with a flat top."""
        done = ops.maximum(done, 0.0)
        tooth = ops.minimum((done - ops.floor(done)) / self.rise, 1.0)
        return ops.where(done < self.cycles, tooth, ops.ones_like(done))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "cycles": self.cycles, "rise": self.rise}
