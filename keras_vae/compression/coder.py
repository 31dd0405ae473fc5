"""Integers to bytes and back, by the range coder of `constriction`."""

import struct
from typing import Any

import numpy as np

from keras_vae.compression.tables import Tables
from keras_vae.errors import MissingExtraError, UsageError

LENGTHS = struct.Struct("<II")


def encode(symbols: np.ndarray, contexts: np.ndarray, tables: Tables) -> bytes:
    """Encode integers as bytes.

    Args:
        symbols: `(count, positions)`.
        contexts: The table of each position, `(positions,)`.
        tables: An integer that is not in its table is stored as four bytes.

    Raises:
        ImportError: If `constriction` is not installed.
    """
    coder = import_constriction().stream.queue.RangeEncoder()
    others = []
    for context, low in enumerate(tables.lows):
        index = symbols[:, contexts == context].ravel().astype("int64") - low
        other = (index < 0) | (index >= len(tables.frequencies[context]) - 1)
        others.append(index[other] + low)
        index[other] = len(tables.frequencies[context]) - 1
        coder.encode(index.astype("int32"), _distribution(tables, context))
    words, rest = coder.get_compressed(), np.concatenate(others)
    lengths = LENGTHS.pack(len(words), len(rest))
    return lengths + words.astype("<u4").tobytes() + rest.astype("<i4").tobytes()


def decode(payload: bytes, count: int, contexts: np.ndarray, tables: Tables) -> np.ndarray:
    """Decode the bytes of `encode`, int64 `(count, positions)`.

    Raises:
        ValueError: If the payload is of another number of integers.
    """
    words, rest = _parts(payload)
    coder = import_constriction().stream.queue.RangeDecoder(words)
    symbols, used = np.zeros((count, len(contexts)), "int64"), 0
    for context, low in enumerate(tables.lows):
        size = count * int((contexts == context).sum())
        index = np.asarray(coder.decode(_distribution(tables, context), size), "int64")
        other = index == len(tables.frequencies[context]) - 1
        values = index + low
        if used + other.sum() > len(rest):
            raise UsageError("Expected a whole payload. Received: one without all of its numbers.")
        values[other] = rest[used : used + other.sum()]
        used += int(other.sum())
        symbols[:, contexts == context] = values.reshape(count, -1)
    if used != len(rest) or not coder.maybe_exhausted():
        raise UsageError("Expected a payload of these codes. Received: one of more.")
    return symbols


def _parts(payload: bytes) -> tuple[np.ndarray, np.ndarray]:
    words, rest = LENGTHS.unpack_from(payload) if len(payload) >= LENGTHS.size else (0, 0)
    if len(payload) != LENGTHS.size + 4 * (words + rest):
        raise UsageError(f"Expected a whole payload. Received: {len(payload)} bytes.")
    middle = LENGTHS.size + 4 * words
    numbers = np.frombuffer(payload[LENGTHS.size : middle], "<u4")
    return numbers.astype("uint32"), np.frombuffer(payload[middle:], "<i4")


def _distribution(tables: Tables, context: int) -> Any:
    # Integers below 2^24 are exact in float32, and sums and products of floats are the same on all
    # machines. Functions such as exp are not, so none is used here.
    frequencies = np.array(tables.frequencies[context], "float32")
    return import_constriction().stream.model.Categorical(frequencies, perfect=False)


def import_constriction() -> Any:
    """Return the entropy coder; raises ImportError, which names the extra, without it."""
    try:
        import constriction
    except ImportError as error:
        raise MissingExtraError(
            "Expected constriction, the entropy coder. Received: no such package. "
            '(pip install "keras-vae[compression]")'
        ) from error
    return constriction
