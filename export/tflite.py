"""Write a trained model as a .tflite file, and say how near to the model it is."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from training import cli, runs

# Plenty to calibrate on, and for the statistics of codes in the metadata.
CALIBRATION_EXAMPLES = 1024


def export_tflite(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    endpoints: tuple[str, ...] = (),
    quantize: Literal["float32", "float16", "dynamic", "int8"] = "float32",
    io: Literal["float32", "int8"] = "float32",
    batch_size: int = 1,
    min_psnr: float | None = None,
    data: str | None = None,
) -> int:
    """Write a trained model as a .tflite file for LiteRT, on phones, boards and in browsers.

    The file has one signature for each endpoint, a fixed batch and builtin ops only. It is
    compared with the Keras model on training data before it gets its name, and knows its shapes,
    ranges and errors: keras_vae.exporting.litert.read_metadata(FILE).

    Args:
        run: A run directory of training.train, or a .keras file, whose data --data names.
        file: The new file.
        endpoints: What to write, for instance decode; everything by default.
        quantize: float32; float16 weights, half the size; dynamic, int8 weights, a quarter;
            int8, also int8 arithmetic, calibrated on training images.
        io: With int8 arithmetic, the type of inputs and outputs.
        batch_size: How many rows the file takes at once.
        min_psnr: Least PSNR of decoded codes against the model, in dB; 80, 50, 40 by default.
            What encodes, alone or first, may be 10 dB less.
        data: A data set instead of the run's own, to calibrate and compare on.

    Returns:
        0.
    """
    opened = runs.open_run(run)
    refuse_existing(file)
    cli.prepare_tensorflow()
    model = opened.model()
    refuse_untrained(model)
    images = calibration_data(opened, data, needed=quantize == "int8")
    print(_plan(quantize, images), flush=True)
    began = time.perf_counter()
    model.export(
        file,
        format="litert",
        endpoints=endpoints or None,
        quantize=None if quantize == "float32" else quantize,
        calibration=None if images is None else pixels(images),
        io=io,
        batch_size=batch_size,
        min_psnr=min_psnr,
        labels=None if images is None else images.label_names,
    )
    print(report(file, time.perf_counter() - began), end="")
    return 0


def calibration_data(run: Any, name: str | None, needed: bool) -> Any:
    """The data of a run; None for a lone model without --data, if they are not `needed`."""
    if name is None and not run.config and not needed:
        return None
    return run.data(name)


def pixels(data: Any) -> Any:
    """Training examples from all over the data set, `(n, *event_shape)`, float32."""
    from keras_vae.exporting.calibration import evenly
    from training.data import as_floats

    return as_floats(evenly(data.train, CALIBRATION_EXAMPLES))


def refuse_existing(path: Path) -> None:
    """Raise FileExistsError at once, not after minutes."""
    if path.exists():
        raise FileExistsError(
            f"Expected a new file. Received: {path}, which exists. (Nothing was changed.)"
        )


def refuse_untrained(model: Any) -> None:
    """Raise ValueError if the model never took a training step."""
    if model.built and int(model.steps) == 0:
        raise ValueError(
            f"Expected a trained model. Received: {type(model).__name__} {model.name!r}, which "
            "never took a training step. (Train it first, or call model.export in Python.)"
        )


def report(file: Path, seconds: float | None = None) -> str:
    """Size of a .tflite and its errors, as a table that reads well in a terminal too."""
    from keras_vae.exporting.litert import read_metadata

    about = read_metadata(file)
    took = "" if seconds is None else f", in {seconds:.1f} s"
    lines = [
        f"Wrote {file}: {file.stat().st_size:,} bytes, {about['model']['class']}, "
        f"{about['quantization'] or 'float32'}, batch of {about['batch_size']}{took}",
        f"Errors against Keras, on {about['verification']['on']}:",
        f"| {'output':<36} | {'PSNR, dB':>8} | {'largest error':>13} | {'mean error':>10} |",
        f"|{'-' * 38}|{'-' * 9}:|{'-' * 14}:|{'-' * 11}:|",
    ]
    for endpoint, outputs in about["verification"]["differences"].items():
        for name, error in outputs.items():
            lines.append(
                f"| {f'{endpoint}: {name}':<36} | {error['psnr']:8.1f} | "
                f"{error['largest']:13.2g} | {error['mean']:10.2g} |"
            )
    return "\n".join(lines) + "\n"


def _plan(quantize: str, images: Any) -> str:
    """The line that says what takes the time."""
    source = "generated inputs" if images is None else f"training images of {images.name}"
    isolated = ", in a process of its own" if quantize == "int8" else ""
    return f"Converting to {quantize}{isolated}; comparing with the model on {source} ..."


if __name__ == "__main__":
    cli.main(export_tflite)
