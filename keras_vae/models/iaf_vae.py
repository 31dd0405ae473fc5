"""The VAE whose posterior is an inverse autoregressive flow."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import Normal
from keras_vae.models.learned_prior import SampledKLVAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.variational.flows import autoregressive
from keras_vae.variational.posteriors import FlowPosterior


@keras.saving.register_keras_serializable("keras_vae")
class IAFVAE(SampledKLVAE):
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

    def build(self, input_shape: Any) -> None:
        """Make all variables, with those of the flow."""
        super().build(input_shape)
        size = math.prod(self.latent_shape)
        seeds = [None if self.seed is None else self.seed + t for t in range(self.flow_steps)]
        self.flow = [
            autoregressive(size, t % 2 == 1, self.hidden, self.context_size, seed)
            for t, seed in enumerate(seeds)
        ]

    def posterior(self, x: Tensor, training: bool = False) -> Any:
        """Return q(z | x), a `keras_vae.posteriors.FlowPosterior`."""
        mean, log_var, *context = self.encoder_outputs(x, training)
        flat = [ops.reshape(t, (ops.shape(t)[0], -1)) for t in context or (mean, log_var)]
        return FlowPosterior(Normal(mean, log_var), self.flow, ops.concatenate(flat, axis=1))

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """Return the first output; raise ValueError unless the first two have one shape."""
        outputs = keras.tree.flatten(codes)
        code = super().check_codes(outputs[:2], input_shape)
        context = outputs[2:] or outputs
        self.context_size = sum(math.prod(output.shape[1:]) for output in context)
        return code
