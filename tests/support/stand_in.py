"""A double of TF Serving: its REST format and its official gRPC classes over the C++ loader.

It is no TF Serving. It answers as the real server has answered the requests in the table of
tests/export/test_stand_in.py, and its gRPC classes are the official ones. Where
`tensorflow_model_server` is installed, the same tests run against that too.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent import futures
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.serving import served_models, tf_serving
from tests.support import rest_double
from tests.support.rest_double import NoAnswer, Refused, invalid

SERVER = shutil.which("tensorflow_model_server")


class StandIn:
    """Serves the newest version of each model in a folder until it is closed.

    Attributes:
        failures: How many of the next requests get "unavailable".
        delay: Seconds before each answer.
        requests: How many there were.
        labels: Version by label.
        largest_batch: The largest number of rows with batching; None without batching.
    """

    def __init__(self, folder: Path, port: int = 0, largest_batch: int | None = None) -> None:
        self.failures, self.delay, self.requests = 0, 0.0, 0
        self.labels: dict[str, int] = {}
        self.largest_batch = largest_batch
        self.closing = threading.Event()
        self.connections: set[socket.socket] = set()
        self.models = {
            model.name: (
                model.versions[-1],
                cpp_loader.SavedModel(folder / model.name / str(model.versions[-1])),
            )
            for model in served_models.find_models(folder)
        }
        self._http = ThreadingHTTPServer(("127.0.0.1", port), rest_double.handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self._grpc = grpc.server(futures.ThreadPoolExecutor(4))
        self._add_services()
        port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.rest = f"http://127.0.0.1:{self._http.server_port}"
        self.grpc = f"grpc://127.0.0.1:{port}"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._grpc.stop(0)

    def answer(self, name: str, version: str, label: str = ""):
        """Version and model of a request, or Refused."""
        self._count_request()
        if label:
            if name not in self.models or label not in self.labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            version = str(self.labels[label])
        if name not in self.models or version not in ("", str(self.models[name][0])):
            wanted = f"Specific({name}, {version})" if version else f"Latest({name})"
            raise Refused(404, "NOT_FOUND", f"Servable not found for request: {wanted}")
        return self.models[name]

    def status(self, name: str, version: str) -> dict:
        """The states of the versions of a model; a label has no effect on them."""
        self._count_request()
        if name not in self.models:
            raise Refused(404, "NOT_FOUND", f"Could not find any versions of model {name}")
        number = str(self.models[name][0])
        if version not in ("", number):
            raise Refused(404, "NOT_FOUND", f"Could not find version {version} of model {name}")
        state = {"error_code": "OK", "error_message": ""}
        return {
            "model_version_status": [{"version": number, "state": "AVAILABLE", "status": state}]
        }

    def run(self, model, signature: str, inputs: dict) -> dict:
        if self.largest_batch is not None:
            rows = min((len(array) if array.ndim else 1 for array in inputs.values()), default=0)
            if not rows:
                raise NoAnswer  # The batch never fills.
            if rows > self.largest_batch:
                raise invalid(
                    f"Task size {rows} is larger than maximum input batch size {self.largest_batch}"
                )
        try:
            return model.run(signature, inputs)
        except (ValueError, TypeError, RuntimeError) as error:
            raise invalid(str(error)) from error

    def _count_request(self) -> None:
        self.requests += 1
        time.sleep(self.delay)
        if self.failures:
            self.failures -= 1
            raise Refused(503, "UNAVAILABLE", "too busy")

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
        except NoAnswer:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")

    def version_of(specification):
        return str(specification.version.value) if specification.HasField("version") else ""

    def model_of(specification):
        version = version_of(specification)
        return server.answer(specification.name, version, specification.version_label)

    class Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            with refusing(context):
                inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
                name = request.model_spec.signature_name or rest_double.DEFAULT
                model = model_of(request.model_spec)[1]
                if name not in model.signatures:
                    message = f'Serving signature key "{name}" not found.'
                    raise Refused(400, "FAILED_PRECONDITION", message)
                outputs = server.run(model, name, inputs)
                response = predict_pb2.PredictResponse()
                for name, array in outputs.items():
                    response.outputs[name].CopyFrom(_as_fields(array))
                return response

        def GetModelMetadata(self, request, context):
            with refusing(context):
                version, model = model_of(request.model_spec)
                signatures = get_model_metadata_pb2.SignatureDefMap()
                initial = signatures.signature_def["__saved_model_init_op"]
                initial.outputs["__saved_model_init_op"].tensor_shape.unknown_rank = True
                for name, signature in model.signatures.items():
                    entry = signatures.signature_def[name]
                    entry.method_name = "tensorflow/serving/predict"
                    for side in ("inputs", "outputs"):
                        for tensor, info in getattr(signature, side).items():
                            proto = getattr(entry, side)[tensor]
                            proto.name, proto.dtype = info.tensor, info.type_number
                            for size in info.shape:
                                proto.tensor_shape.dim.add().size = -1 if size is None else size
                response = get_model_metadata_pb2.GetModelMetadataResponse()
                response.model_spec.name = request.model_spec.name
                response.model_spec.version.value = version
                response.metadata["signature_def"].Pack(signatures)
                return response

    class Status(model_service_pb2_grpc.ModelServiceServicer):
        def GetModelStatus(self, request, context):
            with refusing(context):
                specification = request.model_spec
                states = server.status(specification.name, version_of(specification))
                response = get_model_status_pb2.GetModelStatusResponse()
                entry = response.model_version_status.add()
                entry.version = int(states["model_version_status"][0]["version"])
                entry.state = 30
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


class RealServer:
    """The real binary, with the files that keras_vae.export.serving.tf_serving writes."""

    def __init__(self, folder: Path, batching: bool = False) -> None:
        rest, grpc_port = _free_port(), _free_port()
        tf_serving.tf_serving(folder, mount=str(folder), batching=batching, overwrite=True)
        self.rest, self.grpc = f"http://127.0.0.1:{rest}", f"grpc://127.0.0.1:{grpc_port}"
        parameters = f"--batching_parameters_file={folder}/{tf_serving.BATCHING}"
        self._process = subprocess.Popen(
            [
                *(str(SERVER), f"--port={grpc_port}", f"--rest_api_port={rest}"),
                f"--model_config_file={folder}/models.config",
                *(["--enable_batching=true", parameters] if batching else []),
                f"--monitoring_config_file={folder}/monitoring.config",
                "--grpc_max_threads=64",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.rest}/v1/models/vae/metadata", timeout=1).close()
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


def main(folder: str, port: str = "8501", wait: Any = signal.pause) -> None:
    """Serve the models of a folder on this machine until Ctrl-C.

    python -m tests.support.stand_in models 8501
    """
    stand_in = StandIn(Path(folder), int(port))
    print(
        f"A stand-in for TF Serving: {stand_in.rest} {stand_in.grpc} (Ctrl-C to stop)", flush=True
    )
    try:
        wait()
    except KeyboardInterrupt:
        stand_in.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
