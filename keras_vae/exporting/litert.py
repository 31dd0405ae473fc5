"""LiteRT (.tflite), for phones, microcontrollers and browsers: fixed batch, builtin ops only."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.exporting import comparison
from keras_vae.exporting.bars import refuse_different, scores_worse
from keras_vae.exporting.calibration import endpoint_rows, examples_of, generated_examples
from keras_vae.exporting.conversion import converted
from keras_vae.exporting.endpoints import float32_policy, write_archive
from keras_vae.exporting.gates import refuse_unrunnable
from keras_vae.exporting.metadata import describe, read_metadata, with_metadata
from keras_vae.files import write_atomically
from keras_vae.serving import Endpoint

__all__ = ["QUANTIZATIONS", "read_metadata", "refuse_unrunnable", "verify", "write_litert"]

QUANTIZATIONS = (None, "float16", "dynamic", "int8")
IO = ("float32", "int8")
# From the smallest file to the most exact one, see `conversion.converted`.
WAYS = (
    {"per_channel": False, "keep_float": False},
    {"per_channel": True, "keep_float": False},
    {"per_channel": True, "keep_float": True},
)
# How many of them make a difference.
TRIED = {None: 1, "float16": 1, "dynamic": 3, "int8": 3}

Differences = dict[str, dict[str, comparison.Difference]]


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked for, see `write_litert`."""

    quantize: str | None = None
    batch_size: int = 1
    io: str = "float32"
    min_psnr: float | None = None


def write_litert(
    model: Any,
    path: Path,
    endpoints: Mapping[str, Endpoint],
    quantize: str | None = None,
    calibration: Any = None,
    batch_size: int = 1,
    io: str = "float32",
    min_psnr: float | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write a .tflite file with one signature an endpoint, after it answered as the model does.

    The file is compared with the model before it gets its name, so a converter that changed the
    model, or a quantization that lost too much, is an error and leaves no file.

    Args:
        model: The built model.
        path: A new file.
        endpoints: What to write, from `chosen_endpoints`.
        quantize: None for float32, "float16" weights, "dynamic" for int8 weights, "int8" for
            int8 weights and activations.
        calibration: Examples like the training data: an array `(n, *event_shape)` or a data set of
            batches. "int8" needs them; with any other they are what the file is compared on, and
            what the statistics of codes in the metadata are of.
        batch_size: The fixed batch; a dynamic one is ten times slower on device.
        io: "float32" inputs and outputs, or with "int8" also "int8" ones, for devices without
            floats; scales and zero points are in the metadata.
        min_psnr: Least PSNR of decoded codes against the model, in dB; None for 80 (float16), 50
            (dynamic) or 40 (int8). What encodes, alone or first, may be 10 dB less. float32 must
            be within a relative error of 1e-5 unless this is set.
        labels: Names of the classes of the data, for the metadata.

    Returns:
        `path`.

    Raises:
        ValueError: If an argument is none of the above, calibration data are missing or of the
            wrong shape, a layer needs an op that a device does not have, the converter fails, or
            the file is further from the model than it may be. No file is left then.
    """
    options = Options(quantize, batch_size, io, min_psnr)
    _check(options, endpoints, calibration)
    examples = generated_examples(model) if calibration is None else examples_of(model, calibration)
    rows = endpoint_rows(model, endpoints, examples)
    with tempfile.TemporaryDirectory() as folder:
        with float32_policy(model):
            write_archive(endpoints, folder, batch_size)
        content, found = best_content(model, folder, endpoints, rows, options)
    description = {
        **describe(model, endpoints, content, examples, calibration is not None, labels),
        "quantization": quantize,
        "io": io,
        "batch_size": batch_size,
        "verification": {
            "on": "calibration data" if calibration is not None else "generated data",
            "differences": {e: {k: vars(d) for k, d in o.items()} for e, o in found.items()},
        },
    }

    def write(temporary: Path) -> None:
        temporary.write_bytes(with_metadata(content, description))
        if measure(model, endpoints, temporary.read_bytes(), rows, options) != found:
            raise RuntimeError("Expected a file with metadata to answer as without. Please report.")

    return write_atomically(path, write)


def verify(model: Any, path: str | Path, data: Any = None) -> Differences:
    """Compare a .tflite file with the model that it should be of.

    Args:
        model: The built model.
        path: A file that `write_litert` wrote.
        data: Examples, as `calibration` of `write_litert`; None for generated ones.

    Returns:
        `Difference` by endpoint and output.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it was changed after the export, has ops that a device cannot run or
            repeat, or is further from the model than its quantization explains.
    """
    description = read_metadata(path)
    content = Path(path).read_bytes()
    refuse_unrunnable(content)
    options = Options(description["quantization"], description["batch_size"])
    endpoints = {name: model.endpoints()[name] for name in description["endpoints"]}
    examples = generated_examples(model) if data is None else examples_of(model, data)
    found = measure(model, endpoints, content, endpoint_rows(model, endpoints, examples), options)
    refuse_different(found, options.quantize, options.min_psnr)
    return found


def best_content(
    model: Any,
    folder: str,
    endpoints: Mapping[str, Endpoint],
    rows: comparison.Rows,
    options: Options,
) -> tuple[bytes, Differences]:
    """The smallest file that is near enough to the model, and how near it is.

    Args:
        model: The built model.
        folder: The SavedModel of the endpoints, in float32 and with the fixed batch.
        endpoints: What is in it.
        rows: From `endpoint_rows`.
        options: What to convert to.
    """
    job = {
        **{key: value for key, value in vars(options).items() if key != "min_psnr"},
        "folder": folder,
        "signatures": list(endpoints),
        "layers": [layer.name for layer in model._flatten_layers()],
    }
    ways = WAYS[: TRIED[options.quantize]]
    accepted = None
    for way in ways:
        content = converted(model, {**job, **way}, rows)
        found = measure(model, endpoints, content, rows, options)
        try:
            refuse_different(found, options.quantize, options.min_psnr)
        except ValueError:
            if way is ways[-1] and accepted is None:
                raise
            continue
        accepted = content, found
        # Not refused for its scores: they are of few examples here, and export.verify judges.
        if not scores_worse(found, options.quantize):
            break
    assert accepted is not None
    return accepted


def measure(
    model: Any,
    endpoints: Mapping[str, Endpoint],
    content: bytes,
    rows: comparison.Rows,
    options: Options,
) -> Differences:
    """How far the file's answers are from the model's, by endpoint and output."""
    some = comparison.compared_rows(rows, options.batch_size)
    expected = comparison.model_answers(model, endpoints, some)
    received = comparison.file_answers(content, some, options.batch_size)
    return comparison.differences(model, expected, received)


def _check(options: Options, endpoints: Mapping[str, Endpoint], calibration: Any) -> None:
    if options.quantize not in QUANTIZATIONS:
        raise ValueError(
            f"Expected quantize to be one of {QUANTIZATIONS}. Received: {options.quantize!r}."
        )
    if options.quantize == "int8" and calibration is None:
        raise ValueError(
            "Expected calibration data with quantize='int8'. Received: none. "
            "(Pass calibration=..., some hundred examples of the training data.)"
        )
    if options.io not in IO or (options.io == "int8" and options.quantize != "int8"):
        raise ValueError(
            "Expected io to be 'float32', or 'int8' with quantize='int8'. Received: "
            f"io={options.io!r}, quantize={options.quantize!r}."
        )
    if options.batch_size < 1:
        raise ValueError(f"Expected batch_size of at least 1. Received: {options.batch_size!r}.")
    for name, endpoint in endpoints.items():
        for spec in endpoint.inputs:
            if None in spec.shape[1:]:
                raise ValueError(
                    f"Expected inputs of a fixed size. Received: {name} takes {spec.name} of shape "
                    f"{spec.shape}. (Build the networks for one size, such as Input((50, 3)).)"
                )
