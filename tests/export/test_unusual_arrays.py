"""Arrays of other kinds at each reader: read as the numbers that they hold, or an error."""

import numpy as np
import pytest

from keras_vae.errors import UsageError, UsageTypeError
from keras_vae.export.calibration import take_examples
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.serving.client import Client
from tests.support import serving

pytestmark = pytest.mark.tensorflow

X = serving.images(2)
FLOAT32 = r"Expected 'x' of 'reconstruct' as float32\[\?, 8, 8, 1\]. Received: "


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


# By name: the array, and for the C++ loader, the client and the calibration None if it is read, or
# the error. The loader takes the type of the signature only; the client and the calibration cast.
ARRAYS = {
    "big-endian": (X.astype(">f4"), None, None, None),
    "Fortran order": (np.asfortranarray(X), None, None, None),
    "strided": (np.repeat(X, 2, axis=1)[:, ::2], None, None, None),
    "backwards": (X[:, ::-1].copy()[:, ::-1], None, None, None),
    "read-only": (read_only(X), None, None, None),
    "masked, nothing hidden": (np.ma.array(X), None, None, None),
    "float16": (X.astype("float16"), FLOAT32 + "float16", None, None),
    "float64": (X.astype("float64"), FLOAT32 + "float64", None, None),
    "big-endian float64": (X.astype(">f8"), FLOAT32 + "float64", None, None),
    "bool": (X > 0.5, FLOAT32 + "bool", None, None),
    "big-endian int16": ((X > 0.5).astype(">i2"), FLOAT32 + "int16", None, None),
    "masked": (np.ma.array(X, mask=X > 0.5), *["Received: a masked array with"] * 3),
    "beyond float32": (
        *(X.astype("float64") * 1e39, FLOAT32 + "float64", "'x' within the range of float32"),
        "Expected values in calibration that float32 can hold",
    ),
    "no axis": (np.float32(0.5), *[r"float32\[\]"] * 2, r"Received: \[\(\)\]"),
    "objects": (X.astype(object), *["an array of objects, such as float"] * 2, "Received: object"),
    "complex": (X + 0j, *["an array of complex64. .TensorFlow has float32"] * 2, "complex64"),
    "dates": (X.astype("int64").astype("M8[s]"), *["an array of datetime64"] * 2, "datetime64"),
    "text": (np.full(X.shape, "a"), *[r"Encode text with .encode\(\)"] * 2, "<U1"),
    "rows of different lengths": (
        *([[[[1.0]]], [[[1.0], [2.0]]]], *["Expected rows of equal length"] * 2),
        "Expected calibration of arrays",
    ),
}


@pytest.fixture(scope="module")
def loaded():
    with cpp_loader.SavedModel(serving.saved_model("ConvVAE")) as model:
        yield model


def read_in_loader(loaded, values, folder):
    return loaded.run("reconstruct", {"x": values})


def read_in_file(loaded, values, folder):
    file = folder / "inputs.npz"
    np.savez(file, **{"reconstruct/x": values})
    requests = cpp_loader.arrays.read(file)
    return loaded.run("reconstruct", requests["reconstruct"])


def read_in_client(loaded, values, folder):
    client = Client("http://localhost:1", "vae")
    client._signatures = loaded.signatures
    client._transport.predict = lambda name, inputs, *_: loaded.run(name, inputs)
    return client.predict("reconstruct", x=values)


def read_as_calibration(loaded, values, folder):
    (examples,) = take_examples(serving.model("ConvVAE"), values)
    return loaded.run("reconstruct", {"x": examples})


READERS = {read_in_loader: 0, read_in_client: 1, read_as_calibration: 2}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_read_as_the_numbers_that_it_holds_or_refused(loaded, tmp_path, name, read):
    values, *errors = ARRAYS[name]
    message = errors[READERS[read]]
    if message is not None:
        with pytest.raises((UsageError, UsageTypeError), match=message):
            read(loaded, values, tmp_path)
        return
    wanted = loaded.run("reconstruct", {"x": np.array(values, "float32", order="C")})
    found = read(loaded, values, tmp_path)
    np.testing.assert_array_equal(found["reconstruction"], wanted["reconstruction"])


# NumPy writes the values behind a mask without saying so, and no unequal rows; objects are pickles.
IN_FILES = [
    name for name in ARRAYS if name not in ("masked", "objects", "rows of different lengths")
]


@pytest.mark.parametrize("name", IN_FILES)
def test_a_file_is_read_as_its_arrays_are(loaded, tmp_path, name):
    values, message, *_ = ARRAYS[name]
    if message is not None:
        with pytest.raises((UsageError, UsageTypeError), match=message):
            read_in_file(loaded, values, tmp_path)
        return
    wanted = read_in_loader(loaded, np.asarray(values), tmp_path)
    found = read_in_file(loaded, values, tmp_path)
    np.testing.assert_array_equal(found["reconstruction"], wanted["reconstruction"])
