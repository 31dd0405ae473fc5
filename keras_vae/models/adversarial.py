"""The adversarial autoencoder."""

import math
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.sampling import StandardNormalPrior
from keras_vae.losses.adversary import (
    check_discriminator,
    dense_discriminator,
    discriminator_loss,
    judge_and_oppose,
)
from keras_vae.losses.terms import flatten_rows
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.typing import Tensor
from keras_vae.validation.networks import check_network


@keras.saving.register_keras_serializable("keras_vae")
class AdversarialAutoencoder(StandardNormalPrior, Autoencoder):
    """Autoencoder whose codes a discriminator cannot tell from samples of the prior.

    Loss:
        loss = mean over the batch of
            [ -log p(x | z) + adversarial_weight * softplus(-D(z))
              + 1/2 * (softplus(-D(z')) + softplus(D(z))) ]

        z = encoder(x), without noise, and z' is a sample of p(z) = N(0, I) for each example. D(z)
        is the log odds of a discriminator that z comes from p(z) and not from the encoder. All
        terms are in nats; the first is summed over the event.

    The term `adversarial`, softplus(-D(z)), trains only the encoder: its gradient does not reach
    the discriminator. The term `discriminator`, the last one, trains only the discriminator: its
    gradient does not reach the codes. So one optimizer is enough. The paper takes turns between
    reconstruction and the opponents, here all of them move in each step.

    For the best discriminator, the mean of `discriminator` is log 2 minus the Jensen-Shannon
    divergence of the codes from the prior. So log 2, about 0.693, in the logs means that it cannot
    tell them apart.

    Source: Makhzani et al. 2015 (arXiv:1511.05644, section 2).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16)
        >>> model = keras_vae.AdversarialAutoencoder(encoder, decoder)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)
        >>> new = model.sample(16, seed=0)

    Args:
        encoder: As in `Autoencoder`, with one output, the code.
        decoder: As in `Autoencoder`.
        adversarial_weight: Weight of the term `adversarial`: a number or a Keras schedule.
        discriminator: Layer or model from codes `(batch, elements)` to log odds `(batch, 1)`; None
            for the two layers of 1000 units of the paper.
        loss_weights: As in `Autoencoder`. The weight of `discriminator`, 1, scales its learning
            rate for plain gradient descent. It has no effect with Adam.
        **kwargs: Of `Autoencoder`: `likelihood`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the discriminator does not return one number for each code.
    """

    terms = ("reconstruction", "adversarial", "discriminator")
    weight_arguments = {"adversarial_weight": ("adversarial",)}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        adversarial_weight: LossWeight = 1.0,
        discriminator: keras.layers.Layer | None = None,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"adversarial": adversarial_weight}, loss_weights)
        super().__init__(encoder, decoder, loss_weights=weights, **kwargs)
        if discriminator is None:
            discriminator = dense_discriminator(2, "relu")
        self.discriminator = check_network("discriminator", discriminator)

    def build(self, input_shape: Any) -> None:
        """Make all variables, and raise ValueError unless the discriminator fits the codes."""
        super().build(input_shape)
        check_discriminator(self.discriminator, (math.prod(self.latent_shape),))

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the three terms of the loss, each `(batch,)`, in nats."""
        z = self.encode(x, training)
        p = self.observation(self.with_condition(z, x), training)
        codes = flatten_rows(z)
        prior = keras.random.normal(ops.shape(codes), dtype="float32", seed=self.seed_generator)
        (true, false), odds = judge_and_oppose(self.discriminator, (prior, codes), 1, training)
        return {
            "reconstruction": -p.log_prob(y),
            "adversarial": ops.softplus(-odds),
            "discriminator": discriminator_loss(true, false),
        }
