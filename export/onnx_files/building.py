"""Files made of converted endpoints, for ONNX and for OpenVINO, and compared with the model."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_vae.base.endpoint import Endpoint
from keras_vae.export.calibration import (
    check_options,
    check_quantize,
    endpoint_rows,
    examples_of,
    fill_gaps,
)
from keras_vae.export.description import describe_each
from keras_vae.export.endpoints import choose_endpoints
from keras_vae.export.onnx_files import answers, conversion, metadata, quantization
from keras_vae.export.verification import comparison
from keras_vae.export.verification.comparison import Differences
from keras_vae.export.verification.tolerances import first_within, refuse_differences
from keras_vae.typing import LatentModel


@dataclass(frozen=True)
class Form:
    """A form of files that is made of ONNX.

    Attributes:
        quantizations: Those it has.
        pack: Makes the content of a file of an `onnx.ModelProto`, given the quantization.
        open: Returns a function of named inputs that asks the content of a file.
        size: Returns the bytes of a content.
        about: What the metadata of these files have beyond those of all others.
    """

    quantizations: Sequence[str | None]
    pack: Callable[[Any, str | None], Any]
    open: Callable[[Any], answers.Run]
    size: Callable[[Any], int]
    about: Mapping[str, Any] = field(default_factory=dict)


def build(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    form: Form,
    quantize: str | None,
    calibration: Any,
    batch_size: int | None,
    min_psnr: float | None,
    labels: Sequence[str] | None,
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the contents of files by endpoint, and their metadata, after a comparison.

    The other arguments, and errors, are those of `write_onnx`.
    """
    batch_size = check_options(batch_size, min_psnr, labels)
    check_quantize(quantize, form.quantizations, calibration is not None)
    examples, from_data = examples_of(model, calibration), calibration is not None
    rows = endpoint_rows(model, endpoints, examples)
    converted = conversion.convert_all(model, endpoints, batch_size, keep_nan=quantize != "int8")
    contents, found = best_files(
        model, endpoints, converted, rows, quantize, batch_size, min_psnr, form
    )
    tensors = {name: metadata.signature(proto) for name, proto in converted.items()}
    settings = {"quantization": quantize, "batch_size": batch_size, **form.about}
    return contents, describe_each(
        model, endpoints, tensors, examples, from_data, labels, found, settings
    )


def best_files(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    converted: Mapping[str, Any],
    rows: comparison.Rows,
    quantize: str | None,
    batch_size: int | None,
    min_psnr: float | None,
    form: Form,
) -> tuple[dict[str, Any], Differences]:
    """Return the contents of the smallest files within the tolerances, and their differences.

    Args:
        model: The built model.
        endpoints: The endpoints.
        converted: Each of them, from `conversion.convert`.
        rows: From `endpoint_rows`.
        quantize: As in `write_onnx`.
        batch_size: As in `write_onnx`.
        min_psnr: As in `write_onnx`.
        form: The form of the files.

    Raises:
        ToleranceError: If none is within the tolerances.
    """
    calibration = fill_gaps(model, endpoints, rows)

    def attempt(quantizer: quantization.Quantizer) -> tuple[dict[str, Any], Differences]:
        contents = {
            name: form.pack(quantizer(proto, calibration[name]), quantize)
            for name, proto in converted.items()
        }
        return contents, _differences(model, endpoints, contents, rows, batch_size, form)

    attempts = [functools.partial(attempt, one) for one in quantization.variants(quantize)]
    return first_within(attempts, quantize, min_psnr)


def compare(
    model: LatentModel,
    contents: Mapping[str, Any],
    quantize: str | None,
    batch_size: int | None,
    data: Any,
    form: Form,
) -> Differences:
    """Return the differences of existing files from the model, by endpoint and output.

    Args:
        model: The built model.
        contents: The contents of files by endpoint.
        quantize: Their quantization.
        batch_size: Their batch size; None for any.
        data: Examples, as `calibration` of `write_onnx`; None for generated ones.
        form: The form of the files.

    Raises:
        ValueError: If the model has not all of these endpoints.
        ToleranceError: If one differs by more than its quantization explains.
    """
    endpoints = choose_endpoints(model, list(contents))
    rows = endpoint_rows(model, endpoints, examples_of(model, data))
    found = _differences(model, endpoints, contents, rows, batch_size, form)
    refuse_differences(found, quantize, None)
    return found


def _differences(
    model: LatentModel,
    endpoints: Mapping[str, Endpoint],
    contents: Mapping[str, Any],
    rows: comparison.Rows,
    batch_size: int | None,
    form: Form,
) -> Differences:
    some = comparison.choose_rows(rows, batch_size or 1)
    expected = comparison.model_answers(model, endpoints, some)
    runs = {name: form.open(content) for name, content in contents.items()}
    received = answers.file_answers(runs, some, batch_size)
    return comparison.differences(model, expected, received, some)
