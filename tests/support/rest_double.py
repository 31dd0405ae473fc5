"""The REST interface of the double of TF Serving: which requests it takes, and what it answers.

The rules are those of the real server, as it answered the same requests: see the table of
tests/export/test_stand_in.py.
"""

import base64
import binascii
import contextlib
import gzip
import json
import math
import re
from http.server import BaseHTTPRequestHandler

import numpy as np

from keras_vae.export.serving.tf_serving import METRICS
from keras_vae.export.serving.wire import NUMPY_TYPES, STRING

CHOICE = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
PREDICTION = re.compile(
    rf"(?i)/v1/models/(?P<name>[^/:]+){CHOICE}:(?P<method>classify|regress|predict)"
)
STATUS = re.compile(rf"(?i)/v1/models(?:/(?P<name>[^/:]+))?{CHOICE}(?P<metadata>/metadata)?")
DEFAULT = "serving_default"
TYPE_NAMES = {1: "DT_FLOAT", 3: "DT_INT32", STRING: "DT_STRING"}


class Refused(Exception):
    """A request that a server would refuse, with an HTTP status and the name of a gRPC code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class NoAnswer(Exception):
    """A request that the server never answers."""


def invalid(message: str) -> Refused:
    return Refused(400, "INVALID_ARGUMENT", message)


def handler(server):
    """The class that answers HTTP requests to a `StandIn`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            server.connections.add(self.connection)

        def finish(self):
            server.connections.discard(self.connection)
            super().finish()

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == METRICS:
                return self.reply(200, b"# TYPE :tensorflow:serving:request_count counter\n")
            if not self.path.lower().startswith("/v1/"):
                return self.reply(404, b"<HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD></HTML>")
            try:
                self.reply(200, route(server, self.command, self.path, body))
            except Refused as error:
                self.reply(error.status, {"error": str(error)})
            except NoAnswer:
                server.closing.wait(30)
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = answer

        def reply(self, status, body):
            is_json = not isinstance(body, bytes)
            content = json.dumps(body).encode() if is_json else body
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if is_json else "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(b"" if self.command == "HEAD" else content)

        def log_message(self, *_):
            pass

    return Handler


def route(server, method: str, path: str, body: bytes) -> dict:
    """The answer to a request, as JSON."""
    prediction, status = PREDICTION.fullmatch(path), STATUS.fullmatch(path)
    if method == "POST" and prediction:
        choice = prediction["name"], prediction["version"] or "", prediction["label"] or ""
        if prediction["method"].lower() != "predict":
            raise invalid(f"When method is {prediction['method']}, key 'examples' is expected")
        content = parse(body)
        return predicted(server, server.answer(*choice)[1], content)
    if method == "GET" and status:
        if not status["name"]:
            raise invalid("Missing model name in request.")
        if status["metadata"]:
            name, label = status["name"], status["label"] or ""
            return metadata(name, *server.answer(name, status["version"] or "", label))
        return server.status(status["name"], status["version"] or "")
    raise invalid(f"Malformed request: {method} {path}")


def parse(body: bytes) -> dict:
    """The JSON object of a request."""

    def finite(text: str) -> float:
        if math.isinf(float(text)):
            raise invalid("JSON Parse error: Number too big to be stored in double.")
        return float(text)

    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        content = json.loads(body, parse_float=finite)
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(content, dict):
        raise invalid(f"JSON Value: {json.dumps(content)} Is not object")
    return content


def predicted(server, model, content: dict) -> dict:
    """The answer to the JSON of a request."""
    name = content.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid("'signature_name' key must be a string value.")
    if (name or DEFAULT) not in model.signatures:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    infos = model.signatures[name or DEFAULT].inputs
    if "inputs" in content and "instances" in content:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances'")
    if "instances" in content:
        arrays = from_rows(content["instances"], infos)
    elif "inputs" in content:
        arrays = from_columns(content["inputs"], infos)
    else:
        raise invalid("Missing 'inputs' or 'instances' key")
    outputs = {k: listed(k, v) for k, v in server.run(model, name or DEFAULT, arrays).items()}
    single = next(iter(outputs.values())) if len(outputs) == 1 else None
    if "inputs" in content:
        return {"outputs": outputs if single is None else single}
    rows = zip(*outputs.values(), strict=True)
    named = [dict(zip(outputs, row, strict=True)) for row in rows]
    return {"predictions": named if single is None else single}


def from_columns(columns, infos) -> dict[str, np.ndarray]:
    """The arrays in `inputs`; names that the signature does not have are passed over."""
    if not isinstance(columns, dict) or is_base64(columns):
        if len(infos) > 1:
            raise invalid("inputs is a plain value/list, but expecting an object")
        columns = {next(iter(infos)): columns}
    for name in infos:
        if name not in columns:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: as_array(columns[name], info.type_number) for name, info in infos.items()}


def from_rows(rows, infos) -> dict[str, np.ndarray]:
    """The arrays in `instances`: a list of values of one input, or of objects."""
    if not isinstance(rows, list):
        raise invalid("Excepting 'instances' to be an list/array")
    if not rows:
        raise invalid("No values in 'instances' array")
    named = isinstance(rows[0], dict) and not is_base64(rows[0])
    if not named and len(infos) > 1:
        raise invalid("instances is a plain list, but expecting list of objects")
    for number, row in enumerate(rows):
        if (isinstance(row, dict) and not is_base64(row)) != named:
            raise invalid(f"Expecting object or value/list at item {number} of input list")
        if named and set(row) != set(infos):
            raise invalid(f"Failed to process element: {number} of 'instances' list. keys")
    columns = {k: [row[k] if named else row for row in rows] for k in infos}
    return {name: as_array(columns[name], info.type_number) for name, info in infos.items()}


def is_base64(value) -> bool:
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def as_array(value, number: int) -> np.ndarray:
    """The tensor of nested lists; the first elements tell its shape, as in TF Serving."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    elements: list = []

    def collect(part, level):
        if not isinstance(part, list):
            if level != len(shape):
                raise invalid(f"JSON Value: {part} found at incorrect level: {level + 1}")
            elements.append(element(part, number))
        elif level >= len(shape):
            raise invalid(f"Encountered list at unexpected level: {level}")
        elif len(part) != shape[level]:
            raise invalid(f"Encountered list at unexpected size: {len(part)} at level: {level}")
        else:
            for one in part:
                collect(one, level + 1)

    collect(value, 0)
    dtype = object if number == STRING else NUMPY_TYPES[number]
    array = np.empty(len(elements), dtype)
    with np.errstate(over="ignore"):
        array[:] = elements
    return array.reshape(shape)


def element(value, number: int):
    """One number or string; JSON of another type, or out of range, is refused."""
    if number == STRING:
        if isinstance(value, str):
            return value.encode()
        if is_base64(value):
            try:
                return base64.b64decode(value["b64"], validate=True)
            except binascii.Error as error:
                raise invalid("Unable to base64 decode") from error
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = np.dtype(NUMPY_TYPES[number]).kind in "iu"
        if not whole:
            return value
        info = np.iinfo(NUMPY_TYPES[number])
        if isinstance(value, int) and info.min <= value <= info.max:
            return value
    kind = TYPE_NAMES[number]
    raise invalid(f"JSON Value: {json.dumps(value)} is not of expected type: {kind}")


def listed(name: str, array: np.ndarray):
    """JSON of an output; strings are text unless its name ends in `_bytes`."""
    if array.dtype != object:
        return array.tolist()
    if not name.endswith("_bytes"):
        return [element.decode() for element in array.tolist()]
    return [{"b64": base64.b64encode(element).decode()} for element in array.tolist()]


def metadata(name: str, version: int, model) -> dict:
    def tensors(infos):
        return {
            key: {
                "dtype": TYPE_NAMES[info.type_number],
                "tensor_shape": {
                    "dim": [{"size": str(-1 if s is None else s), "name": ""} for s in info.shape],
                    "unknown_rank": False,
                },
                "name": info.tensor,
            }
            for key, info in infos.items()
        }

    def entry(inputs, outputs, method):
        return {"inputs": inputs, "outputs": outputs, "method_name": method, "defaults": {}}

    initial = {"dtype": "DT_INVALID", "tensor_shape": {"dim": [], "unknown_rank": True}}
    signatures = {"__saved_model_init_op": entry({}, {"__saved_model_init_op": initial}, "")}
    for key, one in model.signatures.items():
        sides = tensors(one.inputs), tensors(one.outputs)
        signatures[key] = entry(*sides, "tensorflow/serving/predict")
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }
