"""Warm-up requests, which TF Serving replays when it loads a version.

A version folder may hold assets.extra/tf_serving_warmup_requests, a TFRecord of `PredictionLog`
(tensorflow_serving/apis/prediction_log.proto). The messages are encoded by hand: the package with
their classes needs the whole of TensorFlow in addition to tensorflow-cpu.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from keras_vae.export.serving.wire import field, tensor_proto

FILE = Path("assets.extra") / "tf_serving_warmup_requests"
BATCH_SIZES = (1, 8)
PREDICT_LOG = 6


def predict_request(
    model: str, signature: str, inputs: Mapping[str, np.ndarray], version: bytes = b""
) -> bytes:
    """Return a serialized `PredictRequest`.

    Args:
        model: Name of the model on the server.
        signature: Name of the signature to run.
        inputs: Arrays by input name.
        version: Serialized fields of `ModelSpec` that choose a version; empty for the latest.
    """
    specification = field(1, model) + version + field(3, signature)
    entries = (
        field(2, field(1, name) + field(2, tensor_proto(array)))
        for name, array in sorted(inputs.items())
    )
    return field(1, specification) + b"".join(entries)


def prediction_log(model: str, signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """Return a serialized `PredictionLog` of one request."""
    return field(PREDICT_LOG, field(1, predict_request(model, signature, inputs)))


def records(
    model: str, rows: Mapping[str, Mapping[str, np.ndarray]], sizes: Iterable[int] = BATCH_SIZES
) -> list[bytes]:
    """Return a request for each signature and batch size.

    Args:
        model: Name of the model on the server.
        rows: Arrays by signature and input; rows are repeated if there are too few.
        sizes: Batch sizes.
    """
    return [
        prediction_log(
            model, name, {key: array[np.arange(size) % len(array)] for key, array in inputs.items()}
        )
        for name, inputs in rows.items()
        for size in sizes
    ]


def write(folder: Path, requests: Iterable[bytes]) -> Path:
    """Write the warm-up file of the version in `folder`."""
    import tensorflow as tf

    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            writer.write(request)
    return path
