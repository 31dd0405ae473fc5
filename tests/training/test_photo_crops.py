"""Crops of photographs: their pixels, and parts that have no pixel in common."""

import numpy as np
from sklearn.datasets import load_sample_images

from keras_vae.training.data.loading import load


def test_crops_are_parts_of_the_photographs_and_test_crops_of_other_pixels():
    data = load("photo_crops")
    assert data.train.shape == (9900, 32, 32, 3) and data.test.shape == (2904, 32, 32, 3)
    assert data.train.dtype == np.uint8
    palace, flower = load_sample_images().images
    # A photograph has 66 rows of 75 training crops and of 22 test crops, 6 pixels apart.
    np.testing.assert_array_equal(data.train[75 + 2], palace[6:38, 12:44])
    np.testing.assert_array_equal(data.train[4950 + 74], flower[:32, 444:476])
    np.testing.assert_array_equal(data.test[1], palace[:32, 486:518])
    np.testing.assert_array_equal(data.test[-1], flower[390:422, 606:638])
    assert np.bincount(data.train_labels).tolist() == [4950, 4950]
    assert np.bincount(data.test_labels).tolist() == [1452, 1452]
    assert data.label_names == ("palace", "flower")
