"""The program that says before a training whether a model will export."""

import functools
import inspect
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.presets import places
from keras_vae.training import recipes
from keras_vae.training.runs import run_directory
from keras_vae.typing import LatentModel

OnnxFormat = Literal["onnx", "onnx_dynamic", "onnx_int8", "openvino"]
Format = Literal["saved_model", "float32", "float16", "dynamic", "int8", OnnxFormat]
LITERT: tuple[Format, ...] = ("float32", "float16", "dynamic", "int8")
ONNX: dict[Format, str | None] = {"onnx": None, "onnx_dynamic": "dynamic", "onnx_int8": "int8"}
NAMES = {
    "saved_model": "SavedModel",
    **{name: f"LiteRT {name}" for name in LITERT},
    **{name: f"ONNX {quantize or 'float32'}" for name, quantize in ONNX.items()},
    "openvino": "OpenVINO",
}
NEEDED: tuple[Format, ...] = ("saved_model", "float32")


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


def check(
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE_OR_MODEL")],
    endpoints: tuple[str, ...] = (),
    formats: tuple[Format, ...] = tuple(NAMES),
    needs: tuple[Format, ...] | None = None,
    batch_size: int = 1,
    image_shape: tuple[int, int, int] | None = None,
) -> int:
    """Check, before training, which formats a model can be exported to, and what to change if not.

    Exports the model to every format, into a temporary folder, and runs the results. The SavedModel
    runs in TensorFlow's C++ loader, the other files in LiteRT, ONNX Runtime and OpenVINO. This
    takes one to four minutes.
    Errors of quantized files depend on the weights: for a recipe, whose model is untrained, they
    are an estimate.

    Args:
        model: The name of a recipe, the path of a .py recipe, a run directory, a preset or a .keras
            file.
        endpoints: Endpoints to export, for example decode; all by default.
        formats: Formats to try; all by default.
        needs: Formats without which the check fails; saved_model and float32 by default, of those
            that are tried.
        batch_size: Batch size of the .tflite files; those of ONNX and OpenVINO take any.
        image_shape: Height, width and channels for a recipe; those of the recipe by default.

    Returns:
        0 if all formats in --needs work, otherwise 1.
    """
    options.at_least(1, batch_size=batch_size)
    wanted = [name for name in NEEDED if name in formats] if needs is None else needs
    if untried := [name for name in wanted if name not in formats]:
        raise UsageError(
            f"Expected --needs among --formats, {', '.join(formats)}. Received: "
            f"{', '.join(untried)}."
        )
    path = Path(model)
    is_preset = model not in recipes.names() and places.is_known(model)
    is_trained = path.suffix == ".keras" or path.is_dir() or is_preset
    opened = run_directory.open_run(model) if is_trained else None
    options.only_with("a recipe", opened is None, image_shape=image_shape)
    recipe = recipes.find(model) if opened is None else None
    cli.prepare_tensorflow()
    from keras_vae.base.parameters import count_parameters

    built = opened.model() if opened is not None else build_from_recipe(recipe, image_shape)
    chosen = load_endpoints(built, endpoints)
    size = count_parameters(built)
    print(f"{model}: {type(built).__name__}, {size:,} parameters, {', '.join(chosen)}", flush=True)
    print(f"Exports it to {len(formats)} format(s) and runs each.", flush=True)
    missing = []
    for verdict in verdicts(built, chosen, batch_size, formats):
        print(verdict, flush=True)
        if verdict.format in wanted and not verdict.exports:
            missing.append(NAMES[verdict.format])
    print(f"Will not export to {', '.join(missing)}." if missing else "Will export.")
    return 1 if missing else 0


def build_from_recipe(recipe: Any, image_shape: tuple[int, int, int] | None = None) -> Any:
    """Return the untrained model of a recipe.

    Raises:
        ValueError: If the recipe takes no `image_shape` and one is given.
    """
    if image_shape is not None and "image_shape" not in inspect.signature(recipe).parameters:
        raise UsageError(
            "Expected a recipe with an argument image_shape for --image-shape. Received: one with "
            f"{', '.join(inspect.signature(recipe).parameters) or 'none'}. (Leave it out.)"
        )
    return recipe(**({} if image_shape is None else {"image_shape": image_shape})).model


def load_endpoints(model: LatentModel, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the endpoints with these names."""
    from keras_vae.export.endpoints import choose_endpoints

    return choose_endpoints(model, names or None)


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


def try_saved_model(model: LatentModel, endpoints: Mapping[str, Any]) -> tuple[str, int]:
    """Write and run a SavedModel; return a note and its size in bytes."""
    from keras_vae.export.saved_model.program import example_rows, verify
    from keras_vae.export.saved_model.writer import write_saved_model

    with tempfile.TemporaryDirectory() as folder:
        path = write_saved_model(model, Path(folder, "model"), endpoints)
        loader, _ = verify(model, path, dict(endpoints), example_rows(model, endpoints))
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return f"{loader} answers as Keras does", size


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
        return f"answers as Keras does, relative error {worst:.1e}"
    spare, name = min((margin(name, one, quantize), name) for name, one in named.items())
    text = f"at worst {describe_difference(named[name], quantize)}, in {name}"
    if spare >= 0:
        return text
    needed = describe_tolerance(name, named[name], quantize)
    return f"{text}; {needed} is needed, which depends on the weights"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:600]


if __name__ == "__main__":
    cli.main(check)
