"""Crops of the two photographs of scikit-learn, in colour, which need no download."""

import numpy as np

from keras_vae.training.data.sources.base import Data

SIZE = 32
STRIDE = 6
# Columns of a photograph, which has 640, from which training crops come; test crops have the rest.
TRAINING_COLUMNS = 480


def read_photo_crops() -> Data:
    """Read crops of 32x32x3, 9,900 for training and 2,904 for testing.

    They overlap within a part, and training and test crops have no pixel in common. The label says
    which photograph a crop is from. Source: `sklearn.datasets.load_sample_images`, photographs of
    a palace by danielbuechele and of a flower by vultilion, CC BY 2.0.

    Returns:
        The crops, with labels.
    """
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    train = [_crops(each[:, :TRAINING_COLUMNS]) for each in photographs]
    test = [_crops(each[:, TRAINING_COLUMNS:]) for each in photographs]
    return Data(
        "photo_crops",
        np.concatenate(train),
        np.concatenate(test),
        np.repeat(np.arange(2), [len(each) for each in train]),
        np.repeat(np.arange(2), [len(each) for each in test]),
        ("palace", "flower"),
    )


def _crops(image: np.ndarray) -> np.ndarray:
    """Return crops `(count, SIZE, SIZE, 3)` at each STRIDE pixels, row by row."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (SIZE, SIZE), axis=(0, 1))
    chosen = np.moveaxis(windows[::STRIDE, ::STRIDE], 2, -1)
    return np.ascontiguousarray(chosen.reshape(-1, SIZE, SIZE, image.shape[2]))
