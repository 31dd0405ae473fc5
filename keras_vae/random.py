"""Noise as a pure function of integer seeds, the same in every runtime.

A served `sample` must keep no state. The same seed must give the same image in TensorFlow,
LiteRT and the browser. Random ops do neither. So the numbers come from an integer hash (two
rounds of xor, shift and multiply, after C. Wellons' "lowbias32") and the Box-Muller transform.
"""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, value_checks

__all__ = ["row_seeds", "standard_normal", "uniform"]

# 2^32 divided by the golden ratio; it is far from all small integers.
GOLDEN = np.uint32(0x9E3779B9)
# Seeds have 32 bits, with or without a sign.
SMALLEST, LARGEST = -(2**31), 2**32 - 1
HINT = "(keras_vae.random.row_seeds(count, seed) makes some.)"


class _Numpy:
    """The three integer operations in NumPy, on the host."""

    xor = staticmethod(np.bitwise_xor)
    shift = staticmethod(np.right_shift)
    multiply = staticmethod(np.multiply)


class _Graph:
    """The three integer operations as ops of every runtime; shifts do not broadcast."""

    @staticmethod
    def xor(a: Tensor, b: Tensor) -> Tensor:
        return ops.bitwise_xor(a, b)

    @staticmethod
    def shift(a: Tensor, bits: Any) -> Tensor:
        return ops.right_shift(a, ops.full_like(a, bits))

    @staticmethod
    def multiply(a: Tensor, b: Tensor) -> Tensor:
        return ops.multiply(a, ops.convert_to_tensor(b, dtype="uint32"))


class _Wide:
    """The three integer operations in 64 bits: PyTorch has no shift of unsigned integers."""

    @staticmethod
    def xor(a: Tensor, b: Any) -> Tensor:
        return ops.bitwise_xor(a, ops.convert_to_tensor(b, dtype="int64"))

    @staticmethod
    def shift(a: Tensor, bits: Any) -> Tensor:
        return ops.right_shift(a, int(bits))

    @staticmethod
    def multiply(a: Tensor, b: Any) -> Tensor:
        return ops.bitwise_and(a * int(b), LARGEST)  # The product wraps around, its end is right.


def _mix(x: Any, on: Any) -> Any:
    """Hash 32-bit integers; the map is a bijection."""
    x = on.multiply(on.xor(x, on.shift(x, np.uint32(16))), np.uint32(0x7FEB352D))
    x = on.multiply(on.xor(x, on.shift(x, np.uint32(15))), np.uint32(0x846CA68B))
    return on.xor(x, on.shift(x, np.uint32(16)))


def _bits(seeds: Any, count: int, on: Any) -> Any:
    """Return integers below 2^24, `(batch, count)`, from uint32 `seeds` `(batch, 1)`."""
    # Columns are hashed twice and seeds once. With the same hash, a seed equal to its column would
    # always cancel to 0, the outermost normal, and seed 3, column 5 would equal seed 5, column 3.
    once = _mix(np.arange(1, count + 1, dtype=np.uint32), _Numpy)
    columns = _mix(once + GOLDEN, _Numpy)[None]
    return on.shift(_mix(on.xor(_mix(seeds, on), columns), on), np.uint32(8))


def row_seeds(count: int, seed: int) -> np.ndarray:
    """Return int32 seeds for the rows of a served `sample`, made from one seed.

    Example:
        >>> keras_vae.random.row_seeds(3, seed=0)
        array([-1368424207,   587614100,  -683833383], dtype=int32)

    Args:
        count: Number of rows.
        seed: An integer from -2^31 to 2^32 - 1. A negative one stands for the same 32 bits.

    Returns:
        Shape `(count,)`.

    Raises:
        TypeError: If one of both is no integer.
        ValueError: If `count` is negative, or `seed` is out of range.
    """
    count = arguments.integer("count", count, 0)
    if arguments.integer("seed", seed, SMALLEST) > LARGEST:
        raise UsageError(f"Expected seed below 2^32. Received: seed={seed!r}.")
    start = np.asarray([[int(seed) & LARGEST]], dtype=np.uint32)
    columns = _mix(np.arange(count, dtype=np.uint32) + GOLDEN, _Numpy)
    return _mix(np.bitwise_xor(_mix(start, _Numpy), columns), _Numpy)[0].astype(np.int32)


def check_seeds(seeds: Any) -> Any:
    """Return seeds, those on the host as an int32 array.

    Raises:
        ValueError: If they have another rank, or integers have more than 32 bits.
        TypeError: If they are no integers, or a graph has integers of 64 bits.
    """
    if not (ops.is_tensor(seeds) or isinstance(seeds, keras.KerasTensor)):
        seeds = arguments.array("seeds", seeds)
    shape, kind = tuple(seeds.shape), keras.backend.standardize_dtype(seeds.dtype)
    if not keras.backend.is_int_dtype(kind):
        raise UsageTypeError(f"Expected seeds of integers of 32 bits. Received: {kind}. {HINT}")
    if len(shape) != 1:
        raise UsageError(f"Expected seeds of shape (batch,). Received: {shape}. {HINT}")
    seeds = value_checks.integers_of_32_bits("seeds", seeds, LARGEST, HINT)
    if kind in ("int64", "uint64") and not isinstance(seeds, np.ndarray):
        raise UsageTypeError(
            f"Expected seeds of 32 bits in a graph. Received: {kind}, whose values are not known. "
            '(keras.ops.cast(seeds, "int32") takes their last 32 bits.)'
        )
    return seeds.astype("uint32").view("int32") if isinstance(seeds, np.ndarray) else seeds


def standard_normal(seeds: Any, size: int) -> Tensor:
    """Return standard normal noise in which row i depends on `seeds[i]` alone.

    Example:
        >>> noise = keras_vae.random.standard_normal(np.arange(4), size=16)
        >>> noise.shape, noise.dtype.name
        (TensorShape([4, 16]), 'float32')

    Args:
        seeds: int32, `(batch,)`. A NumPy array is hashed on the host, on every backend. A tensor
            is hashed by builtin ops, for graphs that are exported.
        size: Numbers in a row.

    Returns:
        float32 `(batch, size)`.

    Raises:
        ValueError: If `seeds` have another rank, or integers on the host have more than 32 bits.
        TypeError: If they are no integers.
    """
    size = arguments.integer("size", size, 0)
    uniform = _uniform(seeds, 2 * size)
    radius = ops.sqrt(-2.0 * ops.log(uniform[:, :size]))
    turn = uniform[:, size:]
    # 2 pi is split in two. The first part is exact in float16, a dtype of LiteRT constants.
    return radius * ops.cos(6.28125 * turn + (2.0 * np.pi - 6.28125) * turn)


def uniform(seeds: Any, size: int) -> Tensor:
    """Return numbers between 0 and 1 in which row i depends on `seeds[i]` alone.

    Example:
        >>> np.array(keras_vae.random.uniform(np.arange(2), size=2)).shape
        (2, 2)

    Args:
        seeds: As for `standard_normal`.
        size: Numbers in a row.

    Returns:
        float32 `(batch, size)`, above 0 and below 1.

    Raises:
        ValueError: As for `standard_normal`.
        TypeError: As for `standard_normal`.
    """
    found = _uniform(seeds, arguments.integer("size", size, 0))
    return ops.minimum(found, 1.0 - 2.0**-24)  # Rounding may make the largest one 1.


def _uniform(seeds: Any, size: int) -> Tensor:
    """Return uniform numbers of which the largest may be 1, `(batch, size)`."""
    seeds = check_seeds(seeds)
    if isinstance(seeds, np.ndarray):
        bits = _bits(seeds.astype(np.uint32)[:, None], size, _Numpy).astype(np.int32)
    else:
        rows = ops.expand_dims(seeds, 1)
        if keras.backend.backend() == "torch":
            wide = ops.bitwise_and(ops.cast(rows, "int64"), LARGEST)
            bits = ops.cast(_bits(wide, size, _Wide), "int32")
        else:
            bits = ops.cast(_bits(ops.cast(rows, "uint32"), size, _Graph), "int32")
    return (ops.cast(bits, "float32") + 0.5) * (1.0 / (1 << 24))


@contextlib.contextmanager
def temporary_seed(seed: int) -> Iterator[None]:
    """Seed Keras and its backend; restore the states of Python and NumPy afterwards."""
    states = random.getstate(), np.random.get_state()
    try:
        keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
