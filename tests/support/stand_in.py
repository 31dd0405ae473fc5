"""A double of TF Serving: its REST format and its official gRPC classes over the C++ loader.

It is no TF Serving. It answers as the documents of the REST API and the .proto files say, so that
the client is tested against other people's classes; where `tensorflow_model_server` is installed,
the same tests run against that too.
"""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf

from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.serving import served_models, tf_serving
from keras_vae.export.serving.wire import NUMPY_TYPES, STRING

SERVER = shutil.which("tensorflow_model_server")


class Refused(Exception):
    """A request that a server would refuse, with an HTTP status and the name of a gRPC code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class StandIn:
    """Serves the newest version of each model in a folder until it is closed.

    Attributes:
        failures: How many of the next requests get "unavailable".
        delay: Seconds before each answer.
        requests: How many there were.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.failures, self.delay, self.requests = 0, 0.0, 0
        self.connections: set[socket.socket] = set()
        self.models = {
            model.name: (
                model.versions[-1],
                cpp_loader.SavedModel(folder / model.name / str(model.versions[-1])),
            )
            for model in served_models.find_models(folder)
        }
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._grpc = grpc.server(futures.ThreadPoolExecutor(4))
        self._add_services()
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.rest = f"http://127.0.0.1:{self._http.server_port}"
        self.grpc = f"grpc://127.0.0.1:{port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._grpc.stop(0)

    def answer(self, name: str, version: str, label: str = ""):
        """The model of a request, or Refused."""
        self.requests += 1
        time.sleep(self.delay)
        if self.failures:
            self.failures -= 1
            raise Refused(503, "UNAVAILABLE", "too busy")
        if name not in self.models or version not in ("", "0", str(self.models[name][0])) or label:
            raise Refused(404, "NOT_FOUND", f"Servable not found for request: Latest({name})")
        return self.models[name][1]

    def run(self, model, signature: str, inputs: dict) -> dict:
        try:
            return model.run(signature or "serving_default", inputs)
        except (ValueError, TypeError, RuntimeError) as error:
            raise Refused(400, "INVALID_ARGUMENT", str(error)) from error

    def _add_services(self) -> None:
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        prediction, status = _services(self)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(status, self._grpc)


def _services(server: StandIn):
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    @contextlib.contextmanager
    def refusing(context):
        try:
            yield
        except Refused as error:
            context.abort(getattr(grpc.StatusCode, error.code), str(error))

    def model_of(specification):
        version = str(specification.version.value) if specification.HasField("version") else ""
        return server.answer(specification.name, version, specification.version_label)

    class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            with refusing(context):
                inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
                outputs = server.run(
                    model_of(request.model_spec), request.model_spec.signature_name, inputs
                )
                response = predict_pb2.PredictResponse()
                for name, array in outputs.items():
                    response.outputs[name].CopyFrom(_as_fields(array))
                return response

        def GetModelMetadata(self, request, context):
            with refusing(context):
                model = model_of(request.model_spec)
                signatures = get_model_metadata_pb2.SignatureDefMap()
                for name, signature in model.signatures.items():
                    entry = signatures.signature_def[name]
                    for side in ("inputs", "outputs"):
                        for tensor, info in getattr(signature, side).items():
                            proto = getattr(entry, side)[tensor]
                            proto.name, proto.dtype = info.tensor, info.type_number
                            for size in info.shape:
                                proto.tensor_shape.dim.add().size = -1 if size is None else size
                response = get_model_metadata_pb2.GetModelMetadataResponse()
                response.metadata["signature_def"].Pack(signatures)
                return response

    class Status(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            with refusing(context):
                model_of(request.model_spec)
                response = get_model_status_pb2.GetModelStatusResponse()
                entry = response.model_version_status.add()
                entry.version, entry.state = server.models[request.model_spec.name][0], 30
                return response

    return Prediction(), Status()


def _as_fields(array: np.ndarray):
    """A TensorProto with its numbers in fields, as TF Serving sends them by default."""
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    proto = TensorProto(
        dtype=tf.as_dtype("string" if array.dtype == object else array.dtype).as_datatype_enum,
        tensor_shape=tf.TensorShape(array.shape).as_proto(),
    )
    target = {"float32": proto.float_val, "object": proto.string_val}[array.dtype.name]
    target.extend(array.ravel().tolist())
    return proto


def _handler(server: StandIn):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            server.connections.add(self.connection)

        def finish(self):
            server.connections.discard(self.connection)
            super().finish()

        def do_GET(self):
            name, version, rest = self._path()
            try:
                model = server.answer(name, version)
                self._reply(
                    200, _metadata(name, model) if rest == "metadata" else self._status(name)
                )
            except Refused as error:
                self._reply(error.status, {"error": str(error)})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name, version, rest = self._path()
            try:
                assert rest == "predict"
                self._reply(200, _predicted(server, server.answer(name, version), body))
            except Refused as error:
                self._reply(error.status, {"error": str(error)})

        def _path(self):
            parts = self.path.removeprefix("/v1/models/").replace(":", "/").split("/")
            version = parts[2] if parts[1:2] == ["versions"] else ""
            label = "label" if parts[1:2] == ["labels"] else ""
            rest = parts[-1] if parts[-1] in ("predict", "metadata") else ""
            return parts[0], version or label, rest

        def _status(self, name):
            state = {"error_code": "OK", "error_message": ""}
            version = str(server.models[name][0])
            return {
                "model_version_status": [
                    {"version": version, "state": "AVAILABLE", "status": state}
                ]
            }

        def _reply(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


def _metadata(name: str, model) -> dict:
    def tensors(infos):
        return {
            key: {
                "dtype": "DT_STRING"
                if info.type_number == STRING
                else _type_name(info.type_number),
                "tensor_shape": {
                    "dim": [{"size": str(-1 if s is None else s), "name": ""} for s in info.shape],
                    "unknown_rank": False,
                },
                "name": info.tensor,
            }
            for key, info in infos.items()
        }

    signatures = {
        key: {"inputs": tensors(one.inputs), "outputs": tensors(one.outputs), "method_name": ""}
        for key, one in model.signatures.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": "1"},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _type_name(number: int) -> str:
    return {1: "DT_FLOAT", 3: "DT_INT32"}[number]


def _predicted(server: StandIn, model, body: dict) -> dict:
    name = body.get("signature_name", "serving_default")
    if name not in model.signatures:
        raise Refused(400, "INVALID_ARGUMENT", f"no signature {name}")
    infos = model.signatures[name].inputs
    columns = body.get("inputs")
    if columns is None:  # The row format, "instances": one input needs no name.
        rows = body["instances"]
        columns = {
            k: [row[k] if isinstance(row, dict) and k in row else row for row in rows]
            for k in infos
        }
    elif not isinstance(columns, dict):
        columns = {next(iter(infos)): columns}
    if set(columns) - set(infos):
        raise Refused(400, "INVALID_ARGUMENT", f"inputs {sorted(columns)}, not {sorted(infos)}")
    try:
        inputs = {key: _array(value, infos[key].type_number) for key, value in columns.items()}
    except (ValueError, TypeError) as error:
        raise Refused(400, "INVALID_ARGUMENT", f"JSON Value: {error}") from error
    outputs = {key: _listed(value) for key, value in server.run(model, name, inputs).items()}
    if "instances" in body:
        if len(outputs) == 1:
            return {"predictions": next(iter(outputs.values()))}
        count = len(next(iter(outputs.values())))
        return {"predictions": [{k: v[i] for k, v in outputs.items()} for i in range(count)]}
    return {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs}


def _array(value, number: int) -> np.ndarray:
    if number == STRING:
        return np.array([base64.b64decode(element["b64"]) for element in value], object)
    return np.array(value, NUMPY_TYPES[number])


def _listed(array: np.ndarray):
    if array.dtype != object:
        return array.tolist()
    return [{"b64": base64.b64encode(element).decode()} for element in array.tolist()]


class RealServer:
    """The real binary, with the files that keras_vae.export.serving.tf_serving writes."""

    def __init__(self, folder: Path) -> None:
        rest, grpc_port = _free_port(), _free_port()
        tf_serving.tf_serving(folder, mount=str(folder), overwrite=True)
        self.rest, self.grpc = f"http://127.0.0.1:{rest}", f"grpc://127.0.0.1:{grpc_port}"
        self._process = subprocess.Popen(
            [
                *(str(SERVER), f"--port={grpc_port}", f"--rest_api_port={rest}"),
                f"--model_config_file={folder}/models.config",
                "--enable_batching=true",
                f"--batching_parameters_file={folder}/batching_parameters.txt",
                f"--monitoring_config_file={folder}/monitoring.config",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.rest}/v1/models/vae", timeout=1).close()
                return
            time.sleep(0.1)
        raise TimeoutError("tensorflow_model_server did not start.")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
