"""The hand-written protocol buffers against TensorFlow's own classes."""

import time
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from keras_vae.export.serving import wire

ARRAYS = {
    "float32": np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3),
    "float64": np.array([[1e300, -0.5]]),
    "float16": np.array([1.5, -2.0, 0.25], "float16"),
    "int32": np.array([-(2**31), -1, 0, 2**31 - 1], "int32"),
    "int64": np.array([-(2**63), 7, 2**63 - 1], "int64"),
    "uint8": np.array([[0], [128], [255]], "uint8"),
    "int8": np.array([-128, 127], "int8"),
    "uint32": np.array([0, 2**32 - 1], "uint32"),
    "uint64": np.array([0, 2**64 - 1], "uint64"),
    "bool": np.array([True, False, True]),
    "scalar": np.float32(3.5),
    "empty": np.zeros((0, 4), "float32"),
    "strings": np.array([b"", b"\x89PNG\x00", b"a" * 300], object),
}
NUMBERS = [name for name in ARRAYS if name != "strings"]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_written_tensor_is_read_by_tensorflow(name):
    proto = TensorProto.FromString(wire.tensor_proto(ARRAYS[name]))
    np.testing.assert_array_equal(tf.make_ndarray(proto), ARRAYS[name])


@pytest.mark.parametrize("name", ARRAYS)
def test_a_written_tensor_has_the_bytes_that_tensorflow_serializes(name):
    array = np.asarray(ARRAYS[name])
    dtype = tf.as_dtype(array.dtype if name != "strings" else "string")
    proto = TensorProto(
        dtype=dtype.as_datatype_enum, tensor_shape=tf.TensorShape(array.shape).as_proto()
    )
    if name == "strings":
        proto.string_val.extend(array.tolist())
    else:
        proto.tensor_content = array.tobytes()
    assert wire.tensor_proto(array) == proto.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_tensor_of_tensorflow_is_read(name):
    proto = tf.make_tensor_proto(ARRAYS[name])
    received = wire.read_tensor_proto(proto.SerializeToString())
    np.testing.assert_array_equal(received, ARRAYS[name])


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tensor_whose_numbers_stand_in_fields_is_read(name):
    # TF Serving answers in this form, and drops values at the end that equal the last one.
    array = np.asarray(ARRAYS[name])
    proto = TensorProto(
        dtype=tf.as_dtype(array.dtype).as_datatype_enum,
        tensor_shape=tf.TensorShape([*array.shape, 2]).as_proto(),
    )
    values = np.repeat(array.ravel(), 2)
    target = {
        "float32": proto.float_val,
        "float64": proto.double_val,
        "float16": proto.half_val,
        "int64": proto.int64_val,
        "uint32": proto.uint32_val,
        "uint64": proto.uint64_val,
        "bool": proto.bool_val,
    }.get(array.dtype.name, proto.int_val)
    target.extend(
        (values.view("uint16") if name == "float16" else values)[: len(values) - 1].tolist()
    )
    received = wire.read_tensor_proto(proto.SerializeToString())
    np.testing.assert_array_equal(received, np.repeat(array, 2).reshape(*array.shape, 2))
    assert received.dtype == array.dtype


def test_a_cut_message_is_an_error():
    message = wire.tensor_proto(ARRAYS["float32"])
    with pytest.raises(ValueError, match="Expected a whole protocol buffer"):
        wire.read_tensor_proto(message[:-1])


def test_text_that_is_not_encoded_is_an_error():
    with pytest.raises(TypeError, match="encode"):
        wire.tensor_proto(np.array(["text"]))
    with pytest.raises(TypeError, match="Expected elements that are bytes"):
        wire.tensor_proto(np.array(["text"], object))


def tensor(type_number: int, shape: tuple[int, ...], rest: bytes = b"") -> bytes:
    """A TensorProto written by hand."""
    dims = b"".join(wire.field(2, wire.field(1, size)) for size in shape)
    return wire.field(1, type_number) + wire.field(2, dims) + rest


@pytest.mark.parametrize(
    "shape", [(900_000_000,), (2**40, 2**40), (-1, 4), (30_000, 30_000)], ids=str
)
def test_a_few_bytes_that_claim_a_large_tensor_are_refused_before_memory_is_taken(shape):
    message = tensor(1, shape, wire.field(5, np.float32(1).tobytes()))
    assert len(message) < 60
    tracemalloc.start()
    with pytest.raises(ValueError, match="Expected a tensor of at most"):
        wire.read_tensor_proto(message)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_more_values_than_elements_are_refused():
    two = wire.field(5, np.zeros(2, "float32").tobytes())
    for message in (
        tensor(1, (1,), two),
        tensor(1, (3,), wire.field(4, bytes(8))),
        tensor(1, (2,), wire.field(4, bytes(7))),
        tensor(3, (2,), wire.field(7, b"\x01\x02\x03")),
        tensor(7, (1,), wire.field(8, b"a") + wire.field(8, b"b")),
    ):
        with pytest.raises(ValueError, match="Expected"):
            wire.read_tensor_proto(message)
    with pytest.raises(ValueError, match="Expected a tensor of at most 3 elements"):
        wire.read_tensor_proto(tensor(7, (3,), 4 * wire.field(8, b"a")), largest_size=3)


@pytest.mark.parametrize(
    "message",
    [b"\xff" * 1_000_000, wire.field(7, b"\xff" * 1_000_000), wire.field(7, b"\x80" * 11 + b"\0")],
    ids=["key", "packed", "long"],
)
def test_endless_whole_numbers_are_refused_at_once(message):
    start = time.perf_counter()
    with pytest.raises(ValueError, match="Expected"):
        wire.read_tensor_proto(tensor(3, (1,), message))
    assert time.perf_counter() - start < 1.0


def test_bytes_keep_the_zeros_at_their_end():
    given = [b"BM\x00\x00", b"\x00", b""]
    for values in (given, np.array(given, object)):
        assert wire.as_tensor_array(values).tolist() == given
        proto = TensorProto.FromString(wire.tensor_proto(values))
        assert list(proto.string_val) == given
