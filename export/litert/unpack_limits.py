"""A limit on what the schema of .tflite files unpacks, for files from strangers.

In a FlatBuffer, any number of places may refer to one table or text. A small file can so unpack to
more than any memory holds. What a converter writes refers to each once.
"""

import contextlib
import contextvars
import functools
import types
from collections.abc import Iterator
from typing import Any

from keras_vae.errors import UsageError

_left: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("left", default=None)
TABLE_SIZE = 4  # Bytes that a table takes at least.
MARGIN = 1 << 16


@contextlib.contextmanager
def limit_unpacking(schema: Any, size: int) -> Iterator[None]:
    """Raise ValueError in the block if tables and texts take much more than `size` bytes.

    Args:
        schema: The module with the schema of the file.
        size: Bytes of the file.
    """
    _count_in(schema)
    token = _left.set([4 * size + MARGIN])
    try:
        yield
    finally:
        _left.reset(token)


@functools.cache
def _count_in(schema: Any) -> None:
    """Let a generated schema make tables that count themselves and their texts."""
    import flatbuffers

    class CountedTable(flatbuffers.table.Table):
        __slots__ = ()

        def __init__(self, content: Any, position: int) -> None:
            super().__init__(content, position)
            _take(TABLE_SIZE)

        def String(self, offset: int) -> bytes:  # noqa: N802  (The name in FlatBuffers.)
            text: bytes = super().String(offset)
            _take(len(text))
            return text

    table = types.SimpleNamespace(Table=CountedTable)
    schema.flatbuffers = types.SimpleNamespace(**{**vars(flatbuffers), "table": table})


def _take(size: int) -> None:
    if (left := _left.get()) is not None:
        left[0] -= size
        if left[0] < 0:
            raise UsageError("its tables refer to the same parts again and again")
