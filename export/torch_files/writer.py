"""The writer of .pt2 files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.base.endpoint import Endpoint
from keras_vae.export import endpoint_files
from keras_vae.export.calibration import check_options, endpoint_rows, examples_of
from keras_vae.export.description import describe_each
from keras_vae.export.endpoints import choose_endpoints
from keras_vae.export.onnx_files.answers import file_answers
from keras_vae.export.torch_files import conversion, files
from keras_vae.export.torch_files.files import read_metadata
from keras_vae.export.verification import comparison
from keras_vae.export.verification.comparison import Answers, Differences
from keras_vae.export.verification.tolerances import refuse_differences
from keras_vae.files.folders import put_files
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments

__all__ = ["read_metadata", "verify", "write_torch"]


def write_torch(
    model: LatentModel,
    path: Path,
    endpoints: Mapping[str, Endpoint],
    calibration: Any = None,
    batch_size: int | None = None,
    min_psnr: float | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write a file for each endpoint, after comparing its answers in PyTorch with the model.

    One endpoint is a file. Several are a folder with a file for each, such as `encode.pt2`. If a
    program answers otherwise than the model, nothing is written.

    Args:
        model: The built model, of the PyTorch backend.
        path: A new file or folder.
        endpoints: The endpoints to write, from `choose_endpoints`.
        calibration: Examples for the comparison and the statistics of codes, as in
            `write_litert`; None for generated ones.
        batch_size: A fixed batch size; None for any.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB, in place of a relative
            error of 1e-5.
        labels: Names of the classes of the data, for the metadata.

    Returns:
        `path`.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is none of the above, or PyTorch cannot trace an endpoint.
        ToleranceError: If a file differs too much from the model.
    """
    batch_size = check_options(batch_size, min_psnr, labels)
    examples, from_data = examples_of(model, calibration), calibration is not None
    rows = endpoint_rows(model, endpoints, examples)
    programs = {n: conversion.convert(model, n, e, batch_size) for n, e in endpoints.items()}
    plain = {name: files.pack(program, {}) for name, program in programs.items()}
    found, answers = _compare(model, endpoints, plain, rows, batch_size)
    refuse_differences(found, None, min_psnr)
    tensors = {n: _tensors(e, answers[n], batch_size) for n, e in endpoints.items()}
    settings = {"quantization": None, "batch_size": batch_size}
    abouts = describe_each(model, endpoints, tensors, examples, from_data, labels, found, settings)
    contents = {name: files.pack(program, abouts[name]) for name, program in programs.items()}
    return put_files(path, contents, files.SUFFIX)


def verify(model: LatentModel, path: str | Path, data: Any = None) -> Differences:
    """Compare existing .pt2 files with the model that they were exported from.

    Example:
        >>> model.export("vae", format="torch")
        >>> differences = keras_vae.export.torch_files.writer.verify(model, "vae", test)

    Args:
        model: The built model, of any backend.
        path: A file that `write_torch` wrote, or a folder of such.
        data: Examples, as `calibration` of `write_torch`; None for generated ones.

    Returns:
        `Difference` by endpoint and output.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If one was changed after the export, or the model has not all of their
            endpoints.
        ToleranceError: If one differs by more than rounding explains.
    """
    found = files.read(arguments.path("path", path))
    sizes = {file.path.name: file.about["batch_size"] for file in found.values()}
    batch_size = endpoint_files.the_same("batch size", sizes)
    endpoints = choose_endpoints(model, list(found))
    rows = endpoint_rows(model, endpoints, examples_of(model, data))
    contents = {name: file.content for name, file in found.items()}
    differences, _ = _compare(model, endpoints, contents, rows, batch_size)
    refuse_differences(differences, None, None)
    return differences


def _compare(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    contents: Mapping[str, bytes],
    rows: comparison.Rows,
    batch_size: int | None,
) -> tuple[Differences, Answers]:
    """Return the differences of files from the model, and the answers of the files."""
    some = comparison.choose_rows(rows, batch_size or 1)
    expected = comparison.model_answers(model, endpoints, some)
    runs = {name: conversion.open_program(content) for name, content in contents.items()}
    answers = file_answers(runs, some, batch_size)
    return comparison.differences(model, expected, answers, some), answers


def _tensors(
    endpoint: Endpoint, answers: Mapping[str, np.ndarray], batch_size: int | None
) -> dict[str, Any]:
    """Return shape and dtype of the inputs and outputs of an endpoint by name."""
    sides = {
        "inputs": {spec.name: (spec.shape[1:], spec.dtype) for spec in endpoint.inputs},
        "outputs": {name: (array.shape[1:], array.dtype.name) for name, array in answers.items()},
    }
    return {
        side: {
            name: {"shape": [batch_size, *shape], "dtype": str(dtype)}
            for name, (shape, dtype) in tensors.items()
        }
        for side, tensors in sides.items()
    }
