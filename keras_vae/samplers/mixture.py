"""Mixture samplers: Gaussian mixtures fitted to the codes of a trained model."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae import random
from keras_vae.acceleration.batching import default_batch_size, padded_batches, verb_of_batches
from keras_vae.errors import MissingExtraError, UsageError, UsageTypeError
from keras_vae.samplers.base import Sampler
from keras_vae.typing import LatentModel, Tensor
from keras_vae.validation import arguments, data_checks, sources
from keras_vae.variational.priors import choose_components

# Largest dimension of codes with full covariances: 10 of them take 40 MB.
LARGEST_FULL = 1024
PREFIX = "sampler_"  # Prefix of names in files.


@dataclasses.dataclass(frozen=True)
class MixtureSampler(Sampler):
    """A constant mixture of K Gaussians over n-dimensional codes, saved with the model.

    Example:
        >>> sampler = keras_vae.samplers.fit_mixture(model.encode(train), components=2)
        >>> noise = keras_vae.random.standard_normal(np.arange(8), 16 + sampler.extra_noise)
        >>> sampler.from_noise(noise).shape
        TensorShape([8, 16])

    Attributes:
        log_weights: Log weights of the components, float32 `(K,)`.
        means: Float32 `(K, n)`.
        factors: With full covariances their Cholesky factors, `(K, n, n)`; otherwise the standard
            deviations, `(K, n)`; float32.
        extra_noise: Standard normals of `from_noise` in addition to one for each element of a code.
    """

    log_weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    extra_noise = 2

    def draw(
        self,
        seeds: Any,
        shape: tuple[int, ...],
        temperature: float = 1.0,
        labels: Any = None,
        guidance: float | None = None,
    ) -> Tensor:
        """Draw codes; see `Sampler.draw`. There are no classes, and so no guidance."""
        self.check_labels(labels)
        if guidance not in (None, 1.0):
            raise UsageTypeError(
                "Expected no guidance: this MixtureSampler has no classes. Received: "
                f"guidance={guidance!r}. (prior='flow' learns classes, and takes one.)"
            )
        noise = random.standard_normal(seeds, math.prod(shape) + self.extra_noise)
        codes = self.from_noise(ops.convert_to_tensor(noise), temperature)
        return ops.reshape(codes, (-1, *shape))

    def row_size(self, shape: tuple[int, ...]) -> int:
        """Return the numbers of the factor of a component, as each row has its own copy."""
        return math.prod(self.factors.shape[1:])

    def from_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Transform standard normals `(batch, n + 2)` to codes `(batch, n)`.

        Args:
            noise: The first two of a row choose the component, the others are its noise.
            temperature: Factor of the components' standard deviations.
        """
        chosen = choose_components(noise[:, :2], ops.convert_to_tensor(self.log_weights))
        mean = ops.take(ops.convert_to_tensor(self.means), chosen, axis=0)
        factor = ops.take(ops.convert_to_tensor(self.factors), chosen, axis=0)
        if len(self.factors.shape) == 2:
            return mean + temperature * factor * noise[:, 2:]
        # A sum, since accelerators keep only three digits of a matrix product.
        return mean + temperature * ops.sum(factor * noise[:, None, 2:], axis=2)


def fit_mixture(
    codes: Any, components: int = 10, covariance: str = "full", seed: int | None = 0
) -> MixtureSampler:
    """Fit a Gaussian mixture to codes by expectation maximization (scikit-learn).

    Ghosh et al. 2020 (arXiv:1903.12436, section 4) call it ex-post density estimation and use 10
    components with full covariances.

    Example:
        >>> sampler = keras_vae.samplers.fit_mixture(model.encode(train), components=2)
        >>> sampler.means.shape
        (2, 16)

    Args:
        codes: `(count, *latent_shape)`.
        components: Number of Gaussians. One with covariance "full" is the Gaussian of the codes'
            mean and covariance.
        covariance: "full" or "diag".
        seed: Seed of the initial components, below 2^32; None for another one at each call.

    Raises:
        ValueError: If there are fewer codes than components, they are not finite, a full
            covariance is requested for codes of more than 1024 numbers, or the seed is out of
            range.
        TypeError: If codes are not real numbers, or the seed is no integer.
        ImportError: If scikit-learn is not installed.
    """
    codes = _as_rows(arguments.array("codes", codes).astype("float64"))
    _check(codes, components, covariance)
    seed = arguments.seed(seed)
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError as error:
        raise MissingExtraError(
            "Expected scikit-learn, which fits the mixture. Received: no such package. "
            '(pip install "keras-vae[samplers]")'
        ) from error
    found = GaussianMixture(
        components, covariance_type=covariance, max_iter=300, random_state=seed
    ).fit(codes)
    root = np.linalg.cholesky if covariance == "full" else np.sqrt
    parts = (np.log(found.weights_), found.means_, root(found.covariances_))
    return MixtureSampler(*(part.astype("float32") for part in parts))


def save(sampler: MixtureSampler | None, store: Any) -> None:
    """Write the arrays of `sampler`, if any, to a model's part of a file."""
    for name, part in vars(sampler).items() if sampler else ():
        store[PREFIX + name] = part


def load(store: Any) -> MixtureSampler | None:
    """Read what `save` wrote; None if it wrote nothing.

    Raises:
        ValueError: If it is no mixture.
    """
    names = [name for name in store.keys() if name.startswith(PREFIX)]
    parts = {name.removeprefix(PREFIX): np.array(store[name]) for name in names}
    if not parts:
        return None
    shapes = {name: part.shape for name, part in parts.items()}
    count, *size = shapes.get("means", ())[:2] or (0,)
    known = [
        {"log_weights": (count,), "means": (count, *size), "factors": (count, *size * n)}
        for n in (1, 2)
    ]
    if len(size) != 1 or shapes not in known:
        raise UsageError(f"Expected the arrays of a mixture of Gaussians. Received: {shapes}.")
    return MixtureSampler(**parts)


def sample_posterior(
    model: LatentModel, x: Any, seed: int | None = 0, batch_size: int | None = None
) -> np.ndarray:
    """Sample a code for each example from q(z | x), or encode it if there is no posterior.

    Example:
        >>> keras_vae.samplers.sample_posterior(model, test).shape
        (32, 16)

    Args:
        model: The model.
        x: Arrays, or a source of batches of x, (x, y) or (x, y, sample_weight).
        seed: Seed of the samples, below 2^32; None for other ones at each call.
        batch_size: Examples of arrays at a time.

    Returns:
        float32 `(count, *latent_shape)`.

    Raises:
        ValueError: If the examples do not fit the model, or a number is out of range.
        TypeError: If a number is no integer.
    """
    seed = arguments.seed(seed)
    if batch_size is not None:
        arguments.integer("batch_size", batch_size)
    x = sources.check_data(model, x)
    compute = verb_of_batches(model, model.codes_from_noise)
    generator = np.random.default_rng(seed)
    parts = []
    for batch, count in _batches(model, x, batch_size or default_batch_size(model.event_shape)):
        shape = (len(keras.tree.flatten(batch)[0]), *model.latent_shape)
        noise = generator.standard_normal(shape, dtype="float32")
        parts.append(compute((batch, noise))[:count])
    return np.concatenate(parts)


def _batches(model: LatentModel, x: Any, size: int) -> Iterator[tuple[Any, int]]:
    """Yield batches of x, and how many rows of each are examples."""
    if not data_checks.are_arrays(x):
        for batch in sources.checked_batches(model, x):
            yield batch, len(keras.tree.flatten(batch)[0])
        return
    x = keras.tree.map_structure(np.asarray, x)
    for batch, rows in padded_batches(x, min(size, len(keras.tree.flatten(x)[0]))):
        yield batch, len(rows)


def _as_rows(codes: np.ndarray) -> np.ndarray:
    """Return codes of any shape with one axis each."""
    if codes.ndim < 1:
        raise UsageError("Expected codes of shape (count, *latent_shape). Received: one number.")
    return codes.reshape(len(codes), math.prod(codes.shape[1:]))


def _check(codes: np.ndarray, components: int, covariance: str) -> None:
    arguments.choice("covariance", covariance, ("full", "diag"))
    if not 1 <= arguments.integer("components", components) <= len(codes) or len(codes) < 2:
        raise UsageError(
            "Expected at least one component, two codes and as many codes as components. "
            f"Received: components={components!r} and {len(codes)} code(s)."
        )
    if covariance == "full" and codes.shape[1] > LARGEST_FULL:
        raise UsageError(
            f"Expected codes of at most {LARGEST_FULL} numbers for full covariances. Received: "
            f"{codes.shape[1]}. (covariance='diag' takes any.)"
        )
    if (different := len(np.unique(codes, axis=0))) < components:
        raise UsageError(
            "Expected at least as many different codes as components. Received: "
            f"components={components} and {different} different code(s)."
        )
