"""The REST interface of TF Serving, over the standard library."""

import base64
import collections
import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote

import numpy as np

from keras_vae.export.serving import transport
from keras_vae.export.serving.http_connection import Connection, connection_to
from keras_vae.export.serving.signatures import Signature, TensorInfo
from keras_vae.export.serving.transport import Arrays
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
# Kinds of NumPy's types that the numbers of an answer may have, by the kind that is expected.
KINDS = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}


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
        self._url, self._model = url, model
        self._path = f"{url.path.rstrip('/')}/v1/models/{quote(model, safe='')}"
        if label is not None:
            self._path += f"/labels/{quote(label, safe='')}"
        elif version is not None:
            self._path += f"/versions/{version}"
        self._idle: collections.deque[Connection] = collections.deque()

    def predict(self, signature: str, inputs: Arrays, infos: Signature, timeout: float) -> Arrays:
        """Return the outputs by name, asked for in the row format.

        In the other format, of columns, TF Serving writes each number on a line of its own.
        """
        end = time.monotonic() + timeout
        rows = transport.count_rows(inputs)
        lists = {name: _to_json(array) for name, array in inputs.items()}
        instances = [
            dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)
        ]
        body = json.dumps({"signature_name": signature, "instances": instances})
        limit = transport.largest_answer(infos, rows)
        left = transport.seconds_left(end, timeout)
        answer = self._call("POST", f"{self._path}:predict", left, body, limit)
        try:
            predictions = answer["predictions"]
            if len(infos.outputs) == 1:
                name, info = next(iter(infos.outputs.items()))
                return {name: _from_json(predictions, info)}
            return {
                name: _from_json([row[name] for row in predictions], info)
                for name, info in infos.outputs.items()
            }
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """Return the signatures of the model."""
        try:
            found = self._metadata(timeout)["metadata"]["signature_def"]["signature_def"]
            return {
                name: Signature(_infos(entry["inputs"]), _infos(entry["outputs"]))
                for name, entry in sorted(found.items())
                if not name.startswith("__")
            }
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def version(self, timeout: float) -> int:
        """Return the version that answers."""
        try:
            return int(self._metadata(timeout)["model_spec"]["version"])
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def states(self, timeout: float) -> dict[int, str]:
        """Return the state of each version."""
        try:
            answer = self._call("GET", self._path, timeout)["model_version_status"]
            return {int(entry["version"]): str(entry["state"]) for entry in answer}
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def _metadata(self, timeout: float) -> Any:
        return self._call("GET", f"{self._path}/metadata", timeout)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _call(
        self,
        method: str,
        path: str,
        timeout: float,
        body: str | None = None,
        limit: int = transport.LARGEST_ANSWER,
    ) -> Any:
        connection = self._connection(timeout)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                content = _read(response, limit)
        except BaseException as error:
            connection.close()
            if isinstance(error, transport.ServingError):
                raise
            self.close()  # If the server has gone away, the idle ones are closed too.
            if isinstance(error, TimeoutError):
                raise transport.late(timeout) from error
            if isinstance(error, (OSError, http.client.HTTPException)):
                raise transport.unreachable(self._url.geturl(), error) from error
            raise
        self._idle.append(connection)
        return _parse_answer(response.status, content, self._model)

    def _connection(self, timeout: float) -> Connection:
        """Return a connection that no other thread uses, whose next call may take `timeout`."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connection_to(self._url.scheme, self._url.hostname or "", self._url.port)
        connection.deadline = time.monotonic() + timeout
        return connection


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Return the whole body of a response; raises ServingError if it is longer than `limit`."""
    if (response.length or 0) > limit:
        raise transport.too_large(limit)
    content = response.read(limit + 1)
    if len(content) > limit:
        raise transport.too_large(limit)
    if response.length:
        raise http.client.IncompleteRead(content, response.length)
    return content


def _parse_answer(status: int, content: bytes, model: str) -> Any:
    """Return the JSON of an answer; raises ServingError if it is none or an error."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = {"error": content[:200].decode(errors="replace") or "an empty answer"}
    if status == 200 and "error" not in answer:
        return answer
    details = answer.get("error", answer) if isinstance(answer, dict) else answer
    if status in (429, 502, 503, 504):
        raise transport.busy(f"HTTP status {status}", details)
    raise transport.refusal(f"HTTP status {status}", details, model, status == 404)


def _to_json(array: np.ndarray) -> Any:
    """Return nested lists, with bytes in the base64 form of TF Serving."""
    if array.dtype != object:
        return array.tolist()
    flat = [{"b64": base64.b64encode(element).decode()} for element in array.ravel()]
    return np.array(flat, object).reshape(array.shape).tolist()


def _from_json(value: Any, info: TensorInfo) -> np.ndarray:
    if info.type_number == STRING:
        return np.array([_bytes(element) for element in value], object)
    dtype = np.dtype(NUMPY_TYPES[info.type_number])
    array = np.array(value)
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if array.dtype.kind not in KINDS[dtype.kind] or (dtype.kind in "iu" and (cast != array).any()):
        raise ValueError(f"{array.dtype} where {dtype} was expected")
    return cast


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
