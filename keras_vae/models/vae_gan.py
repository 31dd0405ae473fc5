"""The VAE with the features of a discriminator."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import sum_event
from keras_vae.losses.adversary import (
    ConvDiscriminator,
    check_discriminator,
    judge,
    judge_with_constant_weights,
)
from keras_vae.losses.weights import LossWeight, merge_weights
from keras_vae.models.vae import VAE
from keras_vae.typing import Tensor
from keras_vae.validation.networks import check_network


@keras.saving.register_keras_serializable("keras_vae")
class VAEGAN(VAE):
    """VAE that compares images in the features of a discriminator, for sharp samples.

    Loss:
        loss = mean over the batch of
            [ 1/2 * ||F(x) - F(x')||^2 + beta * KL(q(z | x) || p(z))
              + adversarial_weight * (softplus(-D(x')) + softplus(-D(x_p)))
              + softplus(-D(x)) + softplus(D(x')) + softplus(D(x_p)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)), p(z) = N(0, I), and KL is in
        closed form. x' is the mean of p(x | z), and x_p the mean of p(x | z_p) for a sample z_p of
        p(z). D is the log odds of a discriminator that an image is of the data and not of the
        decoder, and F are the features of one of its layers. All terms are in nats. The first,
        summed over the features, is -log N(F(x); F(x'), I) up to a constant.

    Each term trains its own part, by gradients that stop elsewhere. So one optimizer is enough:

    - `features`, the first: encoder and decoder
    - `kl`: the encoder
    - `adversarial`, the second line: the decoder
    - `discriminator`, the third line: the discriminator

    The term `reconstruction`, -log p(x | z), has weight 0 as in the paper. It is there for logs,
    scores, and `elbo`. The paper weights `features` of the decoder by gamma. That is an
    `adversarial_weight` of 1 / gamma, because Adam does not depend on the scale of all terms.
    The decoder of the paper minimizes -softplus(D(x')), of the same aim. The form here has larger
    gradients while D is right (Goodfellow et al. 2014, section 3). A step decodes three times.

    Source: Larsen et al. 2016 (arXiv:1512.09300, equations 5 to 8 and algorithm 1).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.VAEGAN(encoder, decoder)
        >>> model.compile(keras.optimizers.Adam(3e-4, beta_1=0.5))
        >>> model.fit(images, epochs=10)
        >>> new = model.sample(16, seed=0)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        adversarial_weight: Weight of the term `adversarial`: a number or a Keras schedule.
        discriminator: Model from `(batch, *event)` to `[features, log odds]`, of any shape and
            `(batch, 1)`; None for three convolutions, whose last one has the features.
        loss_weights: As in `VAE`. `{"reconstruction": 1.0}` adds the pixels.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: If the discriminator has other inputs or outputs, or none is given and events
            are no images.
    """

    terms = ("reconstruction", "kl", "features", "adversarial", "discriminator")
    weight_arguments = {**VAE.weight_arguments, "adversarial_weight": ("adversarial",)}

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        adversarial_weight: LossWeight = 1.0,
        discriminator: keras.layers.Layer | None = None,
        loss_weights: Mapping[str, LossWeight] | None = None,
        **kwargs: Any,
    ) -> None:
        own = {"reconstruction": 0.0, "adversarial": adversarial_weight}
        super().__init__(encoder, decoder, loss_weights=merge_weights(own, loss_weights), **kwargs)
        if discriminator is None:
            discriminator = ConvDiscriminator()
        self.discriminator = check_network("discriminator", discriminator)

    def build(self, input_shape: Any) -> None:
        """Make all variables, and raise ValueError unless the discriminator fits the events."""
        super().build(input_shape)
        check_discriminator(self.discriminator, self.event_shape, features=True)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return the five terms of the loss, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        z_p = self.prior(z).sample(self.seed_generator)
        # The decoder alone learns from these.
        fakes = [
            self.prepare(self.observation(self.with_condition(code, x), training).mean)
            for code in (ops.stop_gradient(z), z_p)
        ]
        real, *judged = (
            judge(self.discriminator, each, training)[-1]
            for each in (self.prepare(y), *map(ops.stop_gradient, fakes))
        )
        these, those = (self._constant(self.prepare(e), training)[:-1] for e in (y, p.mean))
        pairs = zip(these, those, strict=True)
        return {
            "reconstruction": -p.log_prob(y),
            "kl": q.kl(self.prior(z)),
            "features": sum(0.5 * sum_event(ops.square(one - other)) for one, other in pairs),
            "adversarial": sum(ops.softplus(-self._constant(e, training)[-1]) for e in fakes),
            "discriminator": ops.softplus(-real) + sum(map(ops.softplus, judged)),
        }

    def _constant(self, x: Tensor, training: bool) -> list[Tensor]:
        return judge_with_constant_weights(self.discriminator, x, training)
