"""Corruptions corrupt as often as they say, in training only, and come back from a file."""

import keras
import numpy as np
import pytest

from keras_vae import layers

CORRUPTIONS = [
    layers.MaskingNoise(0.3, seed=1),
    layers.SaltAndPepperNoise(0.4, seed=1),
    layers.RectangleOcclusion(3, 5, fill=0.5, seed=1),
    layers.HalfOcclusion(fill=0.5, seed=1),
    layers.PatchOcclusion(1, 0.3, fill=0.5, seed=1),
]
every_corruption = pytest.mark.parametrize(
    "layer", CORRUPTIONS, ids=[type(layer).__name__ for layer in CORRUPTIONS]
)


def to_numpy(x):
    return keras.ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def images():
    """Pixels strictly between 0 and 1, so that what is corrupted can be told."""
    return np.random.default_rng(0).uniform(0.1, 0.4, (500, 9, 11, 2)).astype("float32")


def within_3_errors(observed, rate, count):
    return abs(observed - rate) < 3 * np.sqrt(rate * (1 - rate) / count)


def again(layer):
    """A layer like this one, whose generator starts anew."""
    return type(layer).from_config(layer.get_config())


def test_masking_sets_the_given_share_to_zero_and_leaves_the_rest(images):
    out = to_numpy(layers.MaskingNoise(0.3, seed=2)(images, training=True))
    assert within_3_errors(np.mean(out == 0), 0.3, images.size)
    np.testing.assert_array_equal(out[out != 0], images[out != 0])


def test_salt_and_pepper_share_the_rate_evenly_and_leave_the_rest(images):
    out = to_numpy(layers.SaltAndPepperNoise(0.4, seed=2)(images, training=True))
    assert within_3_errors(np.mean(out == 0), 0.2, images.size)
    assert within_3_errors(np.mean(out == 1), 0.2, images.size)
    same = (out != 0) & (out != 1)
    np.testing.assert_array_equal(out[same], images[same])


def test_a_rectangle_covers_one_rectangle_of_each_image_in_all_channels(images):
    out = to_numpy(layers.RectangleOcclusion(3, 5, fill=0.5, seed=2)(images, training=True))
    covered = np.all(out == 0.5, axis=-1)
    assert np.all(covered.sum(axis=(1, 2)) == 3 * 5)
    assert np.all(covered.any(axis=2).sum(axis=1) == 3)
    assert np.all(covered.any(axis=1).sum(axis=1) == 5)
    np.testing.assert_array_equal(out[~covered], images[~covered])


def test_a_rectangle_takes_each_place_with_equal_chance(images):
    """7 rows by 7 columns of corners, each within 4 standard errors of 1 / 49."""
    layer = layers.RectangleOcclusion(3, 5, fill=0.5, seed=2)
    outs = [to_numpy(layer(images[..., :1], training=True))[..., 0] == 0.5 for _ in range(4)]
    covered = np.concatenate(outs)
    places = covered.any(axis=2).argmax(axis=1) * 7 + covered.any(axis=1).argmax(axis=1)
    counts = np.bincount(places, minlength=49)
    assert len(counts) == 49
    error = np.sqrt(len(places) / 49)
    assert np.abs(counts - len(places) / 49).max() < 4 * error


def test_a_rectangle_may_cover_the_whole_image(images):
    out = layers.RectangleOcclusion(9, 11, seed=0)(images, training=True)
    assert not to_numpy(out).any()


def test_a_half_is_one_of_four_each_as_often(images):
    """Of 9 rows and 11 columns the middle one is never covered."""
    layer = layers.HalfOcclusion(fill=0.5, seed=2)
    outs = np.concatenate([to_numpy(layer(images, training=True)) for _ in range(4)])
    covered = np.all(outs == 0.5, axis=-1)
    np.testing.assert_array_equal(outs[~covered], np.tile(images, (4, 1, 1, 1))[~covered])
    row, column = np.mgrid[:9, :11]
    halves = [row < 4, row >= 5, column < 5, column >= 6]
    counts = [sum(np.array_equal(one, half) for one in covered) for half in halves]
    assert sum(counts) == 2000
    assert all(within_3_errors(count / 2000, 0.25, 2000) for count in counts)


def test_patches_are_covered_whole_as_often_as_the_rate_says(images):
    layer = layers.PatchOcclusion(3, 0.3, fill=0.5, seed=2)
    out = to_numpy(layer(images[:, :, :9], training=True))
    covered = np.all(out == 0.5, axis=-1)
    np.testing.assert_array_equal(out[~covered], images[:, :, :9][~covered])
    patches = covered.reshape(500, 3, 3, 3, 3).transpose(0, 1, 3, 2, 4).reshape(-1, 9)
    assert set(patches.sum(axis=1).tolist()) == {0, 9}
    assert within_3_errors(patches[:, 0].mean(), 0.3, len(patches))
    each = patches[:, 0].reshape(500, 9)
    assert len({tuple(row) for row in each.tolist()}) > 100


@every_corruption
def test_at_inference_the_input_is_passed_on(layer, images):
    np.testing.assert_array_equal(to_numpy(layer(images)), images)
    np.testing.assert_array_equal(to_numpy(layer(images, training=False)), images)


@every_corruption
def test_a_seed_repeats_the_noise_and_each_call_draws_anew(layer, images):
    first, second = again(layer), again(layer)
    once = to_numpy(first(images, training=True))
    np.testing.assert_array_equal(once, to_numpy(second(images, training=True)))
    assert np.any(once != to_numpy(first(images, training=True)))


@every_corruption
def test_a_corruption_comes_back_from_a_file(layer, images, tmp_path):
    x = keras.Input(images.shape[1:])
    model = keras.Model(x, again(layer)(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = to_numpy(again(layer)(images, training=True))
    np.testing.assert_array_equal(to_numpy(loaded(images, training=True)), expected)


@every_corruption
def test_half_precision_stays_half_precision(layer, images):
    half = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    out = half(images, training=True)
    assert keras.backend.standardize_dtype(out.dtype) == "float16"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.MaskingNoise(1.5), "rate between 0 and 1.*1.5"),
        (lambda: layers.SaltAndPepperNoise(-0.1), "rate between 0 and 1.*-0.1"),
        (lambda: layers.RectangleOcclusion(0, 3), "height of at least 1.*height=0"),
        (
            lambda: layers.RectangleOcclusion(9)(np.zeros((1, 8, 8, 1), "f4"), training=True),
            "no larger than the image.*9 of 8",
        ),
        (lambda: layers.PatchOcclusion(4, 1.5), "rate between 0 and 1.*1.5"),
        (
            lambda: layers.PatchOcclusion(3)(np.zeros((1, 8, 9, 1), "f4"), training=True),
            "divides the height and width of images, 8 and 9.*patch=3",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Sparse codes.


def test_keep_top_k_leaves_the_k_largest_of_each_row_at_their_places():
    z = np.random.default_rng(0).normal(size=(50, 10)).astype("float32")
    out = to_numpy(layers.keep_top_k(keras.ops.convert_to_tensor(z), 3))
    for row, kept in zip(z, out, strict=True):
        places = np.sort(np.argsort(row)[-3:])
        np.testing.assert_array_equal(np.flatnonzero(kept), places)
        np.testing.assert_array_equal(kept[places], row[places])


def test_keep_top_k_counts_over_the_whole_event():
    z = keras.random.normal((5, 3, 4, 2), seed=0)
    flat = layers.keep_top_k(keras.ops.reshape(z, (5, 24)), 6)
    found = to_numpy(layers.keep_top_k(z, 6))
    np.testing.assert_array_equal(found.reshape(5, 24), to_numpy(flat))
