"""The program that writes a trained model as .pt2 files and reports their errors."""

from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.export.onnx_files.program import write_files


def export_torch(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PATH")],
    endpoints: tuple[str, ...] = (),
    batch_size: int | None = None,
    min_psnr: float | None = None,
    data: str | None = None,
) -> int:
    """Write a trained model as .pt2 files, which run in PyTorch without Keras.

    One endpoint is a file. Several are a folder with a file for each. They are made in a process
    with the PyTorch backend, and compared with the Keras model on training data before they are
    put in place. Their metadata hold shapes, ranges and errors:
    keras_vae.export.torch_files.files.read_metadata(FILE).

    Args:
        run: A run directory of keras-vae train, or a .keras file together with --data.
        path: The new file or folder.
        endpoints: Endpoints to write, for example decode; all by default.
        batch_size: Rows in a batch of the files; any number by default.
        min_psnr: Smallest PSNR of decoded codes against the model, in dB, in place of a relative
            error of 1e-5.
        data: A data set for the comparison and the statistics of codes; that of the run by default.

    Returns:
        0.
    """
    return write_files("torch", run, path, endpoints, batch_size, min_psnr, data)


if __name__ == "__main__":
    cli.main(export_torch)
