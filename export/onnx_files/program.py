"""The program that writes a trained model as ONNX files and reports their errors."""

import time
from pathlib import Path
from typing import Annotated, Literal

import tyro

from keras_vae import cli, options
from keras_vae.export import tflite
from keras_vae.export.formats import check_suffix
from keras_vae.files import outputs
from keras_vae.training.runs import run_directory
from keras_vae.training.tables import table


def export_onnx(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")],
    endpoints: tuple[str, ...] = (),
    quantize: Literal["float32", "dynamic", "int8"] = "float32",
    batch_size: int | None = None,
    min_psnr: float | None = None,
    data: str | None = None,
) -> int:
    """Write a trained model as ONNX files, for ONNX Runtime, OpenVINO, and browsers.

    One endpoint is a file. Several are a folder with a file for each. They are compared with the
    Keras model on training data before they are put in place. Their metadata hold shapes, ranges
    and errors: keras_vae.export.onnx_files.metadata.read_metadata(FILE).

    Args:
        run: A run directory of keras-vae train, or a .keras file together with --data.
        path: The new file or folder.
        endpoints: Endpoints to write, for example decode; all by default.
        quantize: float32; dynamic: int8 weights (a quarter of the size); int8: also int8
            arithmetic, calibrated on training images.
        batch_size: Rows in a batch of the files; any number by default.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB; 50, 40 by default.
            Outputs that depend on the encoder may be 10 dB lower.
        data: A data set for calibration and comparison; that of the run by default.

    Returns:
        0.
    """
    options.at_least(1, batch_size=batch_size)
    opened = run_directory.open_run(run)
    outputs.check_new(path, "file or folder")
    outputs.check_folder(path.parent)
    check_suffix(path, "onnx")
    cli.prepare_tensorflow()
    model = opened.model()
    tflite.refuse_untrained(model)
    images = tflite.calibration_data(opened, data, needed=quantize == "int8")
    print(tflite.plan(quantize, images), flush=True)
    began = time.perf_counter()
    model.export(
        path,
        format="onnx",
        endpoints=endpoints or None,
        quantize=None if quantize == "float32" else quantize,
        calibration=None if images is None else tflite.calibration_examples(images),
        batch_size=batch_size,
        min_psnr=min_psnr,
        labels=None if images is None else images.label_names,
    )
    print(report(path, time.perf_counter() - began), end="")
    return 0


def report(path: Path, seconds: float) -> str:
    """Return the sizes of the files of an export and a table of their errors."""
    from keras_vae.export.onnx_files import files
    from keras_vae.export.onnx_files.metadata import read_metadata

    found = files.paths(path)
    abouts = [read_metadata(file) for file in found]
    about, sizes = abouts[0], [file.stat().st_size for file in found]
    batch = about["batch_size"] or "any number"
    lines = [
        f"Wrote {path}: {len(found)} file(s), {sum(sizes):,} bytes, {about['model']['class']}, "
        f"{about['quantization'] or 'float32'}, batch of {batch}, opset {about['opset']}, in "
        f"{seconds:.1f} s",
        f"Errors against Keras, on {about['verification']['on']}:",
        table(tflite.COLUMNS, [row for one in abouts for row in tflite.error_rows(one)]),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    cli.main(export_onnx)
