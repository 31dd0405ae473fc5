"""New examples from a model: codes from its prior, or from a sampler fitted to its codes."""

from typing import Any

import numpy as np
from keras import ops

from keras_vae import random, samplers

Tensor = Any


def standard_normal_codes(shape: tuple[int, ...], seeds: Any, temperature: float = 1.0) -> Tensor:
    """Codes `(len(seeds), *shape)` from N(0, I); see `Sampling.prior_codes`."""
    noise = random.standard_normal(seeds, int(np.prod(shape)))
    return temperature * ops.reshape(noise, (-1, *shape))


class Sampling:
    """What `sample` and its endpoint need of a model.

    Attributes:
        generative: Whether the model has a prior, `prior_codes`.
        sampler: What `fit_sampler` found, from which codes are drawn instead; None for the prior.
    """

    generative = False
    sampler: samplers.MixtureSampler | None = None
    latent_shape: tuple[int, ...]
    latent_dtype: str
    decode: Any
    encode: Any

    def prior_codes(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Codes `(len(seeds), *latent_shape)` from the prior; row i depends on `seeds[i]` alone.

        Args:
            seeds: int32, `(batch,)`, as `keras_vae.random.standard_normal` takes them.
            temperature: Factor of the prior's standard deviation.
        """
        hint = "model.fit_sampler(x) fits a mixture of Gaussians to its codes, to sample from"
        if self.latent_dtype != "float32":
            hint = "Its codes are integers: model.decode takes any you draw"
        raise TypeError(
            f"Expected a model with a prior. Received: {type(self).__name__}, which has none. "
            f"({hint}.)"
        )

    def codes_from_noise(self, x: Tensor, noise: Tensor) -> Tensor:
        """The code of each example that standard normal `noise` gives, of the same shape."""
        return self.encode(x)

    def sampled_codes(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Codes from the sampler if there is one, else from the prior; see `prior_codes`."""
        if self.sampler is None:
            return self.prior_codes(seeds, temperature)
        size = int(np.prod(self.latent_shape))
        noise = random.standard_normal(seeds, size + self.sampler.extra_noise)
        codes = self.sampler.from_noise(ops.convert_to_tensor(noise), temperature)
        return ops.reshape(codes, (-1, *self.latent_shape))

    def sample(self, count: int, seed: int | None = None, temperature: float = 1.0) -> Tensor:
        """New examples: the mean of p(x | z) for z from the prior, or from the fitted sampler.

        Args:
            count: How many.
            seed: The same seed gives the same examples, here and, row by row for
                `keras_vae.random.row_seeds(count, seed)`, from the served `sample`.
            temperature: Factor of the standard deviation of z; below 1 is less varied.

        Returns:
            Shape `(count, *event_shape)`, in the range of the data.

        Raises:
            ValueError: If `count` is less than 1 or `temperature` is negative.
            TypeError: If the model has neither a prior nor a sampler.
        """
        return self.decode(self.drawn_codes(count, seed, temperature))

    def drawn_codes(self, count: int, seed: int | None, temperature: float) -> Tensor:
        """The codes of `sample`, whose arguments and errors are these."""
        if count < 1 or temperature < 0:
            raise ValueError(
                "Expected count of at least 1 and temperature of at least 0. "
                f"Received: count={count!r}, temperature={temperature!r}."
            )
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        return self.sampled_codes(random.row_seeds(count, seed), temperature)

    def sampled(self, seed: Tensor) -> dict[str, Tensor]:
        """What the `sample` endpoint answers."""
        z = self.sampled_codes(seed)
        return {"reconstruction": self.decode(z), "z": z}

    def fit_sampler(
        self,
        x: Any,
        components: int = 10,
        covariance: str = "full",
        seed: int = 0,
        batch_size: int | None = None,
    ) -> None:
        """Fit a mixture of Gaussians to the codes of `x`, for `sample` to draw codes from.

        It changes `sample` and the `sample` endpoint, which any autoencoder then has, and nothing
        else: the objective, the bound and the score keep the prior. Files and exports keep it;
        `model.sampler = None` removes it. Fit it again after more training. The codes are drawn
        from q(z | x) where the model has one: the mixture estimates the aggregate posterior.

        Example:
            >>> model.fit(images, epochs=10)
            >>> model.fit_sampler(images, components=10)
            >>> new = model.sample(16, seed=0)

        Args:
            x: Arrays, or a source of batches such as a `tf.data.Dataset`: the training examples.
            components: How many Gaussians.
            covariance: "full", or "diag" for codes of more than 1024 numbers.
            seed: Of the draws and of the fit.
            batch_size: Examples of arrays at a time; changes the speed only.

        Raises:
            ValueError: If there are fewer examples than components, or they do not fit the model.
            TypeError: If codes are integers.
            ImportError: If scikit-learn is not installed.
        """
        if self.latent_dtype != "float32":
            raise TypeError(
                "Expected a model whose codes are real numbers, as Gaussians are. "
                f"Received: {type(self).__name__}, whose codes are {self.latent_dtype}."
            )
        codes = samplers.drawn_codes(self, x, seed, batch_size)
        self.sampler = samplers.fit_mixture(codes, components, covariance, seed)
