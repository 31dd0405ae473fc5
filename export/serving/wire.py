"""The wire format of protocol buffers, for TensorFlow's tensors and signatures only.

These few messages are read and written by hand. Programs that only load a SavedModel or call a
server so need no TensorFlow, which takes half a gigabyte of memory. The field numbers are those of
tensorflow/core/framework/tensor.proto and types.proto. Tests compare with the real classes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_vae.errors import UsageError, UsageTypeError

STRING = 7
NUMPY_TYPES = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    4: np.uint8,
    5: np.int16,
    6: np.int8,
    9: np.int64,
    10: np.bool_,
    19: np.float16,
    22: np.uint32,
    23: np.uint64,
}
TYPE_NUMBERS = {np.dtype(dtype): number for number, dtype in NUMPY_TYPES.items()}
# Field of TensorProto that holds the numbers of a type; all other types use int_val, 7.
VALUE_FIELDS = {1: 5, 2: 6, 9: 10, 10: 11, 22: 16, 23: 17}


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a message, in order: an integer or bytes.

    Raises:
        ValueError: If `message` is not a whole protocol buffer.
    """
    position = 0
    try:
        while position < len(message):
            key, position = _read_varint(message, position)
            value: Any
            if key & 7 == 0:
                value, position = _read_varint(message, position)
            else:
                if key & 7 == 2:
                    size, position = _read_varint(message, position)
                else:
                    size = {1: 8, 5: 4}[key & 7]
                value, position = message[position : position + size], position + size
            if position > len(message):
                raise IndexError
            yield key >> 3, value
    except (IndexError, KeyError) as error:
        raise UsageError(
            f"Expected a whole protocol buffer. Received: {len(message)} bytes that end or "
            f"change their format at byte {position}."
        ) from error


def field(number: int, value: int | bytes | str) -> bytes:
    """Encode one field of a message: an integer, or bytes (text, a message) with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """Encode a whole number in groups of seven bits; negative ones as 64-bit two's complement."""
    value &= (1 << 64) - 1
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes(groups) + bytes([value])


def as_tensor_array(values: Any) -> np.ndarray:
    """Return an array of a type that TensorFlow has, with bytes as `object`, in C order.

    Raises:
        TypeError: If TensorFlow has no such type, or an element of a text array is not bytes.
    """
    array = np.asarray(values)
    if array.dtype.kind in "SO":
        array = array.astype(object)
        for element in array.ravel():
            if not isinstance(element, bytes):
                raise UsageTypeError(
                    f"Expected elements that are bytes. Received: {type(element)}."
                )
    elif array.dtype not in TYPE_NUMBERS:
        raise UsageTypeError(
            f"Expected numbers or bytes. Received: an array of {array.dtype}. "
            "(Encode text with .encode().)"
        )
    return np.asarray(array, order="C")


def tensor_proto(values: Any) -> bytes:
    """Return a serialized `TensorProto`, byte for byte as the real class with tensor_content."""
    array = as_tensor_array(values)
    is_string = array.dtype == object
    shape = b"".join(field(2, field(1, size) if size else b"") for size in array.shape)
    header = field(1, STRING if is_string else TYPE_NUMBERS[array.dtype]) + field(2, shape)
    if is_string:
        return header + b"".join(field(8, element) for element in array.ravel())
    return header + (field(4, array.tobytes()) if array.size else b"")


def read_tensor_proto(message: bytes) -> np.ndarray:
    """Return the array in a serialized `TensorProto`, in any of its encodings.

    Raises:
        ValueError: If it is no tensor, or of a type that no endpoint here has.
    """
    parts: dict[int, list[Any]] = {}
    for number, value in fields(message):
        parts.setdefault(number, []).append(value)
    type_number = parts.get(1, [0])[0]
    shape = _shape(parts.get(2, [b""])[0])
    if type_number == STRING:
        return _fill(parts.get(8, []), object, shape)
    if type_number not in NUMPY_TYPES:
        raise UsageError(
            f"Expected a tensor of one of the types {sorted(NUMPY_TYPES)} (tensorflow/core/"
            f"framework/types.proto) or {STRING}. Received: {type_number}."
        )
    dtype = NUMPY_TYPES[type_number]
    if 4 in parts:
        return np.frombuffer(parts[4][0], dtype).reshape(shape)
    if type_number == 19:
        return _fill(_integers(parts.get(13, []), np.uint16).view(dtype), dtype, shape)
    values = parts.get(VALUE_FIELDS.get(type_number, 7), [])
    if type_number in (1, 2):
        return _fill(np.frombuffer(b"".join(values), dtype), dtype, shape)
    return _fill(_integers(values, dtype), dtype, shape)


def _integers(values: Sequence[int | bytes], dtype: Any) -> np.ndarray:
    """Parse repeated whole numbers, which are packed into one field or stored in one each."""
    numbers = []
    for value in values:
        if isinstance(value, int):
            numbers.append(value)
        else:
            position = 0
            while position < len(value):
                number, position = _read_varint(value, position)
                numbers.append(number)
    return np.array(numbers, np.uint64).astype(dtype)


def _fill(values: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of `shape`; TensorFlow may omit values at the end that equal the last one."""
    array = np.zeros(int(np.prod(shape)), dtype)
    if len(values):
        array[: len(values)] = values
        array[len(values) :] = values[-1]
    return array.reshape(shape)


def _to_signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _shape(message: bytes) -> tuple[int, ...]:
    return tuple(
        _to_signed(dict(fields(dim)).get(1, 0)) for number, dim in fields(message) if number == 2
    )


def shape_and_type(tensor_info: bytes) -> tuple[tuple[int | None, ...], int]:
    """Return shape (None for any size) and type number of a serialized `TensorInfo`."""
    parts = dict(fields(tensor_info))
    shape = _shape(parts.get(3, b""))
    return tuple(None if size < 0 else size for size in shape), parts.get(2, 0)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = message[position]
        result |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return result, position
