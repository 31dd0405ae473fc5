"""The writer of ONNX files, for ONNX Runtime, OpenVINO, browsers and all else that reads them."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.base.endpoint import Endpoint
from keras_vae.export.calibration import check_quantize, endpoint_rows, examples_of, fill_gaps
from keras_vae.export.description import describe, describe_differences
from keras_vae.export.endpoints import choose_endpoints
from keras_vae.export.onnx_files import conversion, files, metadata, quantization
from keras_vae.export.onnx_files.answers import file_answers
from keras_vae.export.onnx_files.metadata import read_metadata
from keras_vae.export.verification import comparison
from keras_vae.export.verification.comparison import Differences
from keras_vae.export.verification.tolerances import first_within, refuse_differences
from keras_vae.files.atomic import write_atomically
from keras_vae.files.folders import partial_folder, publish
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments

__all__ = ["QUANTIZATIONS", "read_metadata", "verify", "write_onnx"]

QUANTIZATIONS = (None, "dynamic", "int8")


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
    if batch_size is not None:
        batch_size = arguments.integer("batch_size", batch_size)
    check_quantize(quantize, QUANTIZATIONS, calibration is not None)
    if min_psnr is not None:
        arguments.real("min_psnr", min_psnr)
    if labels is not None:
        arguments.names("labels", labels)
    examples = examples_of(model, calibration)
    rows = endpoint_rows(model, endpoints, examples)
    converted = conversion.convert_all(model, endpoints, batch_size, keep_nan=quantize != "int8")
    protos, found = best_files(model, endpoints, converted, rows, quantize, batch_size, min_psnr)
    contents = {}
    for name, proto in protos.items():
        tensors, one = {name: metadata.signature(proto)}, {name: endpoints[name]}
        about = describe(model, one, tensors, examples, calibration is not None, labels)
        about |= {"quantization": quantize, "batch_size": batch_size, "opset": conversion.OPSET}
        about["verification"] = describe_differences({name: found[name]}, calibration is not None)
        contents[name] = metadata.add_metadata(proto, about)
    return _put(path, contents)


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
    batch_size = files.the_same("batch size", sizes)
    endpoints = choose_endpoints(model, list(found))
    rows = endpoint_rows(model, endpoints, examples_of(model, data))
    contents = {name: file.proto.SerializeToString() for name, file in found.items()}
    differences = _differences(model, endpoints, contents, rows, batch_size)
    refuse_differences(differences, quantize, None)
    return differences


def best_files(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    converted: Mapping[str, Any],
    rows: comparison.Rows,
    quantize: str | None,
    batch_size: int | None,
    min_psnr: float | None,
) -> tuple[dict[str, Any], Differences]:
    """Return the smallest files within the tolerances, and their differences from the model.

    Args:
        model: The built model.
        endpoints: The endpoints.
        converted: Each of them, from `conversion.convert`.
        rows: From `endpoint_rows`.
        quantize: As in `write_onnx`.
        batch_size: As in `write_onnx`.
        min_psnr: As in `write_onnx`.

    Raises:
        ToleranceError: If none is within the tolerances.
    """
    calibration = fill_gaps(model, endpoints, rows)

    def attempt(quantizer: quantization.Quantizer) -> tuple[dict[str, Any], Differences]:
        protos = {name: quantizer(proto, calibration[name]) for name, proto in converted.items()}
        contents = {name: proto.SerializeToString() for name, proto in protos.items()}
        return protos, _differences(model, endpoints, contents, rows, batch_size)

    attempts = [functools.partial(attempt, one) for one in quantization.variants(quantize)]
    return first_within(attempts, quantize, min_psnr)


def _differences(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    contents: Mapping[str, bytes],
    rows: comparison.Rows,
    batch_size: int | None,
) -> Differences:
    """Return the differences of files from the model, by endpoint and output."""
    some = comparison.choose_rows(rows, batch_size or 1)
    expected = comparison.model_answers(model, endpoints, some)
    return comparison.differences(model, expected, file_answers(contents, some, batch_size))


def _put(path: Path, contents: Mapping[str, bytes]) -> Path:
    """Write one file, or a folder of several."""
    if len(contents) == 1:
        (content,) = contents.values()
        return write_atomically(path, lambda new: new.write_bytes(content), new=True)
    with partial_folder(path.parent) as folder:
        for name, content in contents.items():
            (folder / f"{name}{files.SUFFIX}").write_bytes(content)
        return publish(folder, path)
