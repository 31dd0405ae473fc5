"""Parts of the networks for sequences: inputs with or without a mask, positions, output."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_vae.errors import UsageError
from keras_vae.nets.heads import split
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

FEATURES = "features"  # The value of `masked` for a mask of the features of each step.


@keras.saving.register_keras_serializable("keras_vae")
class SinusoidalPositions(layers.Layer):
    """A layer that adds sinusoidal positions to steps, `(batch, time, width)`.

    Element i of step t gets sin(t / 10000^(i / width)) for even i, and the cosine of the same
    angle for the next element (Vaswani et al. 2017, arXiv:1706.03762, section 3.5).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Add the positions to `x`."""
        return x + ops.cast(ops.convert_to_tensor(positions(*x.shape[1:])), x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return `input_shape`: the layer does not change it."""
        return input_shape


def positions(time: int, width: int) -> np.ndarray:
    """Return sines and cosines of the step numbers, float32 `(time, width)`."""
    number = np.arange(width)
    angles = np.arange(time)[:, None] / 10_000.0 ** ((number - number % 2) / width)
    return np.where(number % 2 == 0, np.sin(angles), np.cos(angles)).astype("float32")


def sequence_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return `shape` as a tuple; raise ValueError unless it is (time, features)."""
    return arguments.shape("shape", shape, ("time", "features"), (24, 2))


def token_shape(shape: Sequence[int], vocabulary_size: int) -> tuple[int, int]:
    """Return (time, vocabulary_size) for tokens.

    Raises:
        ValueError: If `shape` is not (time,), or there are fewer than 2 tokens.
    """
    if not isinstance(shape, Sequence) or len(shape) != 1 or shape[0] < 1 or vocabulary_size < 2:
        raise UsageError(
            "Expected the shape of a sequence of tokens as (time,), and a vocabulary_size of at "
            f"least 2. Received: {shape!r} and {vocabulary_size!r}."
        )
    return shape[0], vocabulary_size


def mask_shape(
    masked: bool | str, time: int, features: int, tokens: bool
) -> tuple[int, ...] | None:
    """Return the shape of a mask without the batch axis; None if there is none.

    Args:
        masked: False for no mask, True for one of steps, "features" for one of their features.
        time: Number of steps.
        features: Number of features of a step.
        tokens: Whether steps are tokens, which have no features.

    Raises:
        TypeError: If `masked` is none of the three.
        ValueError: If a mask of features is asked for tokens.
    """
    if not isinstance(masked, str):
        return (time,) if arguments.flag("masked", masked) else None
    arguments.choice("masked", masked, (True, False, FEATURES))
    if tokens:
        raise UsageError(
            f"Expected masked=True or False for tokens, which have no features. Received: "
            f"masked={masked!r}."
        )
    return time, features


def inputs_with_mask(
    name: str, shape: tuple[int, ...], of_mask: tuple[int, ...] | None, dtype: str = "float32"
) -> tuple[Any, Tensor, Tensor | None]:
    """Return the inputs of a network of sequences.

    Args:
        name: Name of the first input.
        shape: Shape of the first input, without the batch axis.
        of_mask: Result of `mask_shape`.
        dtype: Dtype of the first input.

    Returns:
        All inputs, the first input, and the mask of what is present as bool, or None.
    """
    first = keras.Input(shape, name=name, dtype=dtype)
    if of_mask is None:
        return first, first, None
    mask = keras.Input(of_mask, name="mask")
    return [first, mask], first, ops.greater(mask, 0.5)


def real_steps(mask: Tensor | None) -> Tensor | None:
    """Return the mask of steps with at least one present feature, bool `(batch, time)`, or None."""
    if mask is None or len(mask.shape) == 2:
        return mask
    return ops.greater(ops.max(ops.cast(mask, "float32"), axis=-1), 0.5)


def read_present(x: Tensor, mask: Tensor | None) -> Tensor:
    """Set what is missing to 0. With a mask of features, append the mask to the features.

    So the encoder can tell a missing feature from one that is 0.

    Args:
        x: `(batch, time, features)`.
        mask: Bool, `(batch, time)` or `(batch, time, features)`; None if nothing is missing.

    Returns:
        `(batch, time, features)`, or twice as many features with a mask of features.
    """
    if mask is None or len(mask.shape) == 2:
        return zero_padding(x, mask)
    present = ops.where(mask, x, ops.zeros_like(x))
    return ops.concatenate([present, ops.cast(mask, x.dtype)], axis=-1)


def zero_padding(x: Tensor, steps: Tensor | None) -> Tensor:
    """Set the padding of `x` to 0; `steps` is the mask of real time steps, or None."""
    if steps is None:
        return x
    return ops.where(ops.expand_dims(steps, -1), x, ops.zeros_like(x))


def embed(tokens: Tensor, steps: Tensor | None, count: int, width: int) -> Tensor:
    """Map each of `count` tokens to a learned vector, 0 in padding.

    Padding may hold any integers.

    Args:
        tokens: `(batch, time)`.
        steps: Mask of real time steps, bool `(batch, time)`, or None.
        count: Number of tokens.
        width: Size of a vector.

    Returns:
        `(batch, time, width)`.
    """
    if steps is not None:
        tokens = ops.where(steps, tokens, ops.zeros_like(tokens))
    # The scale is that of the positions, so that neither dominates.
    normal = keras.initializers.RandomNormal(stddev=1.0)
    vectors = layers.Embedding(count, width, embeddings_initializer=normal, name="embedding")
    return zero_padding(vectors(tokens), steps)


def embed_previous(tokens: Tensor, vocabulary_size: int, width: int) -> Tensor:
    """Map the token before each step to a learned vector, `(batch, time, width)`.

    The token before the first step is `vocabulary_size`, which may also stand for padding.
    """
    first = ops.full_like(tokens[:, :1], vocabulary_size)
    before = ops.concatenate([first, tokens[:, :-1]], axis=1)
    return embed(before, None, vocabulary_size + 1, width)


def output(h: Tensor, features: int, heads: int) -> Any:
    """Return the parameters of p(x | z) for the features of each step."""
    return split(layers.Dense(features * heads, name="output")(h), heads)
