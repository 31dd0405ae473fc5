"""The autoregressive sampler: each integer of a code given those before it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras import ops

from keras_vae import random
from keras_vae.distributions import choices
from keras_vae.samplers import transformer
from keras_vae.samplers.network import Given, TransformerSampler
from keras_vae.typing import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class AutoregressiveSampler(TransformerSampler):
    """A causal transformer over the integers of a code, in row-major order.

    Loss:
        -log p(codes) = - sum over places i of log p(code_i | code_0 ... code_(i-1), class)

    Sources: van den Oord et al. 2017 (arXiv:1711.00937, section 3.3) for a prior over codes, Esser
    et al. 2021 (arXiv:2012.09841) for a transformer as one.

    Example:
        >>> networks = keras_vae.nets.conv_map((28, 28, 1), latent_channels=4)
        >>> model = keras_vae.VQVAE(*networks, codebook_size=16)
        >>> model.fit_prior(images, prior="autoregressive", epochs=1, verbose=0)
        >>> nats = model.sampler.log_prob(model.encode(test))
    """

    name = "autoregressive"
    epochs = 10
    is_loop = True

    def log_prob(self, codes: Any, labels: Any = None) -> Tensor:
        """Return the log probability of codes, `(batch,)`, in nats.

        Args:
            codes: Integers, `(batch, *latent_shape)`.
            labels: Class of each code, `(batch,)`, or one for all; None for any class.

        Raises:
            ValueError: If codes are not those of a batch, or a label is unknown.
        """
        return self._log_prob(self.constants(), *self.checked_codes(codes, labels))

    def follow(self, codes: Any, seeds: Any, labels: Any = None) -> Tensor:
        """Return what is drawn at each place if those before it are as in `codes`.

        Codes that `draw` returned for the same seeds and labels are returned as they are.

        Args:
            codes: Integers, `(batch, *latent_shape)`.
            seeds: As in `draw`.
            labels: As in `draw`.

        Returns:
            int32, of the shape of `codes`.
        """
        given = Given(self.size, self.guidance, labels=labels)
        codes = ops.cast(ops.convert_to_tensor(codes), "int32")
        flat = given.repeat(ops.reshape(codes, (-1, self.size.places)))
        logits = given.combine(self._logits(self.constants(), flat, given.all_labels()))
        uniform = ops.convert_to_tensor(random.uniform(seeds, self.size.places))
        return ops.reshape(choices.by_uniform(logits, uniform), ops.shape(codes))

    def losses(
        self, weights: Mapping[str, Tensor], codes: Tensor, labels: Tensor | None, seed: Any
    ) -> Tensor:
        """Return -log p(codes), `(batch,)`, in nats."""
        return -self._log_prob(weights, codes, self.hide_some(labels, seed))

    def _log_prob(self, weights: Mapping[str, Tensor], codes: Tensor, labels: Any) -> Tensor:
        codes = ops.reshape(ops.cast(codes, "int32"), (-1, self.size.places))
        logits = self._logits(weights, codes, labels)
        return ops.sum(choices.log_prob(logits, codes), axis=1)

    def _logits(self, weights: Mapping[str, Tensor], codes: Tensor, labels: Any) -> Tensor:
        """Return the logits of each place, `(batch, places, codes)`."""
        size = self.size
        before = ops.concatenate([ops.full_like(codes[:, :1], size.inputs), codes[:, :-1]], axis=1)
        h = transformer.embed(weights, size, before, labels)
        return transformer.outputs(weights, size, h, causal=True)

    def from_weights(
        self, weights: Mapping[str, Tensor], seeds: Any, temperature: float, given: Given
    ) -> Tensor:
        """Draw one place after the other; keys and values of those before are kept."""
        size, labels = self.size, given.all_labels()
        uniform = ops.convert_to_tensor(random.uniform(seeds, size.places))
        numbers = ops.arange(size.places)
        first = ops.cast(ops.zeros_like(uniform[:, 0]), "int32")

        def choose(place: Tensor, last: Tensor, codes: Tensor, *cache: Tensor) -> tuple:
            here = ops.cast(ops.equal(numbers, place), "float32")
            own = {**weights, "positions": ops.matmul(here[None], weights["positions"])}
            h = transformer.embed(own, size, given.repeat(last)[:, None], labels)
            logits, cache = transformer.next_outputs(weights, size, h, place, cache)
            chance = ops.sum(uniform * here, axis=1)
            chosen = choices.at_temperature(given.combine(logits), chance, temperature)
            codes = codes + ops.cast(here, "int32") * chosen[:, None]
            return (place + 1, chosen, codes, *cache)

        start = (
            ops.convert_to_tensor(0, "int32"),
            first + size.inputs,
            ops.zeros_like(ops.cast(uniform, "int32")),
            *transformer.empty_cache(size, ops.shape(given.repeat(first))[0]),
        )
        return ops.while_loop(
            lambda place, *_: place < size.places, choose, start, maximum_iterations=size.places
        )[2]
