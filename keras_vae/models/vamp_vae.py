"""The VAE with a VampPrior."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae import arguments
from keras_vae.excerpts import excerpt
from keras_vae.models.learned_prior import RicherPriorVAE
from keras_vae.priors import GaussianMixture

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class VampVAE(RicherPriorVAE):
    """VAE whose prior is the posterior of learned pseudo-inputs (Tomczak & Welling 2018).

    p(z) = 1/K sum_k q(z | u_k), with K inputs u_k that are learned (arXiv:1705.07120, equation
    9), kept in the range of the data. The term `kl` is log q(z | x) - log p(z) at the z drawn.

    Example:
        >>> model = keras_vae.VampVAE(encoder, decoder, components=500, seed=0)
        >>> model.adapt(images)  # optional: start from images instead of noise
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        components: K, the number of pseudo-inputs.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `name`, `dtype`.

    Raises:
        ValueError: If there is no component.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        components: int = 500,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.components = arguments.whole("components", components)

    def build(self, input_shape: Any) -> None:
        """Make all variables, the pseudo-inputs too."""
        super().build(input_shape)
        low, high = self.family.support
        noise = keras.initializers.RandomNormal(seed=self.seed)
        if math.isfinite(low) and math.isfinite(high):
            noise = keras.initializers.RandomUniform(low, high, seed=self.seed)
        self.pseudo_inputs = self.add_weight(
            name="pseudo_inputs",
            shape=(self.components, *self.event_shape),
            dtype="float32",
            initializer=noise,
            autocast=False,
        )

    def adapt(self, data: Any) -> None:
        """Start from examples: set the pseudo-inputs to `components` different ones of `data`.

        Args:
            data: An array `(count, *event_shape)`, or a source of shuffled batches.

        Raises:
            ValueError: If there are fewer examples than components, or they do not fit the model.
        """
        self.pseudo_inputs.assign(excerpt(self, data, self.components, self.seed))

    def prior(self, z: Tensor) -> GaussianMixture:
        """p(z), the mixture of the posteriors of the pseudo-inputs."""
        q = self.posterior(ops.clip(self.pseudo_inputs, *self.family.support))
        return GaussianMixture(q.mean, q.log_var)
