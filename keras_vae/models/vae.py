"""The variational autoencoder."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_vae import distributions
from keras_vae.base.autoencoder import Autoencoder
from keras_vae.base.sampling import StandardNormalPrior
from keras_vae.distributions import Normal
from keras_vae.errors import UsageError
from keras_vae.losses.weights import LossWeight, merge_weights, weight_setting
from keras_vae.typing import Tensor
from keras_vae.validation.activations import check_log_variance
from keras_vae.validation.examples import first_input


@keras.saving.register_keras_serializable("keras_vae")
class VAE(StandardNormalPrior, Autoencoder):
    """Variational autoencoder, and with beta other than 1 the beta-VAE.

    Loss:
        loss = mean over the batch of [ -log p(x | z) + beta * KL(q(z | x) || p(z)) ]

        z is one sample of q(z | x) = N(z_mean, exp(z_log_var)) for each example, and
        p(z) = N(0, I). KL is in closed form. Both terms are in nats: -log p(x | z) is summed over
        the event, such as pixels, and KL over the elements of the code.

    With beta = 1 the loss is minus the evidence lower bound, an upper bound on -log p(x). Logs
    hold the bound without beta as `elbo` = -(reconstruction + kl).

    Sources: Kingma & Welling 2014 (arXiv:1312.6114, equation 3), Higgins et al. 2017 (ICLR) for
    the beta-VAE.

    Example:
        >>> encoder, decoder = keras_vae.nets.conv((28, 28, 1), latent_dim=16, heads=2)
        >>> model = keras_vae.VAE(encoder, decoder, likelihood="bernoulli", seed=0)
        >>> model.compile("adam")
        >>> model.fit(images, epochs=10)  # float images in [0, 1]
        >>> new = model.sample(16, seed=0)

    Args:
        encoder: Layer or model from `(batch, *event)` to `[z_mean, z_log_var]`.
        decoder: Layer or model from codes to the parameters of p(x | z).
        likelihood: Name or class of p(x | z), see `keras_vae.distributions.get`.
        beta: Weight of the KL term: a number, a Keras schedule over training steps, or one of
            `keras_vae.controllers`.
        loss_weights: Weights of other terms by name.
        seed: Seed of the sampling noise of z in training.
        **kwargs: `preprocess` of `Autoencoder`; `name` and `dtype` of `keras.Model`.

    Raises:
        ValueError: If the encoder has no two outputs of one shape, or as for `Autoencoder`.
        TypeError: As for `Autoencoder`.
    """

    terms: tuple[str, ...] = ("reconstruction", "kl")
    weight_arguments = {"beta": ("kl",)}
    beta = weight_setting("kl")

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        likelihood: str | type[distributions.Distribution] = "bernoulli",
        beta: LossWeight = 1.0,
        loss_weights: Mapping[str, LossWeight] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        weights = merge_weights({"kl": beta}, loss_weights)
        super().__init__(encoder, decoder, likelihood, weights, seed, **kwargs)

    def posterior(self, x: Tensor, training: bool = False) -> Normal:
        """Return q(z | x); its mean is `encode(x)`, and its `sample(seed)` samples codes."""
        return Normal(*self.encoder_outputs(x, training))

    def encode(self, x: Tensor, training: bool = False) -> Tensor:
        """Encode `x` to the mean of q(z | x), `(batch, *latent_shape)`, float32, without noise."""
        return self.mark_rows(x, self.posterior(x, training).mean)

    def codes_from_noise(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return the sample of q(z | x) for standard normal `noise` of the shape of codes."""
        return self.posterior(x).from_noise(noise)

    def loss_terms(self, x: Tensor, y: Tensor, training: bool = False) -> dict[str, Tensor]:
        """Return reconstruction and KL, each `(batch,)`, in nats."""
        q = self.posterior(x, training)
        z = q.sample(self.seed_generator)
        p = self.observation(self.with_condition(z, x), training)
        return {"reconstruction": -p.log_prob(y), "kl": q.kl(self.prior(z))}

    def score_terms(self, x: Tensor) -> dict[str, Tensor]:
        """Return reconstruction and KL at the posterior mean, without noise."""
        q = self.posterior(x)
        p = self.observation(self.with_condition(q.mean, x))
        return {"reconstruction": -p.log_prob(first_input(x)), "kl": q.kl(self.prior(q.mean))}

    def encode_endpoint(self, x: Tensor) -> dict[str, Tensor]:
        """Answer the `encode` endpoint: `z_mean` and `z_log_var`."""
        q = self.posterior(x)
        return {"z_mean": q.mean, "z_log_var": q.log_var}

    def check_codes(self, codes: Any, input_shape: tuple) -> Any:
        """Return the first output; raise ValueError unless there are two of one shape."""
        codes = keras.tree.flatten(codes)
        shapes = [tuple(code.shape) for code in codes]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise UsageError(
                "Expected an encoder with two outputs of one shape, z_mean and z_log_var. "
                f"Received: {len(shapes)} of shapes {shapes}. "
                + (
                    "(Leave out z: the model samples it itself.)"
                    if len(shapes) == 3
                    else "(heads=2 in keras_vae.nets gives them; keras_vae.nets.with_heads adds "
                    "them to any network.)"
                )
            )
        check_log_variance(codes[1])
        return codes[0]
