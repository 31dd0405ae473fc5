"""TensorFlow's C API through ctypes: its functions, errors and tensors.

Only the two shared libraries of a TensorFlow wheel are loaded, never its Python.
"""

import ctypes
import importlib.util
import os
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UnavailableError
from keras_vae.export.serving.wire import NUMPY_TYPES, STRING, TYPE_NUMBERS

LIBRARIES = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")
STRING_BYTES = 24  # Size of the C struct TF_TString.


class Buffer(ctypes.Structure):
    """TF_Buffer: bytes that TensorFlow owns."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("release", c_void_p)]


class Output(ctypes.Structure):
    """TF_Output: one output of an operation in a graph."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


_FUNCTIONS: dict[str, tuple[Any, ...]] = {  # Result, then arguments.
    "TF_Version": (c_char_p,),
    "TF_NewStatus": (c_void_p,),
    "TF_GetCode": (c_int, c_void_p),
    "TF_Message": (c_char_p, c_void_p),
    "TF_DeleteStatus": (None, c_void_p),
    "TF_NewBuffer": (POINTER(Buffer),),
    "TF_DeleteBuffer": (None, POINTER(Buffer)),
    "TF_NewGraph": (c_void_p,),
    "TF_DeleteGraph": (None, c_void_p),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_DeleteSessionOptions": (None, c_void_p),
    "TF_SetConfig": (None, c_void_p, c_char_p, c_size_t, c_void_p),
    "TF_LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, POINTER(Buffer), c_void_p),
    ),
    "TF_SessionRun": (
        *(None, c_void_p, c_void_p),
        *(POINTER(Output), POINTER(c_void_p), c_int) * 2,
        *(c_void_p, c_int, c_void_p, c_void_p),
    ),
    "TF_CloseSession": (None, c_void_p, c_void_p),
    "TF_DeleteSession": (None, c_void_p, c_void_p),
    "TF_AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "TF_DeleteTensor": (None, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_TensorData": (c_void_p, c_void_p),
    "TF_TensorByteSize": (c_size_t, c_void_p),
    "TF_StringInit": (None, c_void_p),
    "TF_StringCopy": (None, c_void_p, c_char_p, c_size_t),
    "TF_StringGetDataPointer": (c_void_p, c_void_p),
    "TF_StringGetSize": (c_size_t, c_void_p),
}


def libraries_folder() -> Path:
    """Return the folder of the installed TensorFlow's shared libraries; imports nothing."""
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "Expected TensorFlow to be installed. Received: no such package. "
            "(pip install tensorflow-cpu)"
        )
    return Path(spec.origin).parent


def check_folder(folder: Path) -> None:
    """Raise FileNotFoundError if TensorFlow's shared libraries are not in `folder`."""
    for name in LIBRARIES:
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"Expected {name} of TensorFlow for Linux in {folder}. Received: no such file. "
                "(scripts/old_tensorflow.sh fetches those of other versions.)"
            )


def load(folder: Path) -> ctypes.CDLL:
    """Load the C API from the libraries in `folder`.

    Raises:
        FileNotFoundError: If the libraries are not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    check_folder(folder)
    for name in LIBRARIES:
        api = ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(api, name)
        function.restype, function.argtypes = result, arguments
    return api


class Status:
    """A TF_Status for the calls in a `with` block; raises RuntimeError when they failed.

    Args:
        api: From `load`.
        action: Description of the calls, for the message.
    """

    def __init__(self, api: ctypes.CDLL, action: str) -> None:
        self._api, self._action = api, action

    def __enter__(self) -> int:
        self._status = self._api.TF_NewStatus()
        return self._status

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        code, message = self._api.TF_GetCode(self._status), self._api.TF_Message(self._status)
        self._api.TF_DeleteStatus(self._status)
        if code and kind is None:
            text = message.decode(errors="replace").strip()
            raise UnavailableError(
                f"Expected TensorFlow's C++ loader to {self._action}. Received: status {code}, "
                f"{text} (TF Serving would answer the same.)"
            )


def new_tensor(api: ctypes.CDLL, array: np.ndarray) -> int:
    """Return a new TF_Tensor with a copy of `array`, as `wire.as_tensor_array` gives it."""
    is_string = array.dtype == object
    number = STRING if is_string else TYPE_NUMBERS[array.dtype]
    size = STRING_BYTES * array.size if is_string else array.nbytes
    shape = (c_int64 * array.ndim)(*array.shape)
    tensor = api.TF_AllocateTensor(number, shape, array.ndim, size)
    data = api.TF_TensorData(tensor)
    if not is_string:
        ctypes.memmove(data, array.ctypes.data, size)
        return tensor
    for index, element in enumerate(array.ravel()):
        api.TF_StringInit(data + STRING_BYTES * index)
        api.TF_StringCopy(data + STRING_BYTES * index, element, len(element))
    return tensor


def to_array(api: ctypes.CDLL, tensor: int) -> np.ndarray:
    """Return a copy of a TF_Tensor; text becomes an array of bytes objects."""
    shape = tuple(api.TF_Dim(tensor, axis) for axis in range(api.TF_NumDims(tensor)))
    number, data = api.TF_TensorType(tensor), api.TF_TensorData(tensor)
    if number != STRING:
        content = ctypes.string_at(data, api.TF_TensorByteSize(tensor))
        return np.frombuffer(content, NUMPY_TYPES[number]).reshape(shape)
    array = np.empty(int(np.prod(shape)), object)
    for index in range(array.size):
        element = data + STRING_BYTES * index
        pointer, size = api.TF_StringGetDataPointer(element), api.TF_StringGetSize(element)
        array[index] = ctypes.string_at(pointer, size)
    return array.reshape(shape)
