"""The VAE whose posterior is an inverse autoregressive flow."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae import arguments
from keras_vae.distributions import Normal
from keras_vae.flows import autoregressive
from keras_vae.models.learned_prior import SampledKLVAE
from keras_vae.posteriors import FlowPosterior

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class IAFVAE(SampledKLVAE):
    """VAE with an inverse autoregressive flow as posterior (Kingma et al. 2016, arXiv:1606.04934).

    z_0 = z_mean + sigma * noise and z_t = z_(t-1) * exp(s_t) + m_t, where s_t and m_t of an element
    are functions of the elements before it and of x, by masked networks (Germain et al. 2015); the
    order of the elements turns around from step to step. Each step starts as the identity, and the
    model as the `VAE`.

    The term `kl` has no closed form: it is log q(z | x) - log p(z) at the one z that is drawn, so
    single values are noisy and may be negative. `encode` gives what noise of zero becomes, and
    `z_log_var` there is that of each element given those before it.

    Example:
        >>> networks = keras_vae.nets.gated_dense((784,), latent_dim=40)
        >>> model = keras_vae.IAFVAE(*networks, flow_steps=4, hidden=(320,), seed=0)

    Args:
        encoder: As in `VAE`; a third output, if there is one, is what the flow is told of x, in
            place of z_mean and z_log_var.
        decoder: As in `VAE`.
        flow_steps: T, steps of the flow.
        hidden: Widths of the hidden layers of a step; at least the size of the code, or else some
            elements see fewer of those before them.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `name`, `dtype`.

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
        self.flow_steps = arguments.whole("flow_steps", flow_steps)
        self.hidden = arguments.sizes("hidden", hidden)

    def build(self, input_shape: Any) -> None:
        """Make all variables, those of the flow too."""
        super().build(input_shape)
        size = math.prod(self.latent_shape)
        seeds = [None if self.seed is None else self.seed + t for t in range(self.flow_steps)]
        self.flow = [
            autoregressive(size, t % 2 == 1, self.hidden, self.context_size, seed)
            for t, seed in enumerate(seeds)
        ]

    def posterior(self, x: Tensor, training: bool = False) -> Any:
        """q(z | x), a `keras_vae.posteriors.FlowPosterior`."""
        mean, log_var, *context = self.encoder_outputs(x, training)
        flat = [ops.reshape(t, (ops.shape(t)[0], -1)) for t in context or (mean, log_var)]
        return FlowPosterior(Normal(mean, log_var), self.flow, ops.concatenate(flat, axis=1))

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """The first of an encoder's outputs; raises ValueError unless two are alike."""
        outputs = keras.tree.flatten(codes)
        code = super().check_codes(outputs[:2], input_shape)
        told = outputs[2:] or outputs
        self.context_size = sum(math.prod(output.shape[1:]) for output in told)
        return code
