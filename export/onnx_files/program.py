"""The program that writes a trained model as ONNX files and reports their errors."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

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
            arithmetic, calibrated on training examples.
        batch_size: Rows in a batch of the files; any number by default.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB; 50, 40 by default.
            Outputs that depend on the encoder may be 10 dB lower.
        data: A data set for calibration and comparison; that of the run by default.

    Returns:
        0.
    """
    return write_files("onnx", run, path, endpoints, batch_size, min_psnr, data, quantize)


def write_files(
    format: str,
    run: str,
    path: Path,
    endpoints: tuple[str, ...],
    batch_size: int | None,
    min_psnr: float | None,
    data: str | None,
    quantize: str | None = None,
) -> int:
    """Write a trained model in a format of a file for each endpoint; see `export_onnx`.

    Args:
        format: "onnx", "openvino" or "torch".
        run: As in `export_onnx`.
        path: As in `export_onnx`.
        endpoints: As in `export_onnx`.
        batch_size: As in `export_onnx`.
        min_psnr: As in `export_onnx`.
        data: As in `export_onnx`.
        quantize: As in `export_onnx`; None for a format that has float32 alone.

    Returns:
        0.
    """
    options.at_least(1, batch_size=batch_size)
    opened = run_directory.open_run(run)
    outputs.check_new(path, "file or folder")
    outputs.check_folder(path.parent)
    check_suffix(path, format)
    cli.prepare_tensorflow()
    model = opened.model()
    tflite.refuse_untrained(model)
    images = tflite.calibration_data(opened, data, needed=quantize == "int8")
    print(tflite.plan(quantize or "float32", images), flush=True)
    quantized = {} if quantize in (None, "float32") else {"quantize": quantize}
    began = time.perf_counter()
    model.export(
        path,
        format=format,
        endpoints=endpoints or None,
        **quantized,
        calibration=None if images is None else tflite.calibration_examples(images),
        batch_size=batch_size,
        min_psnr=min_psnr,
        labels=None if images is None else images.label_names,
    )
    print(report(path, format, time.perf_counter() - began), end="")
    return 0


def report(path: Path, format: str, seconds: float) -> str:
    """Return the sizes of the files of an export and a table of their errors."""
    abouts, sizes = _read(path, format)
    about = abouts[0]
    batch = about["batch_size"] or "any number"
    opset = f", opset {about['opset']}" if "opset" in about else ""
    lines = [
        f"Wrote {path}: {len(sizes)} file(s), {sum(sizes):,} bytes, {about['model']['class']}, "
        f"{about['quantization'] or 'float32'}, batch of {batch}{opset}, in {seconds:.1f} s",
        f"Errors against Keras, on {about['verification']['on']}:",
        table(tflite.COLUMNS, [row for one in abouts for row in tflite.error_rows(one)]),
    ]
    return "\n".join(lines) + "\n"


def _read(path: Path, format: str) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the metadata and the bytes of the files of an export."""
    from keras_vae.export import endpoint_files
    from keras_vae.export.onnx_files import files
    from keras_vae.export.onnx_files.metadata import read_metadata
    from keras_vae.export.openvino_files import files as openvino
    from keras_vae.export.torch_files import files as torch

    if format == "torch":
        programs = torch.read(path).values()
        return [one.about for one in programs], [len(one.content) for one in programs]
    if format == "openvino":
        read = openvino.read(path).values()
        sizes = [len(part) for one in read for part in (one.content.xml, one.content.weights)]
        return [one.about for one in read], sizes
    found = endpoint_files.paths(path, files.SUFFIX)
    return [read_metadata(file) for file in found], [file.stat().st_size for file in found]


if __name__ == "__main__":
    cli.main(export_onnx)
