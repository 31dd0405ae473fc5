"""What the networks for sequences share: inputs with or without a mask, positions, output."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_vae import arguments
from keras_vae.nets.heads import split

Tensor = Any


@keras.saving.register_keras_serializable("keras_vae")
class SinusoidalPositions(layers.Layer):
    """Adds sines and cosines of the step's number, `(batch, time, width)` to the same shape.

    Step t gets sin(t / 10000^(i / width)) for even i and the cosine of the same for the next
    (Vaswani et al. 2017, section 3.5), so that steps of one sequence differ before any is seen.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """`x` plus the positions."""
        return x + ops.cast(ops.convert_to_tensor(positions(*x.shape[1:])), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape stays."""
        return input_shape


def positions(time: int, width: int) -> np.ndarray:
    """Sines and cosines of the numbers of the steps, float32 `(time, width)`."""
    number = np.arange(width)
    angles = np.arange(time)[:, None] / 10_000.0 ** ((number - number % 2) / width)
    return np.where(number % 2 == 0, np.sin(angles), np.cos(angles)).astype("float32")


def sequence_shape(shape: Sequence[int]) -> tuple[int, int]:
    """`shape` as a tuple; raises ValueError unless it is (time, features)."""
    return arguments.shape("shape", shape, ("time", "features"), (24, 2))


def token_shape(shape: Sequence[int], vocabulary_size: int) -> tuple[int, int]:
    """(time, vocabulary_size); raises ValueError unless `shape` is (time,), and there are two."""
    if not isinstance(shape, Sequence) or len(shape) != 1 or shape[0] < 1 or vocabulary_size < 2:
        raise ValueError(
            "Expected the shape of a sequence of tokens as (time,), and a vocabulary_size of at "
            f"least 2. Received: {shape!r} and {vocabulary_size!r}."
        )
    return shape[0], vocabulary_size


def masked_inputs(
    name: str, shape: tuple[int, ...], time: int, masked: bool, dtype: str = "float32"
) -> tuple[Any, Tensor, Tensor | None]:
    """What a network takes, its first input, and which steps there are, bool, if it is told."""
    first = keras.Input(shape, name=name, dtype=dtype)
    if not arguments.flag("masked", masked):
        return first, first, None
    mask = keras.Input((time,), name="mask")
    return [first, mask], first, ops.greater(mask, 0.5)


def without_padding(x: Tensor, steps: Tensor | None) -> Tensor:
    """`x` with 0 in the steps that there are not."""
    if steps is None:
        return x
    return ops.where(ops.expand_dims(steps, -1), x, ops.zeros_like(x))


def embedded(tokens: Tensor, steps: Tensor | None, count: int, width: int) -> Tensor:
    """A learned vector for each of `count` tokens, `(batch, time)` to `(batch, time, width)`.

    What stands in steps that there are not need not be a token; the vectors are 0 there.
    """
    if steps is not None:
        tokens = ops.where(steps, tokens, ops.zeros_like(tokens))
    # Of the size of positions, so that neither drowns the other.
    normal = keras.initializers.RandomNormal(stddev=1.0)
    vectors = layers.Embedding(count, width, embeddings_initializer=normal, name="embedding")
    return without_padding(vectors(tokens), steps)


def embedded_before(tokens: Tensor, vocabulary_size: int, width: int) -> Tensor:
    """The vector of the token before each step; before the first stands one of its own.

    That one, `vocabulary_size`, may also stand for steps that there are not.
    """
    first = ops.full_like(tokens[:, :1], vocabulary_size)
    before = ops.concatenate([first, tokens[:, :-1]], axis=1)
    return embedded(before, None, vocabulary_size + 1, width)


def output(h: Tensor, features: int, heads: int) -> Any:
    """The parameters of p(x | z) from the features of each step."""
    return split(layers.Dense(features * heads, name="output")(h), heads)
