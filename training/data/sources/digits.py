"""The handwritten digits of scikit-learn, which need no download."""

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
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int64)
    is_test = np.zeros(len(images), bool)
    for label in range(10):
        members = np.flatnonzero(labels == label)
        is_test[members[np.linspace(0, len(members) - 1, TEST_IMAGES_PER_CLASS).astype(int)]] = True
    return Data(
        "digits",
        images[~is_test],
        images[is_test],
        labels[~is_test],
        labels[is_test],
        tuple(map(str, range(10))),
    )
