"""The base class of distributions, and the rule of their shapes."""

import inspect
import math
import numbers
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.backend import host_values
from keras_vae.errors import UsageTypeError
from keras_vae.validation import precision
from keras_vae.validation.value_checks import check_kind

Tensor = Any  # A tensor of the backend of Keras.

LOG_2PI = math.log(2.0 * math.pi)


def tensor(x: Any) -> Tensor:
    """Convert real numbers, an array or a tensor, to a float32 tensor."""
    if isinstance(x, np.ndarray):
        check_kind("the parameters and values of distributions", x.dtype)
    return ops.convert_to_tensor(x, dtype="float32")


def clip(x: Tensor, limits: tuple[float, float]) -> Tensor:
    """Clip a tensor to `limits`, the lowest and the highest number.

    `x` itself is returned where its values are known to be inside. Outside of graphs, that is
    quicker than an op that changes nothing.
    """
    values = host_values(x)
    if values is not None and values.size:
        if limits[0] < values.min() and values.max() < limits[1]:
            return x
    return ops.clip(x, *limits)


def sum_event(x: Tensor) -> Tensor:
    """Sum `x` over every axis but the first: `(batch, ...)` to `(batch,)`.

    Example:
        >>> np.array(keras_vae.distributions.sum_event(np.ones((2, 28, 28, 1))))
        array([784., 784.])
    """
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))


def inside(value: float, limits: tuple[float, float]) -> float:
    """Return `value`, moved to at least 1 inside of `limits`, at which gradients are 0."""
    return min(max(value, limits[0] + 1.0), limits[1] - 1.0)


def next_seed(seed: Any) -> Any:
    """Return the seed of a further draw of a sample; a `SeedGenerator` moves on by itself.

    Neighbors are spread, so that the second draw of one seed is not the first of the next seed.
    """
    is_integer = isinstance(seed, numbers.Integral)
    return (int(seed) * 0x9E3779B1 + 0x7F4A7C15) % 2**31 if is_integer else seed


def parameters(outputs: Any) -> list[Tensor]:
    """Return a network's outputs as a flat list of float32 tensors.

    Densities need more than half precision.

    Example:
        >>> [part.shape for part in keras_vae.distributions.parameters(decoder(np.zeros((8, 16))))]
        [TensorShape([8, 28, 28, 1])]
    """
    return [tensor(x) for x in keras.tree.flatten(outputs)]


class Distribution:
    """Base class of distributions; arguments are tensors or arrays of shape `(batch, ...)`.

    The positional arguments of a subclass are the outputs of a decoder, then its shared parameters.
    It defines `mean`, `sample`, `element_log_prob` and, if there is a closed form, `kl`.

    Example:
        >>> p = model.observation(model.encode(images[:8]))
        >>> p.mean.shape, p.log_prob(images[:8]).shape
        (TensorShape([8, 28, 28, 1]), TensorShape([8]))

    Attributes:
        heads: Number of decoder outputs of this distribution.
        shared: Names of trailing arguments, each one trainable number for the whole model.
        support: Lowest and highest value with a density; other data are rejected.
        continuous: Whether `log_prob` is a density, which changes with the unit of x. If not, it is
            a probability, such as that of a class or a gray level.
        whole: Whether the data are whole numbers, as counts are; others are rejected.
        by_column: Whether each column of a row has a support of its own, see `check_columns`.
        encodes_log: Whether the encoder gets log(1 + x) in place of x, as of counts.
        gap_log_prob: Log probability of a gap of x, that of missing values: a number, or
            `(batch, ...)`. 0 leaves gaps out.
        scales: Names of arguments that are logarithms of a scale. If they are learned, `fit`
            starts them at `log_scale_of` the data.
    """

    heads = 1
    shared: tuple[str, ...] = ()
    support = (-math.inf, math.inf)
    continuous = True
    whole = False
    by_column = False
    encodes_log = False
    gap_log_prob: Any = 0.0
    scales: tuple[str, ...] = ()

    @classmethod
    def accepts(cls, count: int) -> bool:
        """Return whether a decoder with `count` outputs fits."""
        return count == cls.heads

    @classmethod
    def output_names(cls, count: int) -> list[str]:
        """Return the names of the parameters that `count` outputs of a decoder are."""
        return list(inspect.signature(cls.__init__).parameters)[1 : count + 1]

    @classmethod
    def output_shape(cls, event_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of each output of a decoder, without the batch axis."""
        return event_shape

    @classmethod
    def check_columns(cls, name: str, values: Any) -> None:
        """Raise ValueError unless rows, the argument `name`, are in the support, by column."""
        raise NotImplementedError(f"{cls.__name__} has no columns.")

    @classmethod
    def log_scale_of(cls, deviation: float) -> float:
        """Return the value of each of `scales` at a standard deviation, above 0, in data units."""
        raise NotImplementedError(f"{cls.__name__} has scales and no log_scale_of.")

    @property
    def mean(self) -> Tensor:
        """Expected value, shape `(batch, ...)`."""
        raise NotImplementedError(f"{type(self).__name__} has no mean.")

    def sample(self, seed: Any = None) -> Tensor:
        """Sample once for each row, `(batch, ...)`; `seed` is an int or a `SeedGenerator`."""
        raise NotImplementedError(f"{type(self).__name__} cannot be sampled.")

    def from_noise(self, noise: Tensor) -> Tensor:
        """Transform standard normal `noise` to samples, for reparameterized distributions."""
        raise UsageTypeError(
            "Expected a distribution that turns standard normal noise into draws, "
            f"from_noise(noise). Received: {type(self).__name__}."
        )

    def from_noise_with_log_prob(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return `from_noise(noise)` and its log density, `(batch,)`, in nats."""
        z = self.from_noise(noise)
        return z, self.log_prob(z)

    def get_config(self) -> dict[str, Any]:
        """Return nothing: files name the class, and Keras registers classes with a config only."""
        return {}

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log density or log probability of `x`, `(batch,)`, in nats.

        It is the sum over the event, not the mean.

        Raises:
            ValueError: If an array of counts has one that float32 cannot hold.
        """
        self.check_exact(x)
        return sum_event(self.element_log_prob(tensor(x)))

    def check_exact(self, x: Any) -> None:
        """Raise ValueError for counts of an array that float32 cannot hold; pass over tensors."""
        if self.whole and isinstance(x, np.ndarray | list):
            precision.check_exact(np.asarray(x), f"x of {type(self).__name__}")

    def element_log_prob(self, x: Tensor) -> Tensor:
        """Return the summands of `log_prob`, `(batch, ...)`, in nats."""
        raise NotImplementedError(f"{type(self).__name__} has no density.")

    def kl(self, other: "Distribution") -> Tensor:
        """Return KL(self || other), `(batch,)`, in nats, where it has a closed form.

        Raises:
            TypeError: If it has none.
        """
        raise UsageTypeError(
            f"Expected a pair of distributions whose KL divergence has a closed form. Received: "
            f"{type(self).__name__} and {type(other).__name__}. "
            "(Estimate it from samples: the mean of self.log_prob(z) - other.log_prob(z).)"
        )
