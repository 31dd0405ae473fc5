"""Images to measure with: Fashion-MNIST where it is, else noise, which costs the same."""

from pathlib import Path

import numpy as np

from training.benchmark.network import IMAGE_SHAPE


def write(path: Path, count: int) -> str:
    """Write `count` images as bytes to a .npy; says what they are."""
    from training.data import FASHION_MNIST_FOLDER, load

    if FASHION_MNIST_FOLDER.is_dir():
        np.save(path, load("fashion_mnist").train[:count])
        return "Fashion-MNIST"
    noise = np.random.default_rng(0).integers(0, 256, (count, *IMAGE_SHAPE), dtype=np.uint8)
    np.save(path, noise)
    return "noise"
