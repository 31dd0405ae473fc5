"""Rate and distortion of a trained model on the test images, from real files."""

from typing import Annotated, Any

import tyro

from keras_vae import cli
from keras_vae.training.runs import run_directory
from keras_vae.typing import LatentModel


def measure(
    run: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    data: str | None = None,
    step: float | None = None,
) -> int:
    """Compress the test images into one file in memory, restore them, and print the cost.

    Bits count the whole file, with tables and checksum. The PSNR comes from the mean squared error
    over all images, restored to 8 bits, with a range of 1.

    Args:
        run: A run directory of keras-vae train, or a .keras file with --data.
        data: A data set instead of the run's own.
        step: The step to which real-valued codes are rounded; not for models with integer codes.

    Returns:
        0.
    """
    opened = run_directory.open_run(run)
    cli.prepare_tensorflow()
    images = opened.data(data).test
    for name, value in rate_and_distortion(opened.model(), images, step).items():
        print(f"{name:<24} {value:,.4f}" if isinstance(value, float) else f"{name:<24} {value:,}")
    return 0


def rate_and_distortion(
    model: LatentModel, images: Any, step: float | None = None
) -> dict[str, Any]:
    """Return bytes, bits per pixel and PSNR of uint8 images `(count, height, width, channels)`."""
    import numpy as np

    from keras_vae import compression, metrics
    from keras_vae.training.data.loading import as_floats

    x = as_floats(images)
    blob = compression.compress(model, x, step)
    again = np.rint(255 * np.clip(compression.decompress(model, blob), 0, 1)) / 255
    single = len(compression.compress(model, x[:1], step, compression.fit_tables(model, x, step)))
    return {
        "images": len(images),
        "bytes": len(blob),
        "bits a pixel": 8 * len(blob) / int(np.prod(images.shape[:3])),
        "PSNR of mean error, dB": float(metrics.psnr_of_mean_error(x, again)),
        "one image alone, bytes": single,
    }


if __name__ == "__main__":
    cli.main(measure)
