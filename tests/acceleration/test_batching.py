"""`map_batches`: batches of one size, and as many rows out as in."""

import keras
import numpy as np
import pytest

from keras_vae.acceleration.batching import map_batches, pad_rows, padded_batches

X = np.arange(14.0, dtype="float32").reshape(7, 2)


@pytest.mark.parametrize("size", [1, 3, 7, 10])
def test_every_batch_has_the_same_size_and_every_row_comes_back_once(size):
    sizes = []

    def double(x):
        sizes.append(len(x))
        return keras.ops.convert_to_tensor(2.0 * x)

    np.testing.assert_array_equal(map_batches(double, X, size), 2.0 * X)
    assert set(sizes) == {size}


def test_inputs_and_outputs_may_have_any_structure():
    found = map_batches(lambda xs: {"sum": xs[0] + xs[1], "pair": (xs[0], xs[1])}, [X, -X], 3)
    np.testing.assert_array_equal(found["sum"], np.zeros_like(X))
    np.testing.assert_array_equal(found["pair"][1], -X)


def test_missing_rows_are_copies_of_the_first():
    np.testing.assert_array_equal(pad_rows(X[:2], 4), X[[0, 1, 0, 0]])
    assert [rows for _, rows in padded_batches(X, 4)] == [range(4), range(4, 7)]


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one example"):
        map_batches(lambda x: x, X[:0], 3)
