"""Frequency tables of the integers in codes, the same on every machine."""

import dataclasses
import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.compression.container import as_bytes
from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.validation import arguments

# The frequencies of a table are scaled to about this sum.
TOTAL = 2**14
# Largest range of integers of a table.
LARGEST = 2**15
# Largest size of tables in memory; a few kilobytes of zlib can claim gigabytes.
MAX_BYTES = 1 << 26
HEAD = struct.Struct("<dI")
TABLE = struct.Struct("<iI")


@dataclasses.dataclass(frozen=True)
class Tables:
    """Frequency tables, one for each context.

    A context is a set of code elements that share one distribution.

    Example:
        >>> tables = keras_vae.compression.fit_tables(model, train, step=0.5)
        >>> len(tables.lows)
        16

    Attributes:
        lows: The smallest integer of each table.
        frequencies: Frequencies of the integers from `lows` on, each at least 1. The last one is
            that of all other integers.
        step: Step by which real codes are divided before rounding; 0 for integer codes.

    Raises:
        ValueError: If the numbers make no tables that a file can hold.
        TypeError: If one has another type.
    """

    lows: tuple[int, ...]
    frequencies: tuple[tuple[int, ...], ...]
    step: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError or TypeError unless the numbers make tables that files can hold."""
        arguments.real("step", self.step, 0.0)
        lows = arguments.sizes("lows", self.lows, -(2**31))
        frequencies = tuple(self.frequencies) if isinstance(self.frequencies, Sequence) else ()
        if len(lows) != len(frequencies) or max(lows) >= 2**31:
            raise UsageError(
                "Expected lows of 32 bits, and a sequence of frequencies for each. Received: "
                f"lows={self.lows!r}, frequencies={self.frequencies!r}."
            )
        object.__setattr__(self, "lows", lows)
        object.__setattr__(self, "frequencies", tuple(map(_check_frequencies, frequencies)))

    def to_bytes(self) -> bytes:
        """Return the tables as compressed bytes."""
        parts = [HEAD.pack(self.step, len(self.lows))]
        parts += [
            TABLE.pack(*row) for row in zip(self.lows, map(len, self.frequencies), strict=True)
        ]
        parts += [np.array(row, "<u2").tobytes() for row in self.frequencies]
        return zlib.compress(b"".join(parts), 9)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Tables":
        """Read the bytes of `to_bytes`.

        Raises:
            ValueError: If the bytes hold no tables.
            TypeError: If it is no bytes.
        """
        content = as_bytes(content)
        try:
            reader = zlib.decompressobj()
            whole = reader.decompress(content, MAX_BYTES)
            if not reader.eof or reader.unused_data:
                raise ValueError("They are cut off, or too large.")
            return cls._parse(whole)
        except (zlib.error, struct.error, ValueError) as error:
            raise UsageError(
                "Expected tables that keras_vae.compression wrote. "
                f"Received: {len(content)} bytes that are none."
            ) from error

    @classmethod
    def _parse(cls, content: bytes) -> "Tables":
        step, count = HEAD.unpack_from(content)
        start = HEAD.size + count * TABLE.size
        rows = list(TABLE.iter_unpack(content[HEAD.size : start]))
        numbers = np.frombuffer(content[start:], "<u2").tolist()
        ends = np.cumsum([0, *(size for _, size in rows)]).tolist()
        if ends[-1] != len(numbers) or len(rows) != count or 0 in numbers:
            raise ValueError("The sizes do not fit.")
        cut = (tuple(numbers[a:b]) for a, b in zip(ends, ends[1:], strict=False))
        return cls(tuple(low for low, _ in rows), tuple(cut), step)

    def save(self, path: str | Path) -> None:
        """Write a new file.

        Raises:
            FileExistsError: If it exists.
        """
        with arguments.path("path", path).open("xb") as file:
            file.write(self.to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> "Tables":
        """Read a file of `save`; raises ValueError for other files."""
        return cls.from_bytes(arguments.path("path", path).read_bytes())

    def digest(self) -> bytes:
        """Return eight bytes that identify the tables."""
        return hashlib.blake2b(self.to_bytes(), digest_size=8).digest()


def _check_frequencies(row: Any) -> tuple[int, ...]:
    """Return the frequencies of a table as integers."""
    found = arguments.array("frequencies", row)
    integers = found.ndim == 1 and found.dtype.kind in "iu" and len(found) >= 2
    if not integers or found.min() < 1 or found.max() >= 2**16:
        raise UsageError(
            "Expected frequencies of at least two integers, from 1 to 65535, in each table. "
            f"Received: {row!r}."
        )
    return tuple(found.tolist())


def require_tables(tables: Any) -> Tables:
    """Return `tables`; raise TypeError unless they are `Tables`."""
    if not isinstance(tables, Tables):
        raise UsageTypeError(
            f"Expected tables of keras_vae.compression.Tables. Received: {tables!r}. "
            "(keras_vae.compression.fit_tables(model, data) makes them.)"
        )
    return tables


def count_tables(values: Sequence[np.ndarray], step: float = 0.0) -> Tables:
    """Count the integers of each context.

    Args:
        values: Integers, an array for each context.
        step: As in `Tables`.

    Raises:
        ValueError: If a context has no integers, or they span more than 2^15.
    """
    lows, frequencies = zip(*(_table(array.ravel()) for array in values), strict=True)
    return Tables(lows, frequencies, step)


def _table(values: np.ndarray) -> tuple[int, tuple[int, ...]]:
    low, high = (int(end) for end in (values.min(), values.max())) if len(values) else (0, LARGEST)
    if high - low >= LARGEST or abs(low) >= 2**31:
        raise UsageError(
            f"Expected codes, and of them integers that span less than {LARGEST}. Received: "
            f"{len(values)} from {low} to {high}. (Give codes of real numbers a greater step=...)"
        )
    counts = np.bincount((values - low).astype("int64"))
    scaled = counts * TOTAL // max(int(counts.sum()), 1)
    return low, (*np.maximum(scaled, 1).tolist(), 1)


def check_tables(tables: Any, contexts: int) -> None:
    """Raise ValueError unless there is a table for each context."""
    if len(require_tables(tables).lows) != contexts:
        raise UsageError(
            f"Expected tables for {contexts} context(s). Received: {len(tables.lows)}. "
            "(keras_vae.compression.fit_tables(model, data) makes them.)"
        )
