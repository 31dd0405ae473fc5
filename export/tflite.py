"""The program that writes a trained model as a .tflite file and reports its errors."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.export.formats import CALIBRATED, check_suffix
from keras_vae.files import outputs
from keras_vae.training.runs import run_directory
from keras_vae.training.tables import Column, table
from keras_vae.typing import LatentModel

# Enough examples for calibration and for the statistics of codes in the metadata.
CALIBRATION_EXAMPLES = 1024
# The table of errors, and the format of each entry of a `Difference` in it.
COLUMNS: tuple[Column, ...] = (
    ("output", "l"),
    ("PSNR, dB", "r"),
    ("largest error", "r"),
    ("mean error", "r"),
)
FORMATS = {"psnr": ".1f", "largest": ".2g", "mean": ".2g"}


def export_tflite(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    endpoints: tuple[str, ...] = (),
    quantize: Literal["float32", "float16", "dynamic", "int8", "int16x8"] = "float32",
    io: Literal["float32", "int8"] = "float32",
    batch_size: int = 1,
    min_psnr: float | None = None,
    data: str | None = None,
) -> int:
    """Write a trained model as a .tflite file for LiteRT, on phones, boards and in browsers.

    The file has one signature for each endpoint, a fixed batch size, and builtin ops only. It is
    compared with the Keras model on training data before it is put in place. Its metadata hold
    shapes, ranges and errors: keras_vae.export.litert.writer.read_metadata(FILE).

    Args:
        run: A run directory of keras-vae train, or a .keras file together with --data.
        file: The new file.
        endpoints: Endpoints to write, for example decode; all by default.
        quantize: float32; float16 weights (half the size); dynamic: int8 weights (a quarter of the
            size); int8: also int8 arithmetic, calibrated on training examples; int16x8: arithmetic
            of 16 bits, for encode, decode and reconstruct alone.
        io: Type of inputs and outputs, with int8 arithmetic.
        batch_size: Rows in a batch of the file.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB; by default 80 (float16),
            50 (dynamic, int16x8) or 40 (int8). Outputs that depend on the encoder may be 10 dB
            lower.
        data: A data set for calibration and comparison; that of the run by default.

    Returns:
        0.
    """
    options.at_least(1, batch_size=batch_size)
    int8 = quantize == "int8"
    options.only_with("--quantize int8", int8, io=None if io == "float32" else io)
    opened = run_directory.open_run(run)
    outputs.check_new(file, "file")
    outputs.check_folder(file.parent)
    check_suffix(file, "litert")
    cli.prepare_tensorflow()
    model = opened.model()
    refuse_untrained(model)
    images = calibration_data(opened, data, needed=quantize in CALIBRATED)
    print(plan(quantize, images), flush=True)
    began = time.perf_counter()
    model.export(
        file,
        format="litert",
        endpoints=endpoints or None,
        quantize=None if quantize == "float32" else quantize,
        calibration=None if images is None else calibration_examples(images),
        io=io,
        batch_size=batch_size,
        min_psnr=min_psnr,
        labels=None if images is None else images.label_names,
    )
    print(report(file, time.perf_counter() - began), end="")
    return 0


def calibration_data(run: Any, name: str | None, needed: bool) -> Any:
    """Return the data of a run; None for a lone model without --data, unless `needed`."""
    if name is None and not run.config and not needed:
        return None
    return run.data(name)


def calibration_examples(data: Any) -> Any:
    """Return training examples from all over the data, `(n, *event_shape)`, float32."""
    from keras_vae.export.calibration import take_evenly
    from keras_vae.training.data.loading import as_floats

    return as_floats(take_evenly(data.train, CALIBRATION_EXAMPLES))


def refuse_untrained(model: LatentModel) -> None:
    """Raise ValueError if the model never took a training step."""
    if model.built and int(model.steps) == 0:
        raise UsageError(
            f"Expected a trained model. Received: {type(model).__name__} {model.name!r}, which "
            "never took a training step. (Train it first, or call model.export in Python.)"
        )


def report(file: Path, seconds: float | None = None) -> str:
    """Return the size of a .tflite and a table of its errors."""
    from keras_vae.export.litert.writer import read_metadata

    about = read_metadata(file)
    took = "" if seconds is None else f", in {seconds:.1f} s"
    lines = [
        f"Wrote {file}: {file.stat().st_size:,} bytes, {about['model']['class']}, "
        f"{about['quantization'] or 'float32'}, batch of {about['batch_size']}{took}",
        f"Errors against Keras, on {about['verification']['on']}:",
        table(COLUMNS, error_rows(about)),
    ]
    return "\n".join(lines) + "\n"


def error_rows(about: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of the table of errors, from the metadata of a file."""
    return [
        (f"{endpoint}: {name}", *(format(error[key], form) for key, form in FORMATS.items()))
        for endpoint, outputs in about["verification"]["differences"].items()
        for name, error in outputs.items()
    ]


def plan(quantize: str, images: Any) -> str:
    """Return a line on the work to come."""
    source = "generated inputs" if images is None else f"training {images.kind} of {images.name}"
    isolated = ", in a process of its own" if quantize in CALIBRATED else ""
    return f"Converting to {quantize}{isolated}; comparing with the model on {source} ..."


if __name__ == "__main__":
    cli.main(export_tflite)
