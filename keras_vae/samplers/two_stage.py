"""The second stage of a two-stage VAE: a small VAE of codes of real numbers."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.distributions import Normal
from keras_vae.samplers import vectors
from keras_vae.samplers.network import Given
from keras_vae.samplers.vectors import Size, VectorSampler
from keras_vae.typing import Tensor

ENCODER, DECODER = "encoder", "decoder"
# Log gamma in units of its weight. Adam moves a weight by at most 1e-3 at a step.
GAIN = 10.0
OUTPUT = 0.5  # Factor of the kernels of outputs before training.


def _weight_shapes(size: Size) -> dict[str, tuple[int, ...]]:
    kernels: dict[str, tuple[int, int]] = {}
    for network, outputs in ((ENCODER, 2 * size.elements), (DECODER, size.elements)):
        for block in range(size.blocks):
            inputs = size.width if block else size.elements
            kernels[f"{network}_{block}"] = (inputs, size.width)
        kernels[f"{network}_output"] = (size.elements + size.width, outputs)
    with_classes = [f"{network}_{n}" for network in (ENCODER, DECODER) for n in (0, "output")]
    shapes = vectors.dense_shapes(kernels, size.classes, with_classes)
    return {**shapes, "log_gamma": (1,)}


def _initial_weights(size: Size, seed: int) -> dict[str, np.ndarray]:
    """Return weights with which gamma is 1, and q has variances near 1."""
    generator = np.random.default_rng(seed)
    found = {name: np.zeros(part, "float32") for name, part in _weight_shapes(size).items()}
    for network in (ENCODER, DECODER):
        for block in range(size.blocks):
            name = f"{network}_{block}"
            found[name] = vectors.initial_kernel(generator, found[name].shape)
        name = f"{network}_output"
        found[name] = vectors.initial_kernel(generator, found[name].shape) * OUTPUT
    found[f"{ENCODER}_output"][:, size.elements :] *= OUTPUT
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class TwoStageSampler(VectorSampler):
    """The second stage of a two-stage VAE, which draws codes of the aggregate posterior.

    Loss:
        -log N(z; mean(u), gamma I) + KL(q(u | z) || N(0, I)),  u of q(u | z)

        z are codes, standardized by `mean` and `scale`, and u has as many elements. gamma is one
        learned number. The loss has + sum log scale, too, so that it bounds -log p(codes) in nats.

    A draw takes u of N(0, I), and z of N(mean(u), gamma I). Temperature is a factor of the noise of
    both. The networks of q(u | z) and of mean(u) have `blocks` hidden layers each, and connections
    from their inputs to their outputs.

    Source: Dai and Wipf 2019 (arXiv:1903.05789, section 4). There, the first stage is a VAE. Codes
    of any other model are fitted in the same way.

    Example:
        >>> model.fit_prior(images, prior="two_stage", epochs=1, width=32, verbose=0)
        >>> new = model.sample(4, seed=0, temperature=0.8)

    Attributes:
        mean: Mean of each element of the codes, `(1, elements)`.
        scale: Their standard deviation, of the same shape.
    """

    name = "two_stage"
    epochs = 50
    defaults = MappingProxyType({"width": 256, "blocks": 3})
    largest = 4096
    weight_shapes = staticmethod(_weight_shapes)
    initial_weights = staticmethod(_initial_weights)

    def losses(
        self, weights: Mapping[str, Tensor], codes: Tensor, labels: Tensor | None, seed: Any
    ) -> Tensor:
        """Return the negative bound on log p(codes), `(batch,)`, in nats."""
        labels, z = self.hide_some(labels, seed), self.standardize(codes)
        outputs = _outputs(self.size, weights, ENCODER, z, labels)
        mean, log_variance = ops.split(outputs, 2, axis=1)
        q = Normal(mean, log_variance)
        u = q.sample(seed)
        p = _observation(weights, _outputs(self.size, weights, DECODER, u, labels))
        return self.log_volume() - p.log_prob(z) + q.kl(Normal(ops.zeros_like(u)))

    def from_weights(
        self, weights: Mapping[str, Tensor], seeds: Any, temperature: float, given: Given
    ) -> Tensor:
        """Draw u, and z given u."""
        noise = ops.convert_to_tensor(random.standard_normal(seeds, 2 * self.size.elements))
        first, second = ops.split(temperature * noise, 2, axis=1)
        size = self.size

        def network(given: Given, u: Tensor) -> Tensor:
            return _outputs(size, weights, DECODER, u, given.all_labels())

        p = _observation(weights, self.call_network(network, given, first))
        return self.restore(p.from_noise(second))


def _observation(weights: Mapping[str, Tensor], mean: Tensor) -> Normal:
    """Return p(z | u) for the mean of z."""
    return Normal(mean, ops.zeros_like(mean) + GAIN * weights["log_gamma"])


def _outputs(
    size: Size, weights: Mapping[str, Tensor], network: str, x: Tensor, labels: Tensor | None
) -> Tensor:
    h = x
    for block in range(size.blocks):
        name = f"{network}_{block}"
        h = ops.relu(ops.matmul(h, weights[name]) + vectors.bias(weights, name, labels))
    name = f"{network}_output"
    h = ops.matmul(ops.concatenate([x, h], axis=1), weights[name])
    return h + vectors.bias(weights, name, labels)
