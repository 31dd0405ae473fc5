"""The masked autoregressive flow: an exact density of codes of real numbers."""

import dataclasses
from collections.abc import Callable, Mapping
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
from keras_vae.variational import flows


def _masks(size: Size, block: int) -> dict[str, np.ndarray]:
    """Return the masks of a block by the name of the kernel; odd ones have the reverse order."""
    first, second, last = flows.autoregressive_masks(
        size.elements, block % 2 == 1, (size.width, size.width)
    )
    (direct,) = flows.autoregressive_masks(size.elements, block % 2 == 1, ())
    return {
        f"first_{block}": first,
        f"second_{block}": second,
        f"output_{block}": np.concatenate([direct, last]),
    }


def _weight_shapes(size: Size) -> dict[str, tuple[int, ...]]:
    kernels: dict[str, tuple[int, int]] = {}
    with_classes = []
    for block in range(size.blocks):
        kernels |= {
            f"first_{block}": (size.elements, size.width),
            f"second_{block}": (size.width, size.width),
            f"output_{block}": (size.elements + size.width, 2 * size.elements),
        }
        with_classes += [f"first_{block}", f"output_{block}"]
    return vectors.dense_shapes(kernels, size.classes, with_classes)


def _initial_weights(size: Size, seed: int) -> dict[str, np.ndarray]:
    """Return weights with which each block is the identity."""
    generator = np.random.default_rng(seed)
    found = {name: np.zeros(part, "float32") for name, part in _weight_shapes(size).items()}
    for block in range(size.blocks):
        for name in (f"first_{block}", f"second_{block}"):
            found[name] = vectors.initial_kernel(generator, found[name].shape)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class MAFSampler(VectorSampler):
    """A masked autoregressive flow, which gives each code an exact density.

    Loss:
        -log p(z) = -log N(u; 0, I) + sum over blocks and elements i of s_i

        Each block computes u_i = (z_i - m_i) exp(-s_i). m_i and s_i are outputs of a masked network
        of the elements before i, of z alone (MADE). The u of a block is the z of the next, with the
        elements in the reverse order. The z of the first block are codes, standardized by `mean`
        and `scale`. p is the density of codes before this: log p(codes) has - sum log scale, too.

    A density takes one pass of the network. A draw takes one for each element of each block, since
    an element depends on those before it. Temperature is a factor of u. Each block has two hidden
    layers, and connections from its inputs to its outputs. Where an element is constant or follows
    from the others, there is no density. `log_prob` then grows with training, and draws stay right.

    Source: Papamakarios et al. 2017 (arXiv:1705.07057), with the masks of Germain et al. 2015
    (arXiv:1502.03509).

    Example:
        >>> model.fit_prior(images, prior="maf", epochs=1, width=32, blocks=2, verbose=0)
        >>> nats = model.sampler.log_prob(model.encode(test))
        >>> new = model.sample(4, seed=0, temperature=0.8)

    Attributes:
        mean: Mean of each element of the codes, `(1, elements)`.
        scale: Their standard deviation, of the same shape.
    """

    name = "maf"
    epochs = 30
    defaults = MappingProxyType({"width": 128, "blocks": 5})
    largest = 128
    weight_shapes = staticmethod(_weight_shapes)
    initial_weights = staticmethod(_initial_weights)

    def __post_init__(self) -> None:
        """Make weights 0 that masks exclude, so that draws and densities need no masks."""
        object.__setattr__(self, "weights", self._masked(self.weights))

    def log_prob(self, codes: Any, labels: Any = None) -> Tensor:
        """Return the log density of codes, `(batch,)`, in nats.

        Args:
            codes: `(batch, *latent_shape)`.
            labels: Class of each code, `(batch,)`, or one for all; None for any class.

        Raises:
            ValueError: If codes are not those of a batch, or a label is unknown.
        """
        return self._to_noise(self.constants(), *self.checked_codes(codes, labels))[1]

    def to_noise(self, codes: Any, labels: Any = None) -> Tensor:
        """Return the standard normal noise of which `draw` makes these codes.

        Args:
            codes: `(batch, *latent_shape)`.
            labels: As in `log_prob`.

        Returns:
            `(batch, elements)`.
        """
        return self._to_noise(self.constants(), codes, _labels(labels))[0]

    def losses(
        self, weights: Mapping[str, Tensor], codes: Tensor, labels: Tensor | None, seed: Any
    ) -> Tensor:
        """Return -log p(codes), `(batch,)`, in nats."""
        return -self._to_noise(self._masked(weights), codes, self.hide_some(labels, seed))[1]

    def from_weights(
        self, weights: Mapping[str, Tensor], seeds: Any, temperature: float, given: Given
    ) -> Tensor:
        """Invert the blocks from the last to the first, one element after the other."""
        size = self.size
        noise = temperature * ops.convert_to_tensor(random.standard_normal(seeds, size.elements))

        def network(given: Given, z: Tensor) -> Tensor:
            for block in reversed(range(size.blocks)):
                z = _invert(size, block, _affine(weights, block, given.all_labels()), z)
            return z

        return self.restore(self.call_network(network, given, noise))

    def _to_noise(
        self, weights: Mapping[str, Tensor], codes: Any, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the noise of codes, and their log densities."""
        z, log_volume = self.standardize(codes), self.log_volume()
        for block in range(self.size.blocks):
            log_scale, shift = _affine(weights, block, labels)(z)
            z = (z - shift) * ops.exp(-log_scale)
            log_volume = log_volume + ops.sum(log_scale, axis=1)
        return z, Normal(ops.zeros_like(z)).log_prob(z) - log_volume

    def _masked(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(weights)
        for block in range(self.size.blocks):
            for name, mask in _masks(self.size, block).items():
                mask = mask if isinstance(found[name], np.ndarray) else ops.convert_to_tensor(mask)
                found[name] = found[name] * mask
        return found


def _affine(
    weights: Mapping[str, Tensor], block: int, labels: Tensor | None
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return the function from z to log scale and shift, `(batch, elements)` each.

    Those of an element depend on the elements before it.
    """
    first, second, output = (f"{name}_{block}" for name in ("first", "second", "output"))
    first_bias, second_bias, output_bias = (
        vectors.bias(weights, name, labels) for name in (first, second, output)
    )

    def compute(z: Tensor) -> tuple[Tensor, Tensor]:
        h = ops.relu(ops.matmul(z, weights[first]) + first_bias)
        h = ops.relu(ops.matmul(h, weights[second]) + second_bias)
        h = ops.matmul(ops.concatenate([z, h], axis=1), weights[output]) + output_bias
        log_scale, shift = ops.split(h, 2, axis=1)
        return flows.bend(log_scale), shift

    return compute


def _invert(size: Size, block: int, affine: Callable[..., Any], u: Tensor) -> Tensor:
    """Return the z of which a block makes u, one element after the other."""
    numbers = ops.arange(size.elements)
    if block % 2:
        numbers = size.elements - 1 - numbers

    def next_element(place: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        # Elements after it stay 0: numbers of no meaning could grow without limit.
        here = ops.cast(ops.equal(numbers, place), "float32")
        log_scale, shift = affine(z)
        return place + 1, z + here * (u * ops.exp(log_scale) + shift)

    return ops.while_loop(
        lambda place, _: place < size.elements,
        next_element,
        (ops.convert_to_tensor(0, "int32"), ops.zeros_like(u)),
        maximum_iterations=size.elements,
    )[1]


def _labels(labels: Any) -> Tensor | None:
    return None if labels is None else ops.cast(ops.convert_to_tensor(labels), "int32")
