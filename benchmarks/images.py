"""Images for benchmarks: Fashion-MNIST if it is installed, otherwise noise of the same cost."""

from pathlib import Path

import numpy as np

from benchmarks.network import IMAGE_SHAPE


def write(path: Path, count: int) -> str:
    """Write `count` images as bytes to a .npy file and return their description."""
    from keras_vae.training.data.loading import load
    from keras_vae.training.data.sources.fashion_mnist import FASHION_MNIST_FOLDER

    if FASHION_MNIST_FOLDER.is_dir():
        np.save(path, load("fashion_mnist").train[:count])
        return "Fashion-MNIST"
    noise = np.random.default_rng(0).integers(0, 256, (count, *IMAGE_SHAPE), dtype=np.uint8)
    np.save(path, noise)
    return "noise"
