"""The flow sampler: an ordinary differential equation from noise to codes of real numbers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.samplers import transformer
from keras_vae.samplers.network import Given, TransformerSampler
from keras_vae.typing import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class FlowSampler(TransformerSampler):
    """A velocity v(z, t, class) that moves standard normal noise at t = 0 to codes at t = 1.

    Loss:
        || v((1 - t) noise + t z, t, class) - (z - noise) ||^2,  t uniform in [0, 1]

        z are codes, standardized by `mean` and `scale`. They are integrated by Heun's method in
        steps of equal length.

    Source: Lipman et al. 2023 (arXiv:2210.02747), with the straight paths of Liu et al. 2023
    (arXiv:2209.03003).

    Example:
        >>> model.fit_prior(images, prior="flow", epochs=1, rounds=8, verbose=0)
        >>> new = model.sample(4, seed=0, temperature=0.8)

    Attributes:
        mean: Mean of each element of the codes, `(places, outputs)`.
        scale: Their standard deviation, of the same shape.
        rounds: Number of steps.
    """

    name = "flow"
    epochs = 30  # Small networks for codes of one place are fast and need more of them.
    is_real = True
    mean: Any = dataclasses.field(default=0.0, repr=False)
    scale: Any = dataclasses.field(default=1.0, repr=False)
    rounds: int = 12

    def losses(
        self, weights: Mapping[str, Tensor], codes: Tensor, labels: Tensor | None, seed: Any
    ) -> Tensor:
        """Return the squared error of the velocity, summed over a code, `(batch,)`."""
        size = self.size
        shape = (-1, size.places, size.inputs)
        mean, scale = (ops.convert_to_tensor(part, "float32") for part in (self.mean, self.scale))
        z = (ops.reshape(codes, shape) - mean) / scale
        noise = keras.random.normal(ops.shape(z), dtype="float32", seed=seed)
        t = keras.random.uniform((ops.shape(z)[0],), dtype="float32", seed=seed)
        mixed = noise + t[:, None, None] * (z - noise)
        h = transformer.embed_vectors(weights, size, mixed, t, self.hide_some(labels, seed))
        velocity = transformer.outputs(weights, size, h)
        return ops.sum(ops.square(velocity - (z - noise)), axis=(1, 2))

    def from_weights(
        self, weights: Mapping[str, Tensor], seeds: Any, temperature: float, given: Given
    ) -> Tensor:
        """Follow the velocity from the noise of the seeds."""
        size = self.size
        noise = ops.convert_to_tensor(random.standard_normal(seeds, size.places * size.inputs))
        z = temperature * ops.reshape(noise, (-1, size.places, size.inputs))

        def network(given: Given, z: Tensor, t: Tensor) -> Tensor:
            labels = given.all_labels()
            h = transformer.embed_vectors(weights, size, given.repeat(z), t, labels)
            return given.combine(transformer.outputs(weights, size, h))

        def velocity(z: Tensor, time: float) -> Tensor:
            t = ops.convert_to_tensor(np.asarray([time], "float32"))
            return self.call_network(network, given, z, t)

        step = 1.0 / self.rounds
        for number in range(self.rounds):
            start = velocity(z, number * step)
            end = velocity(z + step * start, (number + 1) * step)
            z = z + 0.5 * step * (start + end)
        mean, scale = (ops.convert_to_tensor(part, "float32") for part in (self.mean, self.scale))
        return mean + scale * z
