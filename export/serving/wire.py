"""The wire format of protocol buffers, for TensorFlow's tensors and signatures only.

These few messages are read and written by hand. Programs that only load a SavedModel or call a
server so need no TensorFlow, which takes half a gigabyte of memory. The field numbers are those of
tensorflow/core/framework/tensor.proto and types.proto. Tests compare with the real classes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
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
TYPE_NAMES = ", ".join(dtype.name for dtype in TYPE_NUMBERS)
# Field of TensorProto that holds the numbers of a type; all other types use int_val, 7.
VALUE_FIELDS = {1: 5, 2: 6, STRING: 8, 9: 10, 10: 11, 19: 13, 22: 16, 23: 17}
LONGEST_VARINT = 10
# A tensor of more numbers is not read, unless the caller expects it: 1 GiB of float32.
LARGEST_SIZE = 2**28


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


def to_array(values: Any) -> np.ndarray:
    """Return `values` as an array.

    Raises:
        ValueError: If rows have different lengths, or values are masked.
    """
    if np.ma.is_masked(values):
        raise UsageError(
            f"Expected values that are all present. Received: a masked array with "
            f"{np.ma.count_masked(values)} masked values, whose data would be used. (Fill them: "
            "values.filled(0). For a model that fills gaps: "
            "values.astype('float32').filled(numpy.nan).)"
        )
    try:
        return np.asarray(values)
    except ValueError as error:
        raise UsageError(
            f"Expected rows of equal length. Received: {type(values).__name__} that NumPy makes no "
            f"array of: {error}"
        ) from error


def as_tensor_array(values: Any) -> np.ndarray:
    """Return an array of a type that TensorFlow has, with bytes as `object`.

    It is in C order and in the byte order of the machine, whatever those of `values` are.

    Raises:
        TypeError: If TensorFlow has no such type, or an element of a text array is not bytes.
        ValueError: If rows have different lengths, or values are masked.
    """
    array = to_array(values)
    if array.dtype.kind == "S" and not isinstance(values, np.ndarray):
        array = np.array(values, object)  # NumPy's own type of bytes drops zeros at the end.
    if array.dtype.kind in "SO":
        return _as_bytes(array)
    native = array.dtype.newbyteorder("=")
    if native not in TYPE_NUMBERS:
        advice = "Encode text with .encode()." if array.dtype.kind == "U" else ""
        raise UsageTypeError(
            f"Expected numbers or bytes. Received: an array of {array.dtype}. "
            f"({advice or f'TensorFlow has {TYPE_NAMES}.'})"
        )
    return np.asarray(array, native, order="C")


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """Return an array of bytes objects; raises TypeError for other objects."""
    array = np.asarray(array, object, order="C")
    for element in array.ravel():
        if not isinstance(element, bytes):
            raise UsageTypeError(
                "Expected elements that are bytes. Received: an array of objects, such as "
                f'{type(element).__name__}. (For numbers: numpy.asarray(values, "float32").)'
            )
    return array


def tensor_proto(values: Any) -> bytes:
    """Return a serialized `TensorProto`, byte for byte as the real class with tensor_content."""
    array = as_tensor_array(values)
    is_string = array.dtype == object
    shape = b"".join(field(2, field(1, size) if size else b"") for size in array.shape)
    header = field(1, STRING if is_string else TYPE_NUMBERS[array.dtype]) + field(2, shape)
    if is_string:
        return header + b"".join(field(8, element) for element in array.ravel())
    return header + (field(4, array.tobytes()) if array.size else b"")


def read_tensor_proto(message: bytes, largest_size: int = LARGEST_SIZE) -> np.ndarray:
    """Return the array in a serialized `TensorProto`, in any of its encodings.

    Args:
        message: The serialized tensor. Its few bytes may claim any shape, so the shape is
            checked before memory is taken for it.
        largest_size: Largest number of elements.

    Raises:
        ValueError: If it is no tensor, is larger, or has a type that no endpoint here has.
    """
    parts: dict[int, list[Any]] = {1: [0], 2: [b""]}
    length = 0
    for number, value in fields(message):
        if number in (1, 2):
            parts[number] = [value]
        elif number in READ_FIELDS:
            parts.setdefault(number, []).append(value)
            if number != VALUE_FIELDS[STRING] and not isinstance(value, int):
                length += len(value)
            if len(parts[number]) > largest_size or length > LONGEST_VARINT * largest_size:
                raise _size_error("more values", largest_size)
    type_number, shape = parts[1][0], _shape(parts[2][0])
    if type_number not in (*NUMPY_TYPES, STRING):
        raise UsageError(
            f"Expected a tensor of one of the types {sorted(NUMPY_TYPES)} (tensorflow/core/"
            f"framework/types.proto) or {STRING}. Received: {type_number}."
        )
    size = math.prod(shape)
    if min(shape, default=0) < 0 or size > largest_size:
        raise _size_error(f"the shape {list(shape)}", largest_size)
    values = _values(parts, type_number)
    if len(values) > size or (4 in parts and len(values) != size):
        raise UsageError(f"Expected {size} elements. Received: {len(values)}.")
    return _fill(values, shape)


READ_FIELDS = {4, 7, *VALUE_FIELDS.values()}


def _values(parts: Mapping[int, list[Any]], type_number: int) -> np.ndarray:
    """Return the elements of a tensor from the fields of its message, in one dimension."""
    values = parts.get(VALUE_FIELDS.get(type_number, 7), [])
    if type_number == STRING:
        array = np.empty(len(values), object)
        array[:] = values
        return array
    dtype = np.dtype(NUMPY_TYPES[type_number])
    if 4 in parts or type_number in (1, 2):
        content = parts[4][-1] if 4 in parts else b"".join(values)
        if len(content) % dtype.itemsize:
            raise UsageError(f"Expected numbers of {dtype}. Received: {len(content)} bytes.")
        return np.frombuffer(content, dtype)
    if type_number == 19:
        return _integers(values).astype(np.uint16).view(dtype)
    return _integers(values).astype(dtype)


def _integers(values: Sequence[int | bytes]) -> np.ndarray:
    """Parse repeated whole numbers, which are packed into one field or stored in one each."""
    packed = b"".join(varint(value) if isinstance(value, int) else value for value in values)
    groups = np.frombuffer(packed, np.uint8)
    ends = np.flatnonzero(groups < 128)
    if groups.size and (not ends.size or ends[-1] != groups.size - 1):
        raise UsageError("Expected whole numbers of at most 10 bytes. Received: a cut one.")
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    if (ends - starts >= LONGEST_VARINT).any():
        raise UsageError("Expected whole numbers of at most 10 bytes. Received: a longer one.")
    shifts = 7 * (np.arange(groups.size) - np.repeat(starts, ends - starts + 1))
    parts = (groups & 127).astype(np.uint64) << shifts.astype(np.uint64)
    return np.add.reduceat(parts, starts) if ends.size else parts


def _fill(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of `shape`; TensorFlow may omit values at the end that equal the last one."""
    size = math.prod(shape)
    if len(values) == size:
        return values.reshape(shape)
    array = np.zeros(size, values.dtype)
    if len(values):
        array[: len(values)] = values
        array[len(values) :] = values[-1]
    return array.reshape(shape)


def _size_error(received: str, largest_size: int) -> UsageError:
    return UsageError(
        f"Expected a tensor of at most {largest_size} elements. Received: {received}."
    )


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
    result = 0
    for shift in range(0, 7 * LONGEST_VARINT, 7):
        byte = message[position]
        result |= (byte & 127) << shift
        position += 1
        if byte < 128:
            return result & (1 << 64) - 1, position
    raise IndexError
