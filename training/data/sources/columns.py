"""The image column of a Parquet file: its type, and the pixels from its values."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_vae.errors import UsageError

IMAGE, SHAPE, LABEL = "image", "shape", "label"


@dataclass(frozen=True)
class Column:
    """The way in which a column stores images.

    Attributes:
        name: The name of the column.
        lists: True if it holds lists of numbers, False if it holds bytes.
        shape: The shape of one image if the type of the column states it, otherwise empty.
        axes: The depth of nested lists; 0 for bytes.
    """

    name: str
    lists: bool
    shape: tuple[int, ...]
    axes: int

    def __str__(self) -> str:
        sizes = " of one size" if self.lists and self.shape else ""
        kind = f"lists{sizes}, nested {self.axes} deep," if self.lists else "bytes"
        return f"{kind} in the column {self.name}"


def image_column(schema: Any, where: str) -> Column:
    """Return the column `image`, or the only one that can hold images.

    Args:
        schema: A `pyarrow.Schema`.
        where: The name of the file, for messages.

    Raises:
        ValueError: If there is none, or it holds something else, or two columns have one name.
    """
    if twice := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        raise UsageError(
            f"Expected columns of different names in {where}. Received: two columns "
            f"{' and two '.join(twice)}. (Rename one.)"
        )
    found = [field.name for field in schema if _parse_column(field.name, field.type)]
    name = IMAGE if IMAGE in schema.names or len(found) != 1 else found[0]
    column = _parse_column(name, schema.field(name).type) if name in schema.names else None
    if column is None:
        raise UsageError(
            f"Expected a column {IMAGE} of bytes or of lists of uint8, or one such column alone, "
            f"in {where}. Received: {', '.join(f'{f.name} ({f.type})' for f in schema)}."
        )
    return column


def _parse_column(name: str, kind: Any) -> Column | None:
    """Return the way in which a column of this type stores images; None if it cannot."""
    import pyarrow as pa

    shape: tuple[int, ...] = ()
    if isinstance(kind, pa.FixedShapeTensorType):
        if kind.permutation not in (None, list(range(len(kind.shape)))):
            return None
        shape = _with_channels(tuple(kind.shape))
    kind = getattr(kind, "storage_type", kind)
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind = kind.field("bytes").type
    if _is_bytes(kind):
        return Column(name, False, (), 0)
    sizes = []
    while _is_list(kind):
        sizes.append(getattr(kind, "list_size", 0))
        kind = kind.value_type
    if not 1 <= len(sizes) <= 3 or not pa.types.is_uint8(kind):
        return None
    if len(sizes) > 1 and all(sizes):
        shape = _with_channels(tuple(sizes))
    return Column(name, True, shape, len(sizes))


def pixel_values(array: Any, where: str) -> np.ndarray:
    """Return the numbers in lists, uint8 of shape `(rows, ...)`, with one axis for each list.

    Args:
        array: A `pyarrow.Array`.
        where: The name of its rows, for messages.

    Raises:
        ValueError: If rows differ in length, or a value is missing.
    """
    import pyarrow.compute as pc

    array, sizes = getattr(array, "storage", array), [len(array)]
    while _is_list(array.type):
        check_no_nulls(array, where)
        lengths = pc.min_max(pc.list_value_length(array)).as_py()
        if lengths["min"] != lengths["max"]:
            raise UsageError(
                f"Expected images of one shape. Received: lists of {lengths['min']} to "
                f"{lengths['max']} in {where}."
            )
        sizes.append(lengths["max"])
        array = array.flatten()
    check_no_nulls(array, where)
    return array.to_numpy().reshape(sizes)


def image_bytes(array: Any, where: str) -> Any:
    """Return the bytes of a `pyarrow.Array`; raise ValueError if some are missing."""
    import pyarrow as pa

    check_no_nulls(array, where)
    array = getattr(array, "storage", array)
    if pa.types.is_struct(array.type):
        array = array.field("bytes")
        check_no_nulls(array, where)
    return array


def integers(array: Any, where: str) -> np.ndarray:
    """Return integers, int64 of shape `(rows,)`, or `(rows, length)` for lists.

    Raises:
        ValueError: If they are not integers, or a value is missing.
    """
    import pyarrow as pa

    kind = array.type
    while _is_list(kind):
        kind = kind.value_type
    if not pa.types.is_integer(kind):
        raise UsageError(f"Expected integers. Received: {array.type} in {where}.")
    return pixel_values(array, where).astype(np.int64)


def image_shape(found: np.ndarray) -> tuple[int, ...]:
    """Return the shape of the images of `pixel_values`: one channel if there are two axes."""
    return _with_channels(found.shape[1:])


def check_no_nulls(array: Any, where: str) -> None:
    """Raise ValueError if an element of an array is null."""
    if array.null_count:
        raise UsageError(f"Expected a value in each row. Received: null in {where}.")


def _with_channels(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape, 1) if len(shape) == 2 else shape


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)
