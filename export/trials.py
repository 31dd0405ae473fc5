"""Trial exports of a model to each format, with a line on each."""

import functools
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keras_vae.typing import LatentModel

OnnxFormat = Literal["onnx", "onnx_dynamic", "onnx_int8", "openvino"]
Format = Literal["saved_model", "float32", "float16", "dynamic", "int8", OnnxFormat, "torch"]
LITERT: tuple[Format, ...] = ("float32", "float16", "dynamic", "int8")
ONNX: dict[Format, str | None] = {"onnx": None, "onnx_dynamic": "dynamic", "onnx_int8": "int8"}
NAMES = {
    "saved_model": "SavedModel",
    **{name: f"LiteRT {name}" for name in LITERT},
    **{name: f"ONNX {quantize or 'float32'}" for name, quantize in ONNX.items()},
    "openvino": "OpenVINO",
    "torch": "PyTorch",
}


@dataclass(frozen=True)
class Verdict:
    """The outcome of a trial export to one format.

    Attributes:
        format: The format.
        exports: Whether the model exports to it.
        note: A measurement, or else a change to make.
        size: Bytes of the file or folder; 0 if there is none.
    """

    format: Format
    exports: bool
    note: str
    size: int = 0

    def __str__(self) -> str:
        """Return the line of the report."""
        size = f"{self.size:,} bytes" if self.size else ""
        return (
            f"{NAMES[self.format]:<15} {'yes' if self.exports else 'NO':<4} {size:>16}  {self.note}"
        )


def verdicts(
    model: LatentModel,
    endpoints: Mapping[str, Any],
    batch_size: int = 1,
    formats: Sequence[Format] = tuple(NAMES),
) -> Iterator[Verdict]:
    """Yield a `Verdict` for each format, as soon as it is known.

    Args:
        model: The built model.
        endpoints: Endpoints to export.
        batch_size: Batch size of the .tflite files.
        formats: The formats to try.
    """
    if "saved_model" in formats:
        yield _verdict("saved_model", lambda: try_saved_model(model, endpoints))
    if litert := [name for name in LITERT if name in formats]:
        yield from _litert_verdicts(litert, model, endpoints, batch_size)
    if onnx := [name for name in (*ONNX, "openvino") if name in formats]:
        yield from _onnx_verdicts(onnx, model, endpoints)
    if "torch" in formats:
        yield _verdict("torch", lambda: try_torch(model, endpoints))


def try_saved_model(model: LatentModel, endpoints: Mapping[str, Any]) -> tuple[str, int]:
    """Write and run a SavedModel; return a note and its size in bytes."""
    from keras_vae.export.saved_model.program import example_rows, verify
    from keras_vae.export.saved_model.writer import write_saved_model

    with tempfile.TemporaryDirectory() as folder:
        path = write_saved_model(model, Path(folder, "model"), endpoints)
        loader, _ = verify(model, path, dict(endpoints), example_rows(model, endpoints))
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return f"{loader} answers as Keras does", size


def try_torch(model: LatentModel, endpoints: Mapping[str, Any]) -> tuple[str, int]:
    """Write .pt2 files and run them; return a note and their bytes."""
    from keras_vae.export.torch_files import files
    from keras_vae.export.writers import export

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"model{files.SUFFIX}" if len(endpoints) == 1 else "model")
        found = files.read(export(model, path, "torch", list(endpoints)))
    errors = [
        error["relative"]
        for file in found.values()
        for outputs in file.about["verification"]["differences"].values()
        for error in outputs.values()
    ]
    return _describe_relative(max(errors)), sum(len(file.content) for file in found.values())


def try_litert(
    name: Format, model: LatentModel, folder: str, endpoints: Mapping[str, Any], batch_size: int
) -> tuple[str, int]:
    """Convert a SavedModel to .tflite and run it; return a note and its size in bytes."""
    from keras_vae.export.calibration import endpoint_rows, generate_examples
    from keras_vae.export.litert.writer import Options, best_content

    exact = name == "float32"
    wanted = Options(None if exact else name, batch_size, min_psnr=None if exact else -math.inf)
    rows = endpoint_rows(model, endpoints, generate_examples(model))
    content, found = best_content(model, folder, endpoints, rows, wanted)
    return _describe_worst(found, wanted.quantize), len(content)


def _litert_verdicts(
    names: Sequence[Format],
    model: LatentModel,
    endpoints: Mapping[str, Any],
    batch_size: int,
) -> Iterator[Verdict]:
    from keras_vae.export.endpoints import float32_policy, write_archive

    with tempfile.TemporaryDirectory() as folder:
        with float32_policy(model):
            try:
                write_archive(endpoints, folder, batch_size, keep_nan=False)
            except Exception as error:  # A layer may raise anything while it is traced.
                yield from (Verdict(name, False, _first_line(error)) for name in names)
                return
        for name in names:
            yield _litert_verdict(name, model, folder, endpoints, batch_size)


def _onnx_verdicts(
    names: Sequence[Format], model: LatentModel, endpoints: Mapping[str, Any]
) -> Iterator[Verdict]:
    from keras_vae.export.onnx_files.conversion import convert_all

    try:
        converted = convert_all(model, endpoints, None, keep_nan=False)
    except Exception as error:  # A layer may raise anything while it is traced.
        yield from (Verdict(name, False, _first_line(error)) for name in names)
        return
    for name in names:
        attempt = functools.partial(try_onnx, name, model, endpoints, converted)
        yield _verdict(name, attempt)


def try_onnx(
    name: Format,
    model: LatentModel,
    endpoints: Mapping[str, Any],
    converted: Mapping[str, Any],
) -> tuple[str, int]:
    """Quantize ONNX files, or make OpenVINO files, and run them; return a note and their bytes."""
    from keras_vae.export.calibration import endpoint_rows, generate_examples
    from keras_vae.export.onnx_files import writer
    from keras_vae.export.onnx_files.building import best_files
    from keras_vae.export.openvino_files import writer as openvino

    form, quantize = openvino.FORM if name == "openvino" else writer.FORM, ONNX.get(name)
    lowest = None if quantize is None else -math.inf
    rows = endpoint_rows(model, endpoints, generate_examples(model))
    found, differences = best_files(model, endpoints, converted, rows, quantize, None, lowest, form)
    return _describe_worst(differences, quantize), sum(map(form.size, found.values()))


def _litert_verdict(
    name: Format, model: LatentModel, folder: str, endpoints: Mapping[str, Any], batch_size: int
) -> Verdict:
    """Return the verdict on all endpoints together.

    If they do not export together, the note names those that export alone. This is not tried for
    int8: each attempt starts a process, and the error names the layer anyway.
    """

    def alone(endpoint: str) -> bool:
        part = {endpoint: endpoints[endpoint]}
        return _verdict(name, lambda: try_litert(name, model, folder, part, batch_size)).exports

    verdict = _verdict(name, lambda: try_litert(name, model, folder, endpoints, batch_size))
    if verdict.exports or len(endpoints) == 1 or name == "int8":
        return verdict
    good = [endpoint for endpoint in endpoints if alone(endpoint)]
    note = f"{verdict.note} (--endpoints {' '.join(good)} works.)" if good else verdict.note
    return Verdict(name, False, note)


def _verdict(name: Format, attempt: Callable[[], tuple[str, int]]) -> Verdict:
    from keras_vae.export.verification.measurement import progress

    try:
        with progress(NAMES[name]):
            return Verdict(name, True, *attempt())
    except Exception as error:  # Any error of a layer or the converter is reported.
        return Verdict(name, False, _first_line(error))


def _describe_worst(found: Mapping[str, Mapping[str, Any]], quantize: str | None) -> str:
    """Describe the output with the smallest margin to its tolerance."""
    from keras_vae.export.verification.tolerances import (
        describe_difference,
        describe_tolerance,
        differences_by_name,
        margin,
    )

    named = differences_by_name(found)
    if quantize is None:
        worst = max(difference.relative for difference in named.values())
        return _describe_relative(worst)
    spare, name = min((margin(name, one, quantize), name) for name, one in named.items())
    text = f"at worst {describe_difference(named[name], quantize)}, in {name}"
    if spare >= 0:
        return text
    needed = describe_tolerance(name, named[name], quantize)
    return f"{text}; {needed} is needed, which depends on the weights"


def _describe_relative(error: float) -> str:
    return f"answers as Keras does, relative error {error:.1e}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:600]
