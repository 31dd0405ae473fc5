"""New examples of a model, decoded from codes of its prior or of a fitted sampler."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.errors import UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments
from keras_vae.variational import mixture_sampler


def sample_standard_normal(shape: tuple[int, ...], seeds: Any, temperature: float = 1.0) -> Tensor:
    """Sample codes `(len(seeds), *shape)` of N(0, I); see `Sampling.sample_prior_from_seeds`."""
    noise = random.standard_normal(seeds, int(np.prod(shape)))
    return temperature * ops.reshape(noise, (-1, *shape))


class Sampling:
    """A mixin with `sample` and its endpoint.

    `sample` returns examples and `sample_codes` the codes behind them, both from one seed. The
    methods `..._from_seeds` take a seed for each row, so that row i depends on `seeds[i]` alone.

    Attributes:
        generative: Whether the model has a prior, and so defines `sample_prior_from_seeds`.
        sampler: Mixture that `fit_sampler` fitted, used instead of the prior; None for the prior.
    """

    generative = False
    sampler: mixture_sampler.MixtureSampler | None = None
    latent_shape: tuple[int, ...]
    latent_dtype: str
    decode: Any
    encode: Any

    def sample_prior_from_seeds(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Sample codes of the prior, `(len(seeds), *latent_shape)`.

        Args:
            seeds: int32, `(batch,)`, one seed for each row; see
                `keras_vae.random.standard_normal`.
            temperature: Factor of the standard deviation of the prior.

        Raises:
            TypeError: If the model has no prior.
        """
        hint = "model.fit_sampler(x) fits a mixture of Gaussians to its codes, to sample from"
        if self.latent_dtype != "float32":
            hint = "Its codes are integers: model.decode takes any you draw"
        raise UsageTypeError(
            f"Expected a model with a prior. Received: {type(self).__name__}, which has none. "
            f"({hint}.)"
        )

    def codes_from_noise(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return a code of each example for standard normal `noise` of the shape of codes.

        A model with a posterior q(z | x) samples from it. Here noise has no effect.
        """
        return self.encode(x)

    def sample_codes_from_seeds(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Sample codes of the fitted sampler, or of the prior if there is no sampler.

        The arguments, result and errors are those of `sample_prior_from_seeds`.
        """
        if self.sampler is None:
            return self.sample_prior_from_seeds(seeds, temperature)
        size = int(np.prod(self.latent_shape))
        noise = random.standard_normal(seeds, size + self.sampler.extra_noise)
        codes = self.sampler.from_noise(ops.convert_to_tensor(noise), temperature)
        return ops.reshape(codes, (-1, *self.latent_shape))

    def sample(self, count: int, seed: int | None = None, temperature: float = 1.0) -> Tensor:
        """Sample new examples: the mean of p(x | z) for z of the prior or the fitted sampler.

        Args:
            count: Number of examples.
            seed: The same seed gives the same examples; None for new ones at each call. The
                served `sample` gives the same rows for the seeds
                `keras_vae.random.row_seeds(count, seed)`.
            temperature: Factor of the standard deviation of z. Below 1, samples vary less.

        Returns:
            Shape `(count, *event_shape)`, in the range of the data.

        Raises:
            ValueError: If `count` is less than 1 or `temperature` is negative.
            TypeError: If the model has neither a prior nor a sampler.
        """
        return self.decode(self.sample_codes(count, seed, temperature))

    def sample_codes(self, count: int, seed: int | None, temperature: float) -> Tensor:
        """Sample the codes that `sample` decodes, with its arguments and errors."""
        arguments.integer("count", count)
        arguments.real("temperature", temperature, 0.0)
        seed = arguments.seed(seed)
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        return self.sample_codes_from_seeds(random.row_seeds(count, seed), temperature)

    def sample_endpoint(self, seed: Tensor) -> dict[str, Tensor]:
        """Answer the `sample` endpoint: `reconstruction` and `z`, for one seed a row."""
        z = self.sample_codes_from_seeds(seed)
        return {"reconstruction": self.decode(z), "z": z}

    def fit_sampler(
        self,
        x: Any,
        components: int = 10,
        covariance: str = "full",
        seed: int = 0,
        batch_size: int | None = None,
    ) -> None:
        """Fit a mixture of Gaussians to the codes of `x`, from which `sample` then samples.

        Only `sample` and its endpoint change, and any autoencoder then has them. The loss, the
        bound and the score keep the prior. Files and exports store the mixture. Fit it again
        after more training, or remove it by `model.sampler = None`.

        If the model has a posterior q(z | x), the codes are samples of it. The mixture then
        estimates the aggregate posterior.

        Example:
            >>> model.fit(images, epochs=10)
            >>> model.fit_sampler(images, components=10)
            >>> new = model.sample(16, seed=0)

        Args:
            x: Arrays, or a source of batches such as a `tf.data.Dataset`: the training examples.
            components: Number of Gaussians.
            covariance: "full", or "diag" for codes with more than 1024 elements.
            seed: Seed of the samples of q(z | x) and of the fit.
            batch_size: Number of rows of arrays in a batch; it changes the speed only.

        Raises:
            ValueError: If there are fewer examples than components, or they do not fit the model.
            TypeError: If codes are integers.
            ImportError: If scikit-learn is not installed.
        """
        if self.latent_dtype != "float32":
            raise UsageTypeError(
                "Expected a model whose codes are real numbers, as Gaussians are. "
                f"Received: {type(self).__name__}, whose codes are {self.latent_dtype}."
            )
        codes = mixture_sampler.sample_posterior(self, x, seed, batch_size)  # type: ignore[arg-type]
        self.sampler = mixture_sampler.fit_mixture(codes, components, covariance, seed)
