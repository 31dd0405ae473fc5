"""Adversaries: a discriminator and its opponent in one loss, trained by one optimizer."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_vae.backend import split_gradients
from keras_vae.distributions import parameters
from keras_vae.errors import UsageError
from keras_vae.typing import Tensor
from keras_vae.validation.networks import takes_shape

LAST = "channels_last"


def dense_discriminator(depth: int, activation: str) -> keras.Model:
    """Return `depth` layers of 1000 units and one with the log odds, not built."""
    layers = [keras.layers.Dense(1000, activation=activation) for _ in range(depth)]
    return keras.Sequential([*layers, keras.layers.Dense(1)], name="discriminator")


class ConvDiscriminator(keras.Model):
    """A discriminator `[features, log odds]` of images: three convolutions of stride 2.

    The features are those of the last convolution.
    """

    def __init__(self) -> None:
        super().__init__(name="discriminator")
        self.features = keras.Sequential(
            [
                keras.layers.Conv2D(filters, 4, 2, "same", LAST, activation="leaky_relu")
                for filters in (32, 64, 128)
            ]
        )
        self.head = keras.Sequential([keras.layers.Flatten(LAST), keras.layers.Dense(1)])

    def build(self, input_shape: tuple) -> None:
        """Make all variables, and raise ValueError unless events are images."""
        if len(input_shape) != 4:
            raise UsageError(
                "Expected images of shape (height, width, channels). Received: events of shape "
                f"{input_shape[1:]}. (Give a discriminator with the outputs [features, log odds].)"
            )
        self.features.build(input_shape)
        self.head.build(self.features.output_shape)
        self.built = True

    def call(self, images: Tensor, training: bool = False) -> list[Tensor]:
        """Return features `(batch, height, width, 128)` and log odds `(batch, 1)`."""
        features = self.features(images, training=training)
        return [features, self.head(features, training=training)]


def check_discriminator(
    discriminator: keras.layers.Layer, shape: tuple[int, ...], features: bool = False
) -> None:
    """Build a discriminator; raise ValueError unless it fits.

    Args:
        discriminator: From examples to log odds, with `features` to `[features, log odds]`.
        shape: Of an example: `(elements,)` of codes, `event_shape` with `features`.
        features: Whether it has features.
    """
    what = "events" if features else "codes"
    wanted = f"Expected a discriminator from {what} to log odds of shape (None, 1)."
    if features:
        wanted = f"Expected a discriminator from {what} to [features, log odds of shape (None, 1)]."
    examples = keras.KerasTensor((None, *shape), dtype="float32")
    try:
        outputs = keras.tree.flatten(discriminator(examples))
    except ValueError as error:
        raise UsageError(f"{wanted} Received: one that takes other {what}. ({error})") from error
    shapes = [tuple(output.shape) for output in outputs]
    if shapes[-1] != (None, 1) or (len(shapes) > 1) is not features:
        raise UsageError(f"{wanted} Received: {', '.join(map(str, shapes))}.")
    if not takes_shape(discriminator, shape):
        taken = discriminator.input_shape
        raise UsageError(f"{wanted} Received: one that takes other {what}, {taken}.")


def judge(discriminator: keras.layers.Layer, x: Tensor, training: bool) -> list[Tensor]:
    """Return the outputs of a discriminator in float32; `x` must be without gradient.

    Args:
        discriminator: Layer or model. Its last output has the log odds, `(batch, 1)` or
            `(batch, rows, columns, 1)`.
        x: Its input, from `ops.stop_gradient`, so that the term trains the discriminator alone.
        training: Whether layers such as dropout are active.

    Returns:
        The outputs, with log odds of shape `(batch,)`, or `(batch, rows, columns)` of patches.
    """
    return _with_flat_odds(discriminator(x, training=training))


def judge_with_constant_weights(
    discriminator: keras.layers.Layer, x: Tensor, training: bool
) -> list[Tensor]:
    """Return the outputs of `judge` for weights held constant, so that a term trains `x` alone."""
    values = constant_values(discriminator)
    outputs, _ = discriminator.stateless_call(*values, x, training=training)
    return _with_flat_odds(outputs)


def judge_and_oppose(
    discriminator: keras.layers.Layer, examples: Sequence[Tensor], opposed: int, training: bool
) -> tuple[list[Tensor], Tensor]:
    """Return log odds of several examples, and of one of them for its own training.

    A discriminator without state is evaluated once for each, and one with state, such as that of
    dropout, once more for the last number.

    Args:
        discriminator: Layer or model with one output.
        examples: Its inputs.
        opposed: The index of the input that the last log odds train.
        training: Whether layers such as dropout are active.

    Returns:
        The log odds of `judge` for each input, `(batch,)`, which train the discriminator alone, and
        those of `judge_with_constant_weights`, which train `examples[opposed]` alone.
    """
    fixed = [ops.stop_gradient(x) for x in examples]
    if discriminator.non_trainable_variables:
        odds = [judge(discriminator, x, training)[-1] for x in fixed]
        return odds, judge_with_constant_weights(discriminator, examples[opposed], training)[-1]

    def outputs_of(x: Tensor, weights: list[Tensor]) -> list[Tensor]:
        outputs, _ = discriminator.stateless_call(weights, [], x, training=training)
        return [_with_flat_odds(outputs)[-1]]

    weights = [ops.convert_to_tensor(v) for v in discriminator.trainable_variables]
    [against], [own] = split_gradients(outputs_of, examples[opposed], weights)
    odds = [
        own if place == opposed else judge(discriminator, x, training)[-1]
        for place, x in enumerate(fixed)
    ]
    return odds, against


def constant_values(network: keras.layers.Layer) -> tuple[list[Tensor], list[Tensor]]:
    """Return the trained and the other values of a network without gradient.

    They are the first arguments of its `stateless_call`.
    """
    trained, fixed = (
        [ops.stop_gradient(ops.convert_to_tensor(v)) for v in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables)
    )
    return trained, fixed


def discriminator_loss(true: Tensor, false: Tensor) -> Tensor:
    """Return the cross-entropy of log odds of two kinds of examples, `(batch,)`, in nats.

    Args:
        true: Log odds of examples of the kind that should get a large one, `(batch,)`.
        false: Log odds of the others, `(batch,)`.
    """
    return 0.5 * (ops.softplus(-true) + ops.softplus(false))


def _with_flat_odds(outputs: Any) -> list[Tensor]:
    *others, odds = parameters(outputs)
    return [*others, odds[..., 0]]
