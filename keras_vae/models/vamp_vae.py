"""The VAE with a VampPrior."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.models.learned_prior import RicherPriorVAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks
from keras_vae.validation.examples import sample_examples
from keras_vae.variational.priors import GaussianMixture


@keras.saving.register_keras_serializable("keras_vae")
class VampVAE(RicherPriorVAE):
    """VAE whose prior is the mixture of the posteriors of learned pseudo-inputs.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * (log q(z | x) - log p(z)) ]
        p(z) = 1/K sum_k q(z | u_k)

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)). u_1 ... u_K are learned
        pseudo-inputs, clipped to the range of the data. The term `kl`, log q - log p, estimates
        KL(q(z | x) || p(z)) without bias; for a single example it may be negative. Both terms are
        in nats; the first is summed over the event.

    Source: Tomczak & Welling 2018 (arXiv:1705.07120, equation 9).

    Example:
        >>> model = keras_vae.VampVAE(encoder, decoder, components=50, seed=0)
        >>> model.adapt(images)  # optional: start from images instead of noise
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)

    Args:
        encoder: As in `VAE`.
        decoder: As in `VAE`.
        components: K, the number of pseudo-inputs.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        ValueError: If there is no component.
    """

    takes_condition = False

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        components: int = 500,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.components = arguments.integer("components", components)

    def build(self, input_shape: Any) -> None:
        """Make all variables, with the pseudo-inputs."""
        was_built = self.built
        super().build(input_shape)
        if was_built:
            return
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
        """Set the pseudo-inputs to `components` different examples of `data`.

        Args:
            data: An array `(count, *event_shape)`, or a source of shuffled batches: x, `(x, y)`
                or `(x, y, sample_weight)`, as tuples or lists.

        Raises:
            ValueError: If there are fewer examples than components, or they do not fit the model.
        """
        examples = sample_examples(data, self.components, self.seed)
        examples = data_checks.check_examples(self, examples, self.components)
        self.pseudo_inputs.assign(self.preprocess.forward(examples))

    def prior(self, z: Tensor) -> GaussianMixture:
        """Return p(z), the mixture of the posteriors of the pseudo-inputs."""
        pseudo_inputs = ops.clip(self.pseudo_inputs, *self.family.support)
        q = self.posterior(self.preprocess.inverse(pseudo_inputs))
        return GaussianMixture(q.mean, q.log_var)
