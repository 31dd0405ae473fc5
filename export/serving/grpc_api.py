"""The gRPC interface of TF Serving."""

import time
from urllib.parse import SplitResult

from keras_vae.errors import MissingExtraError
from keras_vae.export.saved_model.warmup import predict_request
from keras_vae.export.serving import transport
from keras_vae.export.serving.signatures import Signature, parse_signatures
from keras_vae.export.serving.transport import Arrays, ServingError
from keras_vae.export.serving.wire import field, fields, read_tensor_proto

OPTIONS = [
    ("grpc.max_receive_message_length", transport.LARGEST_ANSWER),
    ("grpc.max_send_message_length", -1),
    # The client pauses between attempts itself.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
# ModelVersionStatus.State of tensorflow_serving/apis/get_model_status.proto.
STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


class Grpc:
    """The gRPC interface of TF Serving; messages are encoded by hand, without TensorFlow.

    Args:
        url: URL of the server, grpc or grpcs.
        model: Name of the model.
        version: A version, or None for the latest.
        label: A label instead of a version.
    """

    def __init__(
        self, url: SplitResult, model: str, version: int | None, label: str | None
    ) -> None:
        try:
            import grpc
        except ImportError as error:
            raise MissingExtraError(
                "Expected the package grpcio. (pip install grpcio, or use REST: http://HOST:8501)"
            ) from error
        self._url, self._model = url, model
        self._version = b"" if version is None else field(2, field(1, version))
        if label is not None:
            self._version = field(4, label)
        if url.scheme == "grpcs":
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.secure_channel(url.netloc, credentials, OPTIONS)
        else:
            self._channel = grpc.insecure_channel(url.netloc, OPTIONS)

    def predict(self, signature: str, inputs: Arrays, infos: Signature, timeout: float) -> Arrays:
        """Return the outputs by name."""
        end = time.monotonic() + timeout
        rows = transport.count_rows(inputs)
        request = predict_request(self._model, signature, inputs, self._version)
        left = transport.seconds_left(end, timeout)
        answer = self._call("PredictionService/Predict", request, left)
        limit = transport.largest_answer(infos, rows)
        if len(answer) > limit:
            raise transport.too_large(limit)
        try:
            entries = (dict(fields(value)) for number, value in fields(answer) if number == 1)
            return {
                name: read_tensor_proto(
                    entry[2], transport.largest_tensor(infos.outputs[name], rows)
                )
                for entry in entries
                for name in (entry[1].decode(),)
            }
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """Return the signatures of the model."""
        try:
            for number, value in fields(self._metadata(timeout)):
                if number == 2:  # A map of google.protobuf.Any, whose value is a SignatureDefMap.
                    packed = dict(fields(dict(fields(value))[2]))[2]
                    return parse_signatures(packed, field_number=1)
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error
        raise ServingError("Expected signatures in the answer of the server. Received: none.")

    def version(self, timeout: float) -> int:
        """Return the version that answers."""
        try:
            specification = dict(fields(self._metadata(timeout)))[1]
            return int(dict(fields(dict(fields(specification))[2]))[1])
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def states(self, timeout: float) -> dict[int, str]:
        """Return the state of each version."""
        answer = self._call("ModelService/GetModelStatus", field(1, self._specification()), timeout)
        try:
            entries = (dict(fields(value)) for number, value in fields(answer) if number == 1)
            return {entry.get(1, 0): STATES.get(entry.get(2, 0), "UNKNOWN") for entry in entries}
        except transport.MALFORMED as error:
            raise transport.malformed_answer(error) from error

    def _metadata(self, timeout: float) -> bytes:
        request = field(1, self._specification()) + field(2, "signature_def")
        return self._call("PredictionService/GetModelMetadata", request, timeout)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _specification(self) -> bytes:
        return field(1, self._model) + self._version

    def _call(self, method: str, request: bytes, timeout: float) -> bytes:
        import grpc

        call = self._channel.unary_unary(
            f"/tensorflow.serving.{method}", request_serializer=None, response_deserializer=None
        )
        try:
            return call(request, timeout=timeout)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise transport.late(timeout) from error
            if code == grpc.StatusCode.UNAVAILABLE:
                raise transport.unreachable(self._url.geturl(), details) from error
            if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
                if "larger than max" in str(details):  # Of gRPC in this process, not of the server.
                    raise transport.too_large(transport.LARGEST_ANSWER) from error
                raise transport.busy(code.name, details) from error
            missing = code == grpc.StatusCode.NOT_FOUND
            raise transport.refusal(code.name, details, self._model, missing) from error
