"""The LiteRT writer (.tflite), for phones, microcontrollers and browsers."""

import dataclasses
import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.backend.keras_private import flatten_layers
from keras_vae.base.endpoint import Endpoint, has_gaps
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.export.calibration import (
    check_quantize,
    endpoint_rows,
    examples_of,
    fill_gaps,
)
from keras_vae.export.description import describe, describe_differences
from keras_vae.export.endpoints import (
    choose_endpoints,
    float32_policy,
    write_archive,
)
from keras_vae.export.formats import CALIBRATED
from keras_vae.export.litert.allowed_ops import refuse_unrunnable
from keras_vae.export.litert.answers import file_answers
from keras_vae.export.litert.conversion import convert_checked
from keras_vae.export.litert.metadata import add_metadata, read_metadata, signatures
from keras_vae.export.verification import comparison
from keras_vae.export.verification.comparison import Differences
from keras_vae.export.verification.tolerances import first_within, refuse_differences
from keras_vae.files.atomic import write_atomically
from keras_vae.tables.mixed_networks import TableInputs
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments

__all__ = ["QUANTIZATIONS", "read_metadata", "refuse_unrunnable", "verify", "write_litert"]

QUANTIZATIONS = (None, "float16", "dynamic", "int8", "int16x8")
IO = ("float32", "int8")
# From the smallest file to the most exact one, see `conversion.convert_checked`.
VARIANTS = (
    {"per_channel": False, "keep_float": False},
    {"per_channel": True, "keep_float": False},
    {"per_channel": True, "keep_float": True},
)
# Number of variants to try: the others would not differ.
VARIANTS_TRIED = {None: 1, "float16": 1, "dynamic": 3, "int8": 3, "int16x8": 1}


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of a conversion, see `write_litert`."""

    quantize: str | None = None
    batch_size: int = 1
    io: str = "float32"
    min_psnr: float | None = None


def write_litert(
    model: LatentModel,
    path: Path,
    endpoints: Mapping[str, Endpoint],
    quantize: str | None = None,
    calibration: Any = None,
    batch_size: int = 1,
    io: str = "float32",
    min_psnr: float | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write a .tflite file with one signature for each endpoint, after comparing it with the model.

    If the converter changed the model, or quantization lost too much, an error is raised and no
    file is left.

    Args:
        model: The built model.
        path: A new file.
        endpoints: The endpoints to write, from `choose_endpoints`.
        quantize: None for float32, "float16" weights, "dynamic" for int8 weights, "int8" for
            int8 weights and activations, "int16x8" for int8 weights and activations of 16 bits.
        calibration: Examples like the training data: an array `(n, *event_shape)` or a data set of
            batches. Required for "int8" and "int16x8". For all others, the file is compared on
            these examples, and the metadata have statistics of their codes.
        batch_size: The fixed batch size; a dynamic one is ten times slower on a device.
        io: Type of inputs and outputs, "float32". With "int8" quantization also "int8", for devices
            without floats; scales and zero points are in the metadata.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB. None for 80 (float16),
            50 (dynamic, int16x8) or 40 (int8). Outputs that depend on the encoder may be 10 dB
            lower. float32 must be within a relative error of 1e-5 unless this is set.
        labels: Names of the classes of the data, for the metadata.

    Returns:
        `path`.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is none of the above, or calibration data are missing or of the
            wrong shape. Also if the converter fails, or a layer needs an op that no device has.
        ToleranceError: If the file differs too much from the model.
    """
    batch_size = arguments.integer("batch_size", batch_size)
    options = Options(quantize, batch_size, io, min_psnr)
    _check(options, calibration is not None, labels)
    _check_sizes(endpoints)
    _check_gaps(endpoints, io)
    examples = examples_of(model, calibration)
    rows = endpoint_rows(model, endpoints, examples)
    with tempfile.TemporaryDirectory() as folder:
        with float32_policy(model):
            write_archive(endpoints, folder, batch_size, keep_nan=quantize not in CALIBRATED)
        content, found = best_content(model, folder, endpoints, rows, options)
    description = {
        **describe(
            model, endpoints, signatures(content), examples, calibration is not None, labels
        ),
        "quantization": quantize,
        "io": io,
        "batch_size": batch_size,
        "verification": describe_differences(found, calibration is not None),
    }

    def write(temporary: Path) -> None:
        temporary.write_bytes(add_metadata(content, description))
        if measure_differences(model, endpoints, temporary.read_bytes(), rows, options) != found:
            raise UnavailableError(
                "Expected a file with metadata to answer as without. Please report."
            )

    return write_atomically(path, write, new=True)


def verify(model: LatentModel, path: str | Path, data: Any = None) -> Differences:
    """Compare an existing .tflite file with the model that it was exported from.

    Example:
        >>> model.export("vae.tflite", format="litert", endpoints=["decode"])
        >>> differences = keras_vae.export.litert.writer.verify(model, "vae.tflite", test)

    Args:
        model: The built model.
        path: A file that `write_litert` wrote.
        data: Examples, as `calibration` of `write_litert`; None for generated ones.

    Returns:
        `Difference` by endpoint and output.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it was changed after the export, or has ops that a device cannot run or
            repeat. Also if the model has not all of its endpoints.
        ToleranceError: If it differs from the model by more than its quantization explains.
    """
    description = read_metadata(path)
    content = Path(path).read_bytes()
    refuse_unrunnable(content)
    options = Options(description["quantization"], description["batch_size"])
    endpoints = choose_endpoints(model, list(description["endpoints"]))
    examples = examples_of(model, data)
    found = measure_differences(
        model, endpoints, content, endpoint_rows(model, endpoints, examples), options
    )
    refuse_differences(found, options.quantize, options.min_psnr)
    return found


def best_content(
    model: LatentModel,
    folder: str,
    endpoints: Mapping[str, Endpoint],
    rows: comparison.Rows,
    options: Options,
) -> tuple[bytes, Differences]:
    """Return the smallest file that is within the tolerances, and its differences from the model.

    Args:
        model: The built model.
        folder: The SavedModel of the endpoints, in float32 and with the fixed batch.
        endpoints: The endpoints in it.
        rows: From `endpoint_rows`.
        options: The options of the conversion.
    """
    layers = flatten_layers(model)
    job = {
        **{key: value for key, value in vars(options).items() if key != "min_psnr"},
        "folder": folder,
        "signatures": list(endpoints),
        "layers": [layer.name for layer in layers],
        # Columns of a table have units of their own, which one scale of int8 does not fit.
        "float_layers": [layer.name for layer in layers if isinstance(layer, TableInputs)],
    }

    def attempt(variant: Mapping[str, bool]) -> tuple[bytes, Differences]:
        calibration = fill_gaps(model, endpoints, rows)
        content = convert_checked(model, {**job, **variant}, calibration)
        return content, measure_differences(model, endpoints, content, rows, options)

    variants = VARIANTS[: VARIANTS_TRIED[options.quantize]]
    attempts = [functools.partial(attempt, variant) for variant in variants]
    return first_within(attempts, options.quantize, options.min_psnr)


def measure_differences(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    content: bytes,
    rows: comparison.Rows,
    options: Options,
) -> Differences:
    """Return the differences of a file from the model, by endpoint and output."""
    some = comparison.choose_rows(rows, options.batch_size)
    expected = comparison.model_answers(model, endpoints, some)
    received = file_answers(content, some, options.batch_size)
    return comparison.differences(model, expected, received, some)


def _check(options: Options, calibrated: bool, labels: Any) -> None:
    """Raise an error unless the options of `write_litert` are valid and fit each other."""
    check_quantize(options.quantize, QUANTIZATIONS, calibrated)
    known = isinstance(options.io, str) and options.io in IO
    if not known or (options.io == "int8" and options.quantize != "int8"):
        raise UsageError(
            "Expected io to be 'float32', or 'int8' with quantize='int8'. Received: "
            f"io={options.io!r}, quantize={options.quantize!r}."
        )
    if options.min_psnr is not None:
        arguments.real("min_psnr", options.min_psnr)
    if labels is not None:
        arguments.names("labels", labels)


def _check_gaps(endpoints: Mapping[str, Endpoint], io: str) -> None:
    """Raise ValueError for int8 inputs with gaps: int8 has no NaN."""
    some = any(has_gaps(spec) for e in endpoints.values() for spec in e.inputs)
    if some and io == "int8":
        raise UsageError(
            "Expected io='float32' for a model whose preprocess fills gaps. Received: io='int8', "
            "which has no NaN for them."
        )


def _check_sizes(endpoints: Mapping[str, Endpoint]) -> None:
    """Raise ValueError if an input may have any size."""
    for name, endpoint in endpoints.items():
        for spec in endpoint.inputs:
            if None in spec.shape[1:]:
                raise UsageError(
                    f"Expected inputs of a fixed size. Received: {name} takes {spec.name} of shape "
                    f"{spec.shape}. (Build the networks for one size, such as Input((50, 3)).)"
                )
