"""The VAE whose posterior is a normalizing flow of planar or radial steps."""

import math
from typing import Any

import keras
from keras import ops

from keras_vae.distributions import Normal
from keras_vae.models.learned_prior import SampledKLVAE
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.variational.posteriors import FlowPosterior
from keras_vae.variational.simple_flows import STEPS


class FlowPosteriorVAE(SampledKLVAE):
    """Base class of VAEs whose posterior is a Gaussian that passes the steps of a flow.

    A subclass sets `flow_steps` and defines `make_step`.
    """

    flow_steps: int

    def make_step(self, number: int, size: int, seed: int | None) -> keras.layers.Layer:
        """Return step `number` of the flow, of vectors of `size` elements."""
        raise NotImplementedError(f"{type(self).__name__} must define make_step.")

    def build(self, input_shape: Any) -> None:
        """Make all variables, with those of the flow."""
        was_built = self.built
        super().build(input_shape)
        if was_built:
            return
        size = math.prod(self.latent_shape)
        seeds = [None if self.seed is None else self.seed + t for t in range(self.flow_steps)]
        self.flow = [self.make_step(t, size, seed) for t, seed in enumerate(seeds)]

    def posterior(self, x: Tensor, training: bool = False) -> Any:
        """Return q(z | x), a `keras_vae.posteriors.FlowPosterior`."""
        mean, log_var, *others = self.encoder_outputs(x, training)
        flat = [ops.reshape(t, (ops.shape(t)[0], -1)) for t in others or (mean, log_var)]
        context = ops.concatenate(flat, axis=1)
        return FlowPosterior(Normal(mean, log_var), self.flow, context, training)

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """Return the first output; raise ValueError unless the first two have one shape."""
        outputs = keras.tree.flatten(codes)
        code = super().check_codes(outputs[:2], input_shape)
        context = outputs[2:] or outputs
        self.context_size = sum(math.prod(output.shape[1:]) for output in context)
        return code


@keras.saving.register_keras_serializable("keras_vae")
class FlowVAE(FlowPosteriorVAE):
    """VAE with a normalizing flow of planar or radial steps as posterior.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * (log q(z | x) - log p(z)) ]

        z = z_T with z_0 = z_mean + sigma * noise, for one sample of the noise, and
        - flow_kind="planar": z_t = z_(t-1) + u tanh(w . z_(t-1) + b)
        - flow_kind="radial": z_t = z_(t-1) + b (z_(t-1) - c) / (a + |z_(t-1) - c|)

        log q(z | x) = log N(z_0; z_mean, sigma^2) - sum of log |det dz_t / dz_(t-1)|, and
        p(z) = N(0, I). The term `kl`, log q - log p, estimates KL(q(z | x) || p(z)) without bias;
        for a single example it may be negative. Both terms are in nats; the first is summed over
        the event.

    The numbers of a step are weights plus linear functions of the encoder's outputs. They are
    bounded so that each step has an inverse, and each starts as the identity, so that a new model
    is a `VAE`. `encode` returns the z of zero noise. `z_log_var` of the `encode` endpoint is that
    of the Gaussian, plus twice the mean over elements of the log determinants.

    Source: Rezende & Mohamed 2015 (arXiv:1505.05770, equations 10 to 16).

    Example:
        >>> networks = keras_vae.nets.dense((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.FlowVAE(*networks, flow_kind="planar", flow_steps=8, seed=0)

    Args:
        encoder: As in `VAE`. A third output, if there is one, is the input of the flow from x,
            in place of z_mean and z_log_var.
        decoder: As in `VAE`.
        flow_kind: "planar" or "radial".
        flow_steps: T, number of steps of the flow.
        **kwargs: Of `VAE`: `likelihood`, `beta`, `loss_weights`, `seed`, `preprocess`,
            `name`, `dtype`.

    Raises:
        ValueError: If there is no step, or the kind is unknown.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        flow_kind: str = "planar",
        flow_steps: int = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, **kwargs)
        self.flow_kind = arguments.choice("flow_kind", flow_kind, tuple(STEPS))
        self.flow_steps = arguments.integer("flow_steps", flow_steps)

    def make_step(self, number: int, size: int, seed: int | None) -> keras.layers.Layer:
        """Return a step of the kind of the model."""
        return STEPS[self.flow_kind](size, self.context_size, seed)
