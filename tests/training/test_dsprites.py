"""The regenerated dSprites: their statistics, their factors, and a few pictures by hand."""

import numpy as np
import pytest

from keras_vae.training.data import dsprites
from keras_vae.training.data.dsprites import COUNT, SIZES, render


def picture(*factors):
    """One picture, `(64, 64)`, of booleans."""
    return render(np.asarray([factors]))[0, :, :, 0] > 0


@pytest.fixture(scope="module")
def grid():
    """All shapes, scales and every second orientation, at 4 x 4 places; and their factors."""
    ranges = [range(3), range(6), range(0, 40, 2), range(0, 32, 9), range(0, 32, 9)]
    factors = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 5)
    return factors, render(factors)


def test_the_mean_of_each_shape_is_that_of_the_specification(grid):
    factors, images = grid
    means = [images[factors[:, 0] == shape].mean() / 255 for shape in range(3)]
    np.testing.assert_allclose(means, [0.05326, 0.04182, 0.03256], atol=2e-4)
    assert np.mean(means) == pytest.approx(0.042547, abs=1e-4)


def test_pictures_are_binary_bytes_with_a_channel(grid):
    _, images = grid
    assert images.shape[1:] == (64, 64, 1) and images.dtype == np.uint8
    assert set(np.unique(images)) == {0, 255}


def test_pictures_that_are_drawn_together_are_those_that_are_drawn_alone(grid):
    factors, images = grid
    for row in (0, 1234, len(factors) - 1):
        np.testing.assert_array_equal(render(factors[row : row + 1])[0], images[row])


def test_the_square_at_full_scale_is_nineteen_pixels_wide():
    # Its center is at 16, its half side 9.6: pixel centers from 6.5 to 25.5 are inside.
    expected = np.zeros((64, 64), bool)
    expected[7:26, 7:26] = True
    expected[6, 6:26] = expected[6:26, 6] = True
    np.testing.assert_array_equal(picture(0, 5, 0, 0, 0), expected)


def test_the_ellipse_lies_flat_and_stands_after_a_quarter_turn():
    flat, quarter = picture(1, 5, 0, 0, 0), picture(1, 5, 10, 0, 0)
    assert np.ptp(np.flatnonzero(flat.any(axis=0))) > np.ptp(np.flatnonzero(flat.any(axis=1)))
    # 10 of 39 steps are 92 degrees.
    assert np.ptp(np.flatnonzero(quarter.any(axis=0))) < np.ptp(np.flatnonzero(quarter.any(axis=1)))
    area = np.pi * 12.8 * 7.2
    assert flat.sum() == pytest.approx(area, rel=0.02)


def test_the_heart_stands_on_its_tip_and_is_symmetric():
    heart = picture(2, 5, 0, 0, 0)
    rows = np.flatnonzero(heart.any(axis=1))
    assert heart[rows[-1]].sum() <= 2 < heart[rows[4]].sum()
    assert not heart[rows[0], 16] and heart[rows[0] + 6, 16]  # The notch on top.
    np.testing.assert_array_equal(heart[:, :32], heart[:, :32][:, ::-1])


def test_pictures_turn_against_the_clock():
    rows, columns = np.nonzero(picture(1, 5, 5, 16, 16))
    # After 46 degrees the flat ellipse leads from the lower left to the upper right.
    assert np.corrcoef(rows, columns)[0, 1] < -0.4
    # After 92 degrees the heart's tip, which is down at first, is on the right.
    heart = np.flatnonzero(picture(2, 5, 10, 16, 16).any(axis=0))
    thickness = picture(2, 5, 10, 16, 16).sum(axis=0)[heart]
    assert thickness[-2] < thickness[1]


def test_the_first_and_the_last_orientation_coincide():
    for shape in range(3):
        np.testing.assert_array_equal(picture(shape, 3, 0, 5, 7), picture(shape, 3, 39, 5, 7))


def test_x_moves_right_and_y_moves_down():
    def center(x, y):
        return np.argwhere(picture(1, 0, 0, x, y)).mean(axis=0)

    assert center(31, 0)[1] - center(0, 0)[1] == pytest.approx(32, abs=0.5)
    assert center(0, 31)[0] - center(0, 0)[0] == pytest.approx(32, abs=0.5)
    assert center(31, 0)[0] == pytest.approx(center(0, 0)[0])


def test_no_shape_is_cut_at_the_border_of_its_window(grid):
    factors, _ = grid
    largest = factors[factors[:, 1] == 5]
    for row in largest[::7]:
        ys, xs = np.nonzero(picture(*row))
        assert max(np.ptp(ys), np.ptp(xs)) < dsprites.WINDOW - 2


def test_indices_follow_the_order_of_the_archive():
    assert COUNT == 737_280
    np.testing.assert_array_equal(dsprites.factors_of(np.asarray([1])), [[0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(dsprites.factors_of(np.asarray([1024])), [[0, 0, 1, 0, 0]])
    indices = np.asarray([0, 5, 99_999, COUNT - 1])
    np.testing.assert_array_equal(dsprites.indices_of(dsprites.factors_of(indices)), indices)


def test_a_part_of_the_archive_has_labels_and_no_picture_twice():
    data = dsprites.read_dsprites(train=200, test=50, seed=0)
    assert data.train.shape == (200, 64, 64, 1) and data.test.shape == (50, 64, 64, 1)
    assert data.label_names == ("square", "ellipse", "heart")
    np.testing.assert_array_equal(data.train, dsprites.read_dsprites(200, 50, 0).train)
    squares = data.train[data.train_labels == 0].mean() / 255
    hearts = data.train[data.train_labels == 2].mean() / 255
    assert squares > hearts


@pytest.mark.parametrize(
    "factors",
    [
        np.zeros((1, 6), int),
        np.zeros((1, 5)),
        np.asarray([[3, 0, 0, 0, 0]]),
        np.asarray([[0, 0, -1, 0, 0]]),
    ],
)
def test_factors_that_are_none_are_refused(factors):
    with pytest.raises(ValueError, match=rf"from 0 to below \({SIZES[0]}, "):
        render(factors)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="737,280 at most"):
        dsprites.read_dsprites(COUNT, 1)
