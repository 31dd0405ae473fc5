"""The masked sampler: all integers of a code at once, in a few rounds."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.distributions import choices
from keras_vae.samplers import transformer
from keras_vae.samplers.network import Given, TransformerSampler
from keras_vae.typing import Tensor

CERTAIN = 1e9  # Confidence of places that were chosen before.
# Initial size of the noise in the choice of places; it falls to 0. From the paper's figure 8.
NOISE = 4.5


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedSampler(TransformerSampler):
    """A transformer that fills in hidden integers, and draws a code in `rounds` rounds.

    Loss:
        - sum over hidden places i of log p(code_i | places that are not hidden, class)
          times places / number of hidden places

    The share of hidden places is cos(pi u / 2) for a uniform u. In each round, all hidden places
    are drawn, and those stay that the network is most certain of.

    Source: Chang et al. 2022 (arXiv:2202.04200, section 3).

    Example:
        >>> networks = keras_vae.nets.conv_map((28, 28, 1), latent_channels=4)
        >>> model = keras_vae.VQVAE(*networks, codebook_size=16)
        >>> model.fit_prior(images, labels, prior="masked", epochs=1, rounds=8, verbose=0)
        >>> new = model.sample(4, seed=0, condition=[0, 1, 2, 3], guidance=2.0)

    Attributes:
        rounds: Number of rounds.
    """

    name = "masked"
    epochs = 20
    rounds: int = 12

    def losses(
        self, weights: Mapping[str, Tensor], codes: Tensor, labels: Tensor | None, seed: Any
    ) -> Tensor:
        """Return the loss of hidden places, `(batch,)`, in nats as if all places were hidden."""
        size = self.size
        codes = ops.reshape(ops.cast(codes, "int32"), (-1, size.places))
        rows = ops.shape(codes)[0]
        share = ops.cos(0.5 * math.pi * keras.random.uniform((rows, 1), dtype="float32", seed=seed))
        order = keras.random.uniform((rows, size.places), dtype="float32", seed=seed)
        hidden = ops.logical_or(order < share, order <= ops.min(order, axis=1, keepdims=True))
        tokens = ops.where(hidden, ops.full_like(codes, size.inputs), codes)
        h = transformer.embed(weights, size, tokens, self.hide_some(labels, seed))
        logits = transformer.outputs(weights, size, h)
        hidden = ops.cast(hidden, "float32")
        nats = -ops.sum(hidden * choices.log_prob(logits, codes), axis=1)
        return nats * size.places / ops.sum(hidden, axis=1)

    def from_weights(
        self, weights: Mapping[str, Tensor], seeds: Any, temperature: float, given: Given
    ) -> Tensor:
        """Draw all hidden places in each round, and keep the most certain ones."""
        size = self.size
        count = self.rounds * size.places
        noise = ops.convert_to_tensor(random.uniform(seeds, 2 * count))
        noise = ops.reshape(noise, (-1, 2, self.rounds, size.places))
        hidden = ops.ones_like(noise[:, 0, 0])
        codes = ops.cast(ops.zeros_like(hidden), "int32")

        def network(given: Given, tokens: Tensor) -> Tensor:
            h = transformer.embed(weights, size, given.repeat(tokens), given.all_labels())
            return given.combine(transformer.outputs(weights, size, h))

        for number, kept in enumerate(self.kept_places()):
            tokens = ops.where(hidden > 0.5, ops.full_like(codes, size.inputs), codes)
            logits = self.call_network(network, given, tokens)
            drawn = choices.at_temperature(logits, noise[:, 0, number], temperature)
            codes = ops.where(hidden > 0.5, drawn, codes)
            if kept == size.places:
                break
            gumbel = -ops.log(-ops.log(noise[:, 1, number]))
            spread = temperature * NOISE * (1.0 - (number + 1) / self.rounds)
            certain = choices.log_prob(logits, drawn) + spread * gumbel + CERTAIN * (1.0 - hidden)
            least = ops.top_k(certain, kept)[0][:, -1:]
            hidden = ops.cast(certain < least, "float32")
        return codes

    def kept_places(self) -> list[int]:
        """Return how many places are known after each round, by a cosine."""
        done = np.arange(1, self.rounds + 1) / self.rounds
        found = self.size.places - np.floor(self.size.places * np.cos(0.5 * math.pi * done))
        return [int(n) for n in np.clip(found, 1, self.size.places)]
