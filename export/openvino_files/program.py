"""The program that writes a trained model as OpenVINO files and reports their errors."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from keras_vae import cli
from keras_vae.export.onnx_files.program import write_files


def export_openvino(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")],
    endpoints: tuple[str, ...] = (),
    quantize: Literal["float32", "float16", "dynamic", "int8"] = "float32",
    batch_size: int | None = None,
    min_psnr: float | None = None,
    data: str | None = None,
) -> int:
    """Write a trained model as OpenVINO files, for Intel CPUs, GPUs and NPUs.

    The new folder has an .xml and a .bin file for each endpoint. They are compared with the Keras
    model on training data, on the CPU, before they are put in place. Their metadata hold shapes,
    ranges and errors: keras_vae.export.openvino_files.files.read_metadata(FILE).

    Args:
        run: A run directory of keras-vae train, or a .keras file together with --data.
        path: The new folder.
        endpoints: Endpoints to write, for example decode; all by default.
        quantize: float32; float16 weights (half the size); dynamic: int8 weights (a quarter of the
            size); int8: also int8 arithmetic, calibrated on training examples.
        batch_size: Rows in a batch of the files; any number by default.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB; 80, 50, 40 by default.
            Outputs that depend on the encoder may be 10 dB lower.
        data: A data set for calibration and comparison; that of the run by default.

    Returns:
        0.
    """
    return write_files("openvino", run, path, endpoints, batch_size, min_psnr, data, quantize)


if __name__ == "__main__":
    cli.main(export_openvino)
