"""The writer of ONNX files, for ONNX Runtime, OpenVINO, browsers and all else that reads them."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.base.endpoint import Endpoint
from keras_vae.export import endpoint_files
from keras_vae.export.onnx_files import answers, building, conversion, files, metadata
from keras_vae.export.onnx_files.metadata import read_metadata
from keras_vae.export.verification.comparison import Differences
from keras_vae.files.folders import put_files
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments

__all__ = ["FORM", "read_metadata", "verify", "write_onnx"]


def _open(proto: Any) -> answers.Run:
    """Return a function that asks a file in ONNX Runtime."""
    return functools.partial(answers.ask, answers.open_session(proto.SerializeToString()))


FORM = building.Form(
    quantizations=(None, "dynamic", "int8"),
    pack=lambda proto, quantize: proto,
    open=_open,
    size=lambda proto: proto.ByteSize(),
    about={"opset": conversion.OPSET},
)


def write_onnx(
    model: LatentModel,
    path: Path,
    endpoints: Mapping[str, Endpoint],
    quantize: str | None = None,
    calibration: Any = None,
    batch_size: int | None = None,
    min_psnr: float | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write a file for each endpoint, after comparing its answers in ONNX Runtime with the model.

    One endpoint is a file. Several are a folder with a file for each, such as `encode.onnx`. If
    the converter changed the model, or quantization lost too much, nothing is written.

    Args:
        model: The built model.
        path: A new file or folder.
        endpoints: The endpoints to write, from `choose_endpoints`.
        quantize: None for float32, "dynamic" for int8 weights, "int8" for int8 weights and
            activations.
        calibration: As in `write_litert`.
        batch_size: A fixed batch size; None for any.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB. None for 50 (dynamic) or
            40 (int8). Outputs that depend on the encoder may be 10 dB lower. float32 must be within
            a relative error of 1e-5 unless this is set.
        labels: Names of the classes of the data, for the metadata.

    Returns:
        `path`.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is none of the above, calibration data are missing or of the
            wrong shape, or a layer needs an op that ONNX does not have.
        ToleranceError: If a file differs too much from the model.
        RuntimeError: If onnx, onnxruntime or tf2onnx is not installed.
    """
    protos, abouts = building.build(
        model, endpoints, FORM, quantize, calibration, batch_size, min_psnr, labels
    )
    contents = {n: metadata.add_metadata(proto, abouts[n]) for n, proto in protos.items()}
    return put_files(path, contents, files.SUFFIX)


def verify(model: LatentModel, path: str | Path, data: Any = None) -> Differences:
    """Compare existing ONNX files with the model that they were exported from.

    Example:
        >>> model.export("vae", format="onnx")
        >>> differences = keras_vae.export.onnx_files.writer.verify(model, "vae", test)

    Args:
        model: The built model.
        path: A file that `write_onnx` wrote, or a folder of such.
        data: Examples, as `calibration` of `write_litert`; None for generated ones.

    Returns:
        `Difference` by endpoint and output.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If one was changed after the export, or has ops that a runtime cannot run or
            repeat. Also if the model has not all of their endpoints.
        ToleranceError: If one differs from the model by more than its quantization explains.
    """
    path = arguments.path("path", path)
    found = files.read(path)
    quantize = files.check(found)
    sizes = {f.path.name: read_metadata(f.path)["batch_size"] for f in found.values()}
    batch_size = endpoint_files.the_same("batch size", sizes)
    protos = {name: file.proto for name, file in found.items()}
    return building.compare(model, protos, quantize, batch_size, data, FORM)
