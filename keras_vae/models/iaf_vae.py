"""The VAE whose posterior is an inverse autoregressive flow."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_vae.models.flow_vae import FlowPosteriorVAE
from keras_vae.validation import arguments
from keras_vae.variational.flows import autoregressive


@keras.saving.register_keras_serializable("keras_vae")
class IAFVAE(FlowPosteriorVAE):
    """VAE with an inverse autoregressive flow as posterior.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * (log q(z | x) - log p(z)) ]

        z = z_T with z_0 = z_mean + sigma * noise and z_t = z_(t-1) * exp(s_t) + m_t, for one
        sample of the noise. log q(z | x) = log N(z_0; z_mean, sigma^2) - sum of all s_t, and
        p(z) = N(0, I). The term `kl`, log q - log p, estimates KL(q(z | x) || p(z)) without bias;
        for a single example it may be negative. Both terms are in nats; the first is summed over
        the event.

    s_t and m_t of an element are masked networks of x and of the elements before it (Germain et
    al. 2015, arXiv:1502.03509). The order of the elements is reversed from step to step. Each
    step starts as the identity, so that a new model is a `VAE`. `encode` returns the z of zero
    noise. `z_log_var` of the `encode` endpoint is that of each element given those before it.

    Source: Kingma et al. 2016 (arXiv:1606.04934).

    Example:
        >>> networks = keras_vae.nets.gated_dense((784,), latent_dim=40)
        >>> model = keras_vae.IAFVAE(*networks, flow_steps=4, hidden=(320,), seed=0)

    Args:
        encoder: As in `VAE`. A third output, if there is one, is the input of the flow from x,
            in place of z_mean and z_log_var.
        decoder: As in `VAE`.
        flow_steps: T, number of steps of the flow.
        hidden: Widths of the hidden layers of a step. Below the size of the code, some elements
            depend on fewer of the elements before them.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        ValueError: If there is no step or no hidden layer.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        flow_steps: int = 2,
        hidden: Sequence[int] = (128,),
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.flow_steps = arguments.integer("flow_steps", flow_steps)
        self.hidden = arguments.sizes("hidden", hidden)

    def make_step(self, number: int, size: int, seed: int | None) -> keras.layers.Layer:
        """Return an autoregressive step, in the reverse order of the one before it."""
        return autoregressive(size, number % 2 == 1, self.hidden, self.context_size, seed)
