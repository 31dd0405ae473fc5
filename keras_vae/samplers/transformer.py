"""A transformer as a pure function of its weights, which are variables or constants.

Variables are trained. Constants need no variables in exported graphs.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops

from keras_vae.typing import Tensor

Weights = Mapping[str, Any]

# Standard deviation of the initial embeddings.
EMBEDDED = 0.02
FAR = -1e9  # Added to the score of a place that may not be read.


@dataclasses.dataclass(frozen=True)
class Size:
    """The sizes of a transformer.

    Attributes:
        places: Number of places.
        inputs: Number of different integers at a place, or numbers at a place if `is_real`.
        outputs: Numbers that are computed for each place.
        width: Features of a place inside.
        blocks: Number of blocks.
        heads: Heads of an attention layer.
        classes: Number of classes; 0 for none.
        is_real: Whether the input is vectors and a time, and not integers.
    """

    places: int
    inputs: int
    outputs: int
    width: int
    blocks: int
    heads: int
    classes: int
    is_real: bool = False


def weight_shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights by name."""
    width = size.width
    shapes = {
        "positions": (size.places, width),
        "output": (width, size.outputs),
        "output_bias": (size.outputs,),
    }
    if size.is_real:
        shapes |= {"input": (size.inputs, width), "time": (width, width)}
    else:  # The last row stands for no integer.
        shapes["embedding"] = (size.inputs + 1, width)
    if size.classes:  # The last row stands for any class.
        shapes["classes"] = (size.classes + 1, width)
    for i in range(size.blocks):
        shapes |= {
            f"qkv_{i}": (width, 3 * width),
            f"attended_{i}": (width, width),
            f"wide_{i}": (width, 4 * width),
            f"narrow_{i}": (4 * width, width),
            f"wide_bias_{i}": (4 * width,),
            f"narrow_bias_{i}": (width,),
        }
    return shapes


def initial_weights(size: Size, seed: int) -> dict[str, np.ndarray]:
    """Return the weights before training, float32: the outputs are 0."""
    random, residual = np.random.default_rng(seed), 1.0 / math.sqrt(2 * max(size.blocks, 1))
    found = {}
    for name, shape in weight_shapes(size).items():
        kind = name.rstrip("_0123456789")
        if kind.endswith("bias") or kind == "output":
            part = np.zeros(shape)
        elif kind in ("positions", "embedding", "classes"):
            part = random.normal(0.0, EMBEDDED, shape)
        else:
            factor = residual if kind in ("attended", "narrow") else 1.0
            part = random.normal(0.0, factor / math.sqrt(shape[0]), shape)
        found[name] = part.astype("float32")
    return found


def embed(weights: Weights, size: Size, tokens: Tensor, labels: Tensor | None) -> Tensor:
    """Return the first features of integers: `(batch, places)` to `(batch, places, width)`."""
    h = ops.take(weights["embedding"], tokens, axis=0) + weights["positions"]
    return _with_class(weights, size, h, labels)


def embed_vectors(
    weights: Weights, size: Size, x: Tensor, time: Tensor, labels: Tensor | None
) -> Tensor:
    """Return the first features of vectors at a time from 0 to 1.

    Args:
        weights: The weights.
        size: The sizes.
        x: `(batch, places, inputs)`.
        time: `(batch,)` or `(1,)`.
        labels: int32 `(batch,)`, or None.

    Returns:
        `(batch, places, width)`.
    """
    h = _dense(x, weights["input"]) + weights["positions"]
    waves = ops.convert_to_tensor(np.pi * 2.0 ** np.linspace(-1, 8, size.width // 2), "float32")
    angles = time[:, None] * waves
    features = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
    return _with_class(weights, size, h + ops.matmul(features, weights["time"])[:, None], labels)


def _with_class(weights: Weights, size: Size, h: Tensor, labels: Tensor | None) -> Tensor:
    if not size.classes:
        return h
    table = weights["classes"]
    if labels is None:
        return h + table[size.classes]
    return h + ops.expand_dims(ops.take(table, labels, axis=0), 1)


def outputs(weights: Weights, size: Size, h: Tensor, causal: bool = False) -> Tensor:
    """Return the outputs of all places for their first features.

    Args:
        weights: The weights.
        size: The sizes.
        h: `(batch, places, width)`.
        causal: Whether a place reads only itself and the places before it.

    Returns:
        `(batch, places, outputs)`.
    """
    places = size.places
    later = np.triu(np.full((places, places), FAR, "float32"), 1)
    hidden = ops.convert_to_tensor(later) if causal else None
    for i in range(size.blocks):
        q, k, v = _queries(weights, i, h)
        h = _block(weights, size, i, h, _attend(size, q, k, v, hidden))
    return _last_outputs(weights, h)


def next_outputs(
    weights: Weights, size: Size, h: Tensor, place: Tensor, cache: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the outputs of one place that reads the places before it from a cache.

    Args:
        weights: The weights.
        size: The sizes.
        h: First features of the place, `(batch, 1, width)`.
        place: Its number, int32 `()`.
        cache: Keys and values of each block, `(batch, places, width)` each; see `empty_cache`.

    Returns:
        `(batch, outputs)`, and the cache with this place.
    """
    numbers = ops.arange(size.places)
    here = ops.expand_dims(ops.cast(ops.equal(numbers, place), "float32"), -1)
    hidden = FAR * ops.cast(ops.greater(numbers, place), "float32")
    known = list(cache)
    for i in range(size.blocks):
        q, *new = _queries(weights, i, h)
        known[2 * i : 2 * i + 2] = (
            old + here * part for old, part in zip(known[2 * i : 2 * i + 2], new, strict=True)
        )
        k, v = known[2 * i : 2 * i + 2]
        h = _block(weights, size, i, h, _attend(size, q, k, v, hidden))
    return _last_outputs(weights, h)[:, 0], tuple(known)


def empty_cache(size: Size, rows: Any) -> tuple[Tensor, ...]:
    """Return the cache before the first place, for this many rows."""
    return tuple(
        ops.zeros((rows, size.places, size.width), "float32") for _ in range(2 * size.blocks)
    )


def _queries(weights: Weights, i: int, h: Tensor) -> list[Tensor]:
    """Return queries, keys and values, `(batch, places, width)` each."""
    return ops.split(_dense(_normalize(h), weights[f"qkv_{i}"]), 3, axis=2)


def _attend(size: Size, q: Tensor, k: Tensor, v: Tensor, hidden: Any) -> Tensor:
    """Return the values that each query reads, `(batch, places of q, width)`."""
    if size.places == 1:
        return v
    each = size.width // size.heads

    def by_head(part: Tensor) -> Tensor:
        return ops.transpose(ops.reshape(part, (-1, part.shape[1], size.heads, each)), (0, 2, 1, 3))

    q, k, v = by_head(q), by_head(k), by_head(v)
    scores = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / math.sqrt(each)
    read = ops.matmul(ops.softmax(scores if hidden is None else scores + hidden, axis=-1), v)
    return ops.reshape(ops.transpose(read, (0, 2, 1, 3)), (-1, q.shape[2], size.width))


def _block(weights: Weights, size: Size, i: int, h: Tensor, read: Tensor) -> Tensor:
    """Return the features after a block, in which the values `read` were attended to."""
    h = h + _dense(read, weights[f"attended_{i}"])
    wide = _dense(_normalize(h), weights[f"wide_{i}"])
    wide = ops.relu(wide + weights[f"wide_bias_{i}"])
    return h + _dense(wide, weights[f"narrow_{i}"]) + weights[f"narrow_bias_{i}"]


def _last_outputs(weights: Weights, h: Tensor) -> Tensor:
    return _dense(_normalize(h), weights["output"]) + weights["output_bias"]


def _normalize(h: Tensor) -> Tensor:
    """Divide features by their root mean square (Zhang and Sennrich 2019, arXiv:1910.07467).

    A learned scale would do nothing that the matrix after it cannot.
    """
    return h * ops.rsqrt(ops.mean(ops.square(h), axis=-1, keepdims=True) + 1e-6)


def _dense(h: Tensor, matrix: Tensor) -> Tensor:
    """Multiply the last axis, as one product of two matrices."""
    rows = ops.matmul(ops.reshape(h, (-1, h.shape[-1])), matrix)
    return ops.reshape(rows, (-1, *h.shape[1:-1], matrix.shape[-1]))
