"""The autoencoder that is trained for short compressed files."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae import distributions
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.distributions import parameters, sum_event
from keras_vae.distributions.special import softplus
from keras_vae.errors import UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import value_checks
from keras_vae.validation.examples import first_input

# The smallest and largest int32 among float32: beyond them, runtimes cast to different integers.
CODE_RANGE = (-(2.0**31), 2.0**31 - 128)


@keras.saving.register_keras_serializable("keras_vae")
class CompressiveAutoencoder(Autoencoder):
    """Autoencoder trained for rate and distortion, whose codes are integers.

    Loss:
        loss = mean over the batch of [ -log p(x | z + u) + rate_weight * rate(z + u) ]

        z = encoder(x), and u is one sample of uniform noise in [-1/2, 1/2] for each element.
        rate(z) = -sum_i log P_i(z_i) is the length of the code in nats. P_i(z) is the probability
        of a learned logistic distribution between z - 1/2 and z + 1/2. The elements along the
        last axis of the code have one distribution each. -log p(x | z), the distortion, is in
        nats and summed over the event; with "normal" it is half the squared error + constant.

    The noise stands for the rounding of codes, which has no gradient. `encode` rounds, and
    `keras_vae.compression` writes the integers to files.

    Source: Ballé et al. 2017 (arXiv:1611.01704, equation 9).

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=64)
        >>> model = keras_vae.CompressiveAutoencoder(encoder, decoder, rate_weight=0.03)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=20)
        >>> blob = keras_vae.compression.compress(model, images)

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        rate_weight: Weight of the rate. A larger weight gives smaller files and worse images.
        likelihood: As in `Autoencoder`; "normal" is half the squared error.
        **kwargs: Of `Autoencoder`: `seed`, `preprocess`, `name`, `dtype`.

    Raises:
        ValueError: As for `Autoencoder`.
        TypeError: As for `Autoencoder`, or if `decode` gets codes that are no integers.
    """

    takes_condition = False
    terms = ("reconstruction", "rate")
    latent_dtype = "int32"

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        rate_weight: float = 0.03,
        likelihood: str | type[distributions.Distribution] = "normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, likelihood, {"rate": rate_weight}, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make all variables, with those of the distribution of codes."""
        was_built = self.built
        super().build(input_shape)
        if was_built:
            return
        size = self.latent_shape[-1:]
        self.location, self.log_scale = (
            self.add_weight(name=name, shape=size, initializer="zeros", autocast=False)
            for name in ("location", "log_scale")
        )

    def codes_from_outputs(self, outputs: list[Tensor]) -> Tensor:
        """Return the nearest integers, of both signs, int32 `(batch, *latent_shape)`.

        Integers have no NaN: `encode` gives examples with values that are not finite code 0.
        """
        return ops.cast(ops.clip(ops.round(outputs[0]), *CODE_RANGE), "int32")

    def decoder_input(self, z: Tensor) -> Tensor:
        """Return integer codes as float32; raise TypeError for codes that are not integers."""
        if not keras.backend.is_int_dtype(z.dtype):
            raise UsageTypeError(f"Expected integers, as encode(x) gives. Received: {z.dtype}.")
        return ops.cast(value_checks.integers_of_32_bits("z", z), "float32")

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return distortion and rate, each `(batch,)`, in nats, with noise in place of rounding."""
        z = self.encoder_outputs(x, training)[0]
        noise = keras.random.uniform(ops.shape(z), -0.5, 0.5, "float32", self.seed_generator)
        p = self.observation_from_inputs(z + noise, training)
        return {"reconstruction": -p.log_prob(y), "rate": self.rate(z + noise)}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return distortion and rate for rounded codes, each `(batch,)`, in nats."""
        z = self.encode(x)
        p = self.observation(z)
        rate = self.rate(ops.cast(z, "float32"))
        return {"reconstruction": -p.log_prob(first_input(x)), "rate": rate}

    def rate(self, z: Tensor) -> Tensor:
        """Return -log P of codes `(batch, *latent_shape)`, shape `(batch,)`, in nats.

        P(z) is the probability of a logistic distribution between z - 1/2 and z + 1/2. Let a and
        b be these edges minus the location, divided by the scale. Then
        P(z) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), a form without cancellation.
        """
        # A scale below 0.01 already has all its probability at one integer, and would overflow.
        z, location, log_scale = parameters([z, self.location, self.log_scale])
        scale = ops.exp(ops.maximum(log_scale, -math.log(100.0)))
        low, high = ((z + half - location) / scale for half in (-0.5, 0.5))
        certain = ops.log(-ops.expm1(-1.0 / scale))
        return sum_event(softplus(-high) + softplus(low) - certain)
