"""The autoencoder that is trained for the bits of its codes."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae import distributions
from keras_vae.autoencoder import Autoencoder, event
from keras_vae.distributions import parameters, sum_event

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class CompressiveAutoencoder(Autoencoder):
    """Autoencoder for rate and distortion (Ballé et al. 2017, arXiv:1611.01704, equation 9).

    Codes are rounded to integers, which `keras_vae.compression` writes to files. In training
    uniform noise stands for the rounding, and the term `rate` is the length of the code in nats,
    under one logistic distribution for each element of the code's last axis, learned too.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=64)
        >>> model = keras_vae.CompressiveAutoencoder(encoder, decoder, rate_weight=0.03)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=20)
        >>> blob = keras_vae.compression.compress(model, images)

    Args:
        encoder: As in `Autoencoder`.
        decoder: As in `Autoencoder`.
        rate_weight: Weight of the rate against the distortion, -log p(x | z); more is smaller
            files and worse pictures.
        likelihood: As in `Autoencoder`; "normal" is half the squared error.
        **kwargs: Of `Autoencoder`: `seed`, `name`, `dtype`.
    """

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
        """Make all variables, those of the distribution of codes too."""
        super().build(input_shape)
        size = self.latent_shape[-1:]
        self.location, self.log_scale = (
            self.add_weight(name=name, shape=size, initializer="zeros", autocast=False)
            for name in ("location", "log_scale")
        )

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """The integers of `x`, int32 `(batch, *latent_shape)`, of both signs."""
        return ops.cast(ops.round(self.encoder_outputs(x, training)[0]), "int32")

    def decoder_input(self, z: Tensor) -> Tensor:
        """The integers as numbers."""
        if not keras.backend.is_int_dtype(z.dtype):
            raise TypeError(f"Expected integers, as encode(x) gives. Received: {z.dtype}.")
        return ops.cast(z, "float32")

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Distortion and rate, each `(batch,)`, in nats, with noise in place of rounding."""
        z = self.encoder_outputs(x, training)[0]
        noise = keras.random.uniform(ops.shape(z), -0.5, 0.5, "float32", self.seed_generator)
        p = self.density(self.decoder(z + noise, training=training))
        return {"reconstruction": -p.log_prob(y), "rate": self.rate(z + noise)}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """The terms for rounded codes: how many nats describe x, in two parts."""
        z = self.encode(x)
        p = self.observation(z)
        return {"reconstruction": -p.log_prob(event(x)), "rate": self.rate(ops.cast(z, "float32"))}

    def rate(self, z: Tensor) -> Tensor:
        """-log P of codes `(batch, *latent_shape)`, `(batch,)`, in nats.

        P(z) is what a logistic has between z - 1/2 and z + 1/2: with a and b these edges in units
        of the scale, sigmoid(b) sigmoid(-a) (1 - exp(a - b)), in which nothing cancels.
        """
        # Narrower than a hundredth is certain, and would overflow.
        z, location, log_scale = parameters([z, self.location, self.log_scale])
        scale = ops.exp(ops.maximum(log_scale, -math.log(100.0)))
        low, high = ((z + half - location) / scale for half in (-0.5, 0.5))
        certain = ops.log(-ops.expm1(-1.0 / scale))
        return -sum_event(ops.log_sigmoid(high) + ops.log_sigmoid(-low) + certain)
