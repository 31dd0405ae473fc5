"""Networks of TimeVAE, whose decoder is a sum of a trend, seasons, and a residual."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_vae.base.network_defaults import activation_or_default
from keras_vae.distributions import parameters
from keras_vae.errors import UsageError
from keras_vae.nets.conv import conv_decoder, conv_encoder
from keras_vae.nets.sequence import (
    inputs_with_mask,
    mask_shape,
    read_present,
    real_steps,
    sequence_shape,
    zero_padding,
)
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

TREND, SEASON, RESIDUAL = "trend", "season", "residual"


def time_vae(
    shape: Sequence[int],
    latent_dim: int,
    trend_degree: int = 2,
    seasons: Sequence[Sequence[int]] = (),
    residual: bool = True,
    filters: Sequence[int] = (32, 64),
    hidden: int = 64,
    heads: int = 1,
    masked: bool | str = False,
    activation: str | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Return a convolutional encoder of series, and a decoder that is a sum of interpretable parts.

    The decoder adds up these parts, each a layer with its name:

    - `trend`: a polynomial of t / time, whose coefficients are a network of the code.
    - `season`: one learned value for each season of a cycle. The values of a cycle add up to 0.
      If there are several cycles, the names are `season_1`, `season_2`, and so on.
    - `residual`: transposed convolutions, as in `keras_vae.nets.conv`.

    Source: Desai et al. 2021 (arXiv:2111.08095, section 3).

    Example:
        >>> encoder, decoder = keras_vae.nets.time_vae((48, 1), latent_dim=8, seasons=[(24, 1)])
        >>> encoder.output_shape, decoder.output_shape
        ((None, 8), (None, 48, 1))

    Args:
        shape: `(time, features)`.
        latent_dim: Size of the code.
        trend_degree: Degree of the polynomial, 0 for a constant.
        seasons: A pair for each cycle: the number of its seasons, at least 2, and the number of
            steps of a season. `(7, 24)` are the days of a week, for a step an hour.
        residual: Whether the decoder has the residual part.
        filters: Channels of the strided convolutions of encoder and residual.
        hidden: Width of the dense layers of the encoder and of the trend.
        heads: Outputs of the encoder: 1 for a code, 2 for z_mean and z_log_var.
        masked: As in `keras_vae.nets.lstm`.
        activation: Activation of the hidden layers; None for "leaky_relu".

    Returns:
        `(encoder, decoder)`, from `(batch, *shape)` to `(batch, latent_dim)` and back.

    Raises:
        ValueError: If `shape` is not `(time, features)`, a number is too small, or a cycle is no
            pair.
    """
    time, features = sequence_shape(shape)
    degree = arguments.integer("trend_degree", trend_degree, 0)
    cycles = season_names(seasons)
    of_mask = mask_shape(masked, time, features, tokens=False)
    inputs, x, mask = inputs_with_mask("x", (time, features), of_mask)
    known = read_present(x, mask)
    network = conv_encoder(
        known.shape[1:], latent_dim, filters, hidden, heads, activation=activation
    )
    encoder = keras.Model(inputs, network(known), name="encoder")

    inputs, z, mask = inputs_with_mask("z", (latent_dim,), of_mask)
    h = layers.Dense(hidden, activation_or_default(activation))(z)
    parts = [PolynomialTrend(time, features, degree, name=TREND)(h)]
    parts += [Seasons(time, features, *cycle, name=name)(z) for name, cycle in cycles.items()]
    if arguments.flag("residual", residual):
        network = conv_decoder((time, features), latent_dim, filters, activation=activation)
        parts.append(layers.Identity(name=RESIDUAL)(network(z)))
    total = layers.Add(name="sum")(parts) if len(parts) > 1 else parts[0]
    return encoder, keras.Model(inputs, zero_padding(total, real_steps(mask)), name="decoder")


def season_names(seasons: Sequence[Sequence[int]]) -> dict[str, tuple[int, int]]:
    """Return the cycles by the names of their parts.

    Raises:
        ValueError: If a cycle is not a pair of at least 2 seasons and at least 1 step.
    """
    cycles = list(seasons) if arguments.is_list(seasons) else [seasons]
    if not all(arguments.is_list(cycle) and len(cycle) == 2 for cycle in cycles):
        raise UsageError(
            "Expected seasons to be pairs of a number of seasons and the steps of a season, such "
            f"as [(7, 24)]. Received: seasons={seasons!r}."
        )
    names = [SEASON] if len(cycles) == 1 else [f"{SEASON}_{i + 1}" for i in range(len(cycles))]
    return {
        name: (
            arguments.integer("the number of seasons", count, 2),
            arguments.integer("the steps of a season", steps),
        )
        for name, (count, steps) in zip(names, cycles, strict=True)
    }


def decode_parts(decoder: keras.Model, inputs: Any) -> dict[str, Tensor]:
    """Return the parts of a decoder of `time_vae` by name, float32 `(batch, time, features)`."""
    names = (TREND, SEASON, RESIDUAL)
    named = [layer for layer in decoder.layers if layer.name.partition("_")[0] in names]
    named.sort(key=lambda layer: names.index(layer.name.partition("_")[0]))
    values = keras.Model(decoder.inputs, [layer.output for layer in named])(inputs)
    return {layer.name: part for layer, part in zip(named, parameters(values), strict=True)}


class _Expansion(layers.Layer):
    """Base class of layers whose output is a sum of fixed functions of time.

    The coefficients of the functions are a dense layer of the input.
    """

    def __init__(self, time: int, features: int, basis: np.ndarray, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.time, self.features, self.basis = time, features, basis.astype("float32")
        self.coefficients = layers.Dense(features * len(basis), name="coefficients")

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.coefficients.build(input_shape)
        self.built = True

    def call(self, h: Tensor) -> Tensor:
        """Return the function of time, `(batch, time, features)`, of `h`, `(batch, width)`."""
        of_features = ops.reshape(self.coefficients(h), (-1, self.features, len(self.basis)))
        basis = ops.cast(ops.convert_to_tensor(self.basis), of_features.dtype)
        return ops.transpose(ops.matmul(of_features, basis), (0, 2, 1))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return `(batch, time, features)`."""
        return (input_shape[0], self.time, self.features)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that both layers have."""
        return {**super().get_config(), "time": self.time, "features": self.features}


@keras.saving.register_keras_serializable("keras_vae")
class PolynomialTrend(_Expansion):
    """A layer that maps features to sum_i c_i (t / time)^i, for i from 0 to `degree`.

    Args:
        time: Number of steps; t is 0, ..., time - 1.
        features: Number of features of a step, each with its own coefficients.
        degree: Degree of the polynomial.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, time: int, features: int, degree: int, **kwargs: Any) -> None:
        powers = (np.arange(time) / time) ** np.arange(degree + 1)[:, None]
        super().__init__(time, features, powers, **kwargs)
        self.degree = degree

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "degree": self.degree}


@keras.saving.register_keras_serializable("keras_vae")
class Seasons(_Expansion):
    """A layer that maps features to one value for each season of a cycle.

    The mean of all values of a cycle is subtracted, since it belongs to the trend.

    Args:
        time: Number of steps; step t has season floor(t / steps) modulo `count`.
        features: Number of features of a step, each with its own values.
        count: Number of seasons of a cycle.
        steps: Number of steps of a season.
        **kwargs: Of `keras.layers.Layer`.
    """

    def __init__(self, time: int, features: int, count: int, steps: int, **kwargs: Any) -> None:
        season = np.arange(time) // steps % count
        one_hot = np.arange(count)[:, None] == season
        super().__init__(time, features, one_hot - 1.0 / count, **kwargs)
        self.count, self.steps = count, steps

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "count": self.count, "steps": self.steps}
