"""New examples of a model, decoded from codes of its prior or of a sampler."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.base.drawing import (
    check_top_k,
    join,
    labels_of_rows,
    parts_of,
    rows_at_once,
)
from keras_vae.base.endpoint import WholeNumbers
from keras_vae.distributions import Distribution, Normal
from keras_vae.errors import UsageTypeError
from keras_vae.samplers import fitting
from keras_vae.samplers.base import Sampler
from keras_vae.typing import Tensor
from keras_vae.validation import arguments


def sample_standard_normal(shape: tuple[int, ...], seeds: Any, temperature: float = 1.0) -> Tensor:
    """Sample codes `(len(seeds), *shape)` of N(0, I); see `Sampling.sample_prior_from_seeds`."""
    noise = random.standard_normal(seeds, int(np.prod(shape)))
    return temperature * ops.reshape(noise, (-1, *shape))


class StandardNormalPrior:
    """A mixin for models whose prior p(z) is N(0, I)."""

    generative = True
    latent_shape: tuple[int, ...]

    def prior(self, z: Tensor) -> Distribution:
        """Return p(z), a standard normal in the shape of `z`."""
        return Normal(ops.zeros_like(z))

    def sample_prior_from_seeds(self, seeds: Any, temperature: float = 1.0) -> Tensor:
        """Sample codes of the standard normal; see `Sampling.sample_prior_from_seeds`."""
        return sample_standard_normal(self.latent_shape, seeds, temperature)


class Sampling:
    """A mixin with `sample` and its endpoint.

    `sample` returns examples and `sample_codes` the codes behind them, both from one seed. The
    methods `..._from_seeds` take a seed for each row, so that row i depends on `seeds[i]` alone.

    Attributes:
        generative: Whether the model has a prior, and so defines `sample_prior_from_seeds`.
        sampler: What `fit_prior` fitted, used instead of the prior; None for the prior.
    """

    generative = False
    sampler: Sampler | None = None
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
            hint = "model.fit_prior(x, prior='autoregressive') learns to draw its codes"
        raise UsageTypeError(
            f"Expected a model with a prior. Received: {type(self).__name__}, which has none. "
            f"({hint}.)"
        )

    def codes_from_noise(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return a code of each example for standard normal `noise` of the shape of codes.

        A model with a posterior q(z | x) samples from it. Here noise has no effect.
        """
        return self.encode(x)

    def sample_codes_from_seeds(
        self,
        seeds: Any,
        temperature: float = 1.0,
        labels: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Sample codes of the fitted sampler, or of the prior if there is no sampler.

        Args:
            seeds: As in `sample_prior_from_seeds`.
            temperature: As in `sample_prior_from_seeds`.
            labels: int32 `(batch,)`, of a sampler that knows classes; None for any class.
            guidance: As in `sample`.
            top_k: As in `sample`.

        Raises:
            TypeError: If the model has neither a prior nor a sampler, or the sampler does not take
                an argument.
        """
        if self.sampler is None:
            check_top_k(None, top_k)
            labels_of_rows(None, labels, guidance, 0)  # Refuses both: the prior has no classes.
            return self.sample_prior_from_seeds(seeds, temperature)
        more = {} if top_k is None else {"top_k": top_k}
        return self.sampler.draw(seeds, self.latent_shape, temperature, labels, guidance, **more)

    def sample(
        self,
        count: int,
        seed: int | None = None,
        temperature: float = 1.0,
        condition: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Sample new examples: the mean of p(x | z) for z of the prior or the fitted sampler.

        Args:
            count: Number of examples. Many are drawn in parts, to keep memory bounded.
            seed: The same seed gives the same examples; None for new ones at each call. The
                served `sample` gives the same rows for the seeds
                `keras_vae.random.row_seeds(count, seed)`.
            temperature: Factor of the standard deviation of z. Below 1, samples vary less. Of
                integer codes, logits are divided by it, and 0 takes the most likely ones.
            condition: Class of each example, integers `(count,)`, or one for all, of a model whose
                `fit_prior` got labels; None for any class.
            guidance: Above 1, examples are more typical of their class and vary less; 1 as in the
                data; None for the guidance of `fit_prior`, which is 1 by default. The priors "maf"
                and "two_stage" take no other than 1.
            top_k: Number of integers with a chance at each place, the most likely ones, of a model
                with an autoregressive or masked prior; None for all. Files draw from all.

        Returns:
            Shape `(count, *event_shape)`, in the range of the data.

        Raises:
            ValueError: If `count` is less than 1, `temperature` is negative, or there is no such
                class.
            TypeError: If the model has neither a prior nor a sampler, or got no labels, or `top_k`
                is given for codes that are no integers, or guidance to a prior that has none.
        """
        parts = self.code_parts(count, seed, temperature, condition, guidance, top_k)
        return join(self.decode(codes) for _, codes in parts)

    def sample_codes(
        self,
        count: int,
        seed: int | None = None,
        temperature: float = 1.0,
        condition: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Tensor:
        """Sample the codes that `sample` decodes, with its arguments and errors."""
        parts = self.code_parts(count, seed, temperature, condition, guidance, top_k)
        return join(codes for _, codes in parts)

    def code_parts(
        self,
        count: int,
        seed: int | None,
        temperature: float,
        condition: Any = None,
        guidance: float | None = None,
        top_k: int | None = None,
    ) -> Iterator[tuple[slice, Tensor]]:
        """Return the codes of `sample_codes` in parts of bounded memory, each with its rows."""
        count = arguments.integer("count", count)
        arguments.real("temperature", temperature, 0.0)
        seed = arguments.seed(seed)
        labels = labels_of_rows(self.sampler, condition, guidance, count)
        check_top_k(self.sampler, top_k)
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        seeds = random.row_seeds(count, seed)
        more = {} if top_k is None else {"top_k": top_k}

        def draw(rows: slice) -> Tensor:
            own = None if labels is None else labels[rows]
            return self.sample_codes_from_seeds(seeds[rows], temperature, own, guidance, **more)

        return ((rows, draw(rows)) for rows in parts_of(count, rows_at_once(self)))

    def sample_endpoint(self, seed: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        """Answer the `sample` endpoint: `reconstruction` and `z`, for one seed a row.

        Args:
            seed: int32 `(batch,)`.
            label: int32 `(batch,)`, if the sampler knows classes; their number for any class.
        """
        z = self.sample_codes_from_seeds(seed, labels=label)
        return {"reconstruction": self.decode(z), "z": z}

    def sample_specs(self) -> tuple[keras.InputSpec, ...]:
        """Return the inputs of the `sample` endpoint."""
        seed = keras.InputSpec(shape=(None,), dtype="int32", name="seed")
        if self.sampler is None or not self.sampler.classes:
            return (seed,)
        count = self.sampler.classes + 1
        return seed, WholeNumbers(count, shape=(None,), dtype="int32", name="label")

    def fit_prior(
        self, x: Any, labels: Any = None, prior: str = "mixture", **settings: Any
    ) -> None:
        """Fit a distribution of the codes of `x`, from which `sample` then samples.

        Only `sample` and its endpoint change, and any autoencoder then has them. The loss, the
        bound and the score stay. Files and exports store what was fitted. Fit it again after more
        training, or remove it by `model.sampler = None`. If the model has a posterior q(z | x), the
        codes are samples of it.

        | `prior` | codes | what it is | `epochs`, `width`, `blocks` |
        |---|---|---|---|
        | "mixture" | real | Gaussians, see `fit_sampler` | |
        | "flow" | real | from noise to codes, see `samplers.FlowSampler` | 30, 128, 3 |
        | "maf" | real | each element given those before, see `samplers.MAFSampler` | 30, 128, 5 |
        | "two_stage" | real | a second VAE, see `samplers.TwoStageSampler` | 50, 256, 3 |
        | "autoregressive" | integers | see `samplers.AutoregressiveSampler` | 10, 128, 3 |
        | "masked" | integers | in a few rounds, see `samplers.MaskedSampler` | 20, 128, 3 |

        Example:
            >>> model.fit(images, epochs=10)
            >>> model.fit_prior(images, labels, prior="flow", epochs=1, verbose=0)
            >>> new = model.sample(4, seed=0, condition=[0, 1, 2, 3], guidance=2.0)

        Args:
            x: Arrays, or a source of batches such as a `tf.data.Dataset`: the training examples.
            labels: Class of each example, integers from 0 `(count,)`, for samples of a class.
            prior: Name of the kind.
            **settings: For a mixture `components`, `covariance` and `seed`. For the others those of
                the table, `batch_size` (128), `seed` (0), and `verbose` and `callbacks` as in
                `fit`, such as `keras_vae.callbacks.ExactResume`. All but "maf" and "two_stage" take
                `heads` (4), and `guidance` (1.0), the default of `sample`. "masked" and "flow" take
                `rounds` (12), the passes of the network. The same seed fits the same prior.

        Raises:
            ValueError: If a number is out of range, or the examples or labels do not fit.
            TypeError: If the codes are of another kind, or a setting is unknown.
            ImportError: If the mixture needs scikit-learn, which is not installed.
        """
        self.sampler = fitting.fit_prior(self, x, labels, prior, **settings)  # type: ignore[arg-type]

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
        self.sampler = fitting.fit_mixture_of(self, x, components, covariance, seed, batch_size)  # type: ignore[arg-type]
