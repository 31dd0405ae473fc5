"""The handwritten digits of scikit-learn, which need no download."""

import importlib.util
from pathlib import Path

import numpy as np

from keras_vae.training.data.sources.base import Data

TEST_IMAGES_PER_CLASS = 30


def read_digits() -> Data:
    """Read 1,497 training and 300 test images of 8x8x1.

    The test images are 30 of each digit, evenly spaced over the file, so that every writer is in
    both parts. Values are scaled from 0 to 16 to 0 to 255. Source: UCI "Optical Recognition of
    Handwritten Digits".

    Returns:
        The digits, with labels.
    """
    pixels, labels = _read_pixels()
    return _split("digits", np.rint(pixels * (255 / 16)).astype(np.uint8)[..., np.newaxis], labels)


def read_digit_counts() -> Data:
    """Read the pixels of `read_digits` as they are: rows of 64 counts of dark dots out of 16.

    Returns:
        The same 1,497 training and 300 test digits, float32, with labels.
    """
    pixels, labels = _read_pixels()
    return _split("digit_counts", pixels.reshape(len(pixels), -1).astype(np.float32), labels)


def _split(name: str, images: np.ndarray, labels: np.ndarray) -> Data:
    is_test = np.zeros(len(images), bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        is_test[members[np.linspace(0, len(members) - 1, TEST_IMAGES_PER_CLASS).astype(int)]] = True
    return Data(
        name,
        images[~is_test],
        images[is_test],
        labels[~is_test],
        labels[is_test],
        tuple(map(str, range(10))),
    )


def _read_pixels() -> tuple[np.ndarray, np.ndarray]:
    """Return values from 0 to 16 of shape `(1797, 8, 8)`, and labels.

    The import of scikit-learn takes longer than all else before the first training step. So its
    file is read without it, if it is where it has been since 2010.
    """
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            rows = np.loadtxt(path, delimiter=",")
            return rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target.astype(np.int64)
