"""The REST interface of TF Serving, over the standard library."""

import base64
import collections
import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

import numpy as np

from keras_vae.export.serving.signatures import Signature, TensorInfo
from keras_vae.export.serving.transport import (
    Arrays,
    DeadlineExceeded,
    ServingError,
    Unavailable,
    refusal_message,
    timeout_message,
    unreachable_message,
)
from keras_vae.export.serving.wire import NUMPY_TYPES, STRING

TYPES = {
    "DT_FLOAT": 1,
    "DT_DOUBLE": 2,
    "DT_INT32": 3,
    "DT_UINT8": 4,
    "DT_INT16": 5,
    "DT_INT8": 6,
    "DT_STRING": STRING,
    "DT_INT64": 9,
    "DT_BOOL": 10,
    "DT_HALF": 19,
    "DT_UINT32": 22,
    "DT_UINT64": 23,
}


class Rest:
    """The REST interface of TF Serving; threads may share it and its connections.

    Args:
        url: URL of the server, http or https.
        model: Name of the model.
        version: A version, or None for the latest.
        label: A label instead of a version.
    """

    def __init__(
        self, url: SplitResult, model: str, version: int | None, label: str | None
    ) -> None:
        self._url = url
        self._model = f"{url.path.rstrip('/')}/v1/models/{model}"
        chosen = f"/versions/{version}" if version is not None else ""
        self._path = self._model + (f"/labels/{label}" if label is not None else chosen)
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque()

    def predict(self, signature: str, inputs: Arrays, infos: Signature, timeout: float) -> Arrays:
        """Return the outputs by name, in the columnar format."""
        body = {
            "signature_name": signature,
            "inputs": {name: _to_json(array) for name, array in inputs.items()},
        }
        answer = self._call("POST", f"{self._path}:predict", timeout, json.dumps(body))["outputs"]
        if len(infos.outputs) == 1:
            answer = {next(iter(infos.outputs)): answer}
        return {name: _from_json(answer[name], info) for name, info in infos.outputs.items()}

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """Return the signatures of the model."""
        answer = self._call("GET", f"{self._path}/metadata", timeout)
        found = answer["metadata"]["signature_def"]["signature_def"]
        return {
            name: Signature(_infos(entry["inputs"]), _infos(entry["outputs"]))
            for name, entry in sorted(found.items())
            if not name.startswith("__")
        }

    def states(self, timeout: float) -> dict[int, str]:
        """Return the state of each version."""
        answer = self._call("GET", self._path, timeout)["model_version_status"]
        return {int(entry["version"]): entry["state"] for entry in answer}

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _call(self, method: str, path: str, timeout: float, body: str | None = None) -> Any:
        connection = self._connection(timeout)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except BaseException as error:
            connection.close()
            self.close()  # If the server has gone away, the idle ones are closed too.
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(timeout_message(timeout)) from error
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise Unavailable(unreachable_message(self._url.geturl(), error)) from error
            raise
        self._idle.append(connection)
        return _parse_answer(response.status, content, self._model)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        """Return a connection that no other thread uses, with `timeout` for each step."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._new_connection()
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, context=context)
        return http.client.HTTPConnection(host, port)


def _parse_answer(status: int, content: bytes, model: str) -> Any:
    """Return the JSON of an answer; raises ServingError if it is none or an error."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = {"error": content[:200].decode(errors="replace") or "an empty answer"}
    if status == 200 and "error" not in answer:
        return answer
    details = answer.get("error", answer) if isinstance(answer, dict) else answer
    if status in (429, 502, 503, 504):
        raise Unavailable(f"Expected an answer. Received: HTTP status {status}, {details}")
    raise ServingError(refusal_message(f"HTTP status {status}", details, model, status == 404))


def _to_json(array: np.ndarray) -> Any:
    """Return nested lists, with bytes in the base64 form of TF Serving."""
    if array.dtype != object:
        return array.tolist()
    flat = [{"b64": base64.b64encode(element).decode()} for element in array.ravel()]
    return np.array(flat, object).reshape(array.shape).tolist()


def _from_json(value: Any, info: TensorInfo) -> np.ndarray:
    if info.type_number != STRING:
        return np.array(value, NUMPY_TYPES[info.type_number])
    return np.array([_bytes(element) for element in value], object)


def _bytes(element: Any) -> bytes:
    """Return bytes from base64, or from text, which TF Serving sends for names without `_bytes`."""
    return base64.b64decode(element["b64"]) if isinstance(element, dict) else element.encode()


def _infos(tensors: Mapping[str, Any]) -> dict[str, TensorInfo]:
    """Return the tensors in the metadata of REST by name."""
    return {name: _info(entry) for name, entry in sorted(tensors.items())}


def _info(entry: Mapping[str, Any]) -> TensorInfo:
    sizes = [int(dim["size"]) for dim in entry["tensor_shape"].get("dim", [])]
    shape = tuple(None if size < 0 else size for size in sizes)
    return TensorInfo(entry["name"], shape, TYPES[entry["dtype"]])
