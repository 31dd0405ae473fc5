"""Binarization by the protocols of the papers: what is drawn, from what, and that it repeats."""

import hashlib

import numpy as np
import pytest

from keras_vae.training.data import binarization
from keras_vae.training.data.loading import Data, load
from keras_vae.training.data.sources.fashion_mnist import FASHION_MNIST_FOLDER

GREY = np.random.default_rng(0).integers(0, 256, (60, 5, 4, 1), np.uint8)


@pytest.fixture(scope="module")
def data():
    return Data("grey", GREY[:48], GREY[48:])


def batches_of(count, **arguments):
    batches = binarization.dynamic_batches(GREY, 16, **arguments)
    return [np.asarray(batch) for batch in batches.take(count)]


def test_a_sixth_is_set_aside_and_no_image_is_in_two_sets(data):
    split = binarization.dynamic_split(data)
    assert (len(split.train), len(split.validation), len(split.test)) == (40, 8, 12)
    kept = np.delete(data.train, split.validation_indices, axis=0)
    np.testing.assert_array_equal(split.train, kept)


def test_validation_images_are_drawn_before_test_images_from_one_stream(data):
    split = binarization.dynamic_split(data)
    stream = np.random.RandomState(777)
    validation = stream.binomial(1, data.train[split.validation_indices] / 255.0)
    test = stream.binomial(1, data.test / 255.0)
    np.testing.assert_array_equal(split.validation, 255 * validation)
    np.testing.assert_array_equal(split.test, 255 * test)
    assert split.test.dtype == np.uint8


def test_a_split_repeats_and_depends_on_its_seeds(data):
    first, again = binarization.dynamic_split(data), binarization.dynamic_split(data)
    np.testing.assert_array_equal(again.test, first.test)
    other = binarization.dynamic_split(data, seed=1)
    assert np.any(other.test != first.test)
    np.testing.assert_array_equal(other.validation_indices, first.validation_indices)
    resplit = binarization.dynamic_split(data, split_seed=1)
    assert np.any(resplit.validation_indices != first.validation_indices)


@pytest.mark.slow
@pytest.mark.skipif(not FASHION_MNIST_FOLDER.is_dir(), reason="needs dataset-fashion-mnist")
def test_the_published_sets_of_fashion_mnist_have_not_changed():
    split = binarization.dynamic_split(load("fashion_mnist"))
    digests = [
        hashlib.sha256(content.tobytes()).hexdigest()[:16]
        for content in (
            split.validation_indices.astype("<i8"),
            np.packbits(split.validation > 0),
            np.packbits(split.test > 0),
        )
    ]
    assert digests == ["dada230fd6d31362", "6653316a8184cef0", "25f0d69b40ae46a7"]
    assert len(split.train) == 50_000
    assert binarization.entropy_floor(load("fashion_mnist").test) == pytest.approx(
        189.858, abs=5e-4
    )


def test_the_floor_is_the_entropy_of_the_draw():
    image = np.asarray([0, 255, 51, 204], np.uint8).reshape(1, 2, 2, 1)
    coin = -0.2 * np.log(0.2) - 0.8 * np.log(0.8)
    assert binarization.entropy_floor(image) == pytest.approx(2 * coin)
    both = np.concatenate([image, np.zeros_like(image)])
    assert binarization.entropy_floor(both) == pytest.approx(coin)


@pytest.mark.tensorflow
def test_pixels_are_drawn_with_their_grey_level_as_probability():
    levels = np.asarray([0, 51, 128, 255], np.uint8).reshape(1, 2, 2, 1)
    images = np.repeat(levels, 5000, axis=0)
    (batch,) = (np.asarray(b) for b in binarization.dynamic_batches(images, 5000, epochs=1))
    assert set(np.unique(batch)) == {0.0, 1.0}
    means = batch.mean(axis=0).ravel()
    assert means[0] == 0.0 and means[3] == 1.0
    np.testing.assert_allclose(means, levels.ravel() / 255.0, atol=0.03)


@pytest.mark.tensorflow
def test_every_batch_is_drawn_anew_and_the_same_seed_repeats_all_of_them():
    first, again = batches_of(8, seed=3), batches_of(8, seed=3)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    constant = np.full((4, 5, 4, 1), 128, np.uint8)
    drawn = [np.asarray(b) for b in binarization.dynamic_batches(constant, 4, seed=3).take(5)]
    assert len({b.tobytes() for b in drawn}) == 5
    assert np.any(batches_of(1, seed=4)[0] != first[0])


@pytest.mark.tensorflow
def test_a_stopped_stream_goes_on_as_if_it_had_not_stopped():
    whole = batches_of(12, seed=1, epochs=3)
    rest = batches_of(12, seed=1, epochs=3, start_step=5)
    assert len(rest) == len(whole) - 5
    for one, other in zip(whole[5:], rest, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.tensorflow
def test_batches_keep_their_number_and_the_ragged_last_one():
    batches = binarization.dynamic_batches(GREY, 16, epochs=2)
    assert int(batches.cardinality()) == 8
    assert [len(batch) for batch in batches] == [16, 16, 16, 12] * 2
    assert batches.options().autotune.enabled is False


def write_static(path, **arrays):
    with path.open("wb") as file:
        np.savez(file, **arrays)
    return path


def test_static_images_are_unpacked_row_by_row(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 2, (5, 28, 28))
    # By hand: eight pixels of a row are the digits of a binary number.
    packed = pixels.reshape(5, 98, 8) @ (2 ** np.arange(7, -1, -1))
    path = write_static(
        tmp_path / "static.npz", train=packed[:3].astype("u1"), valid=packed[3:].astype("u1")
    )
    data = binarization.read_static(path)
    np.testing.assert_array_equal(data.train[..., 0], 255 * pixels[:3])
    np.testing.assert_array_equal(data.test[..., 0], 255 * pixels[3:])
    assert data.name == "static"


@pytest.mark.parametrize(
    "arrays",
    [
        {"train": np.zeros((3, 98), "u1")},
        {"train": np.zeros((3, 784), "u1"), "valid": np.zeros((3, 784), "u1")},
        {"train": np.zeros((3, 98), "f4"), "valid": np.zeros((3, 98), "u1")},
        {"train": np.zeros(98, "u1"), "valid": np.zeros((3, 98), "u1")},
    ],
)
def test_a_file_that_is_no_static_mnist_is_refused_by_name(tmp_path, arrays):
    path = write_static(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=r"shape \(count, 98\), in .*other.npz"):
        binarization.read_static(path)


def test_images_that_are_no_bytes_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        binarization.binarize(GREY / 255.0, np.random.RandomState(0))
    with pytest.raises(ValueError, match="uint8"):
        binarization.entropy_floor(GREY / 255.0)


def test_too_few_images_to_set_a_part_aside_are_refused():
    with pytest.raises(ValueError, match="at least 6 training examples"):
        binarization.dynamic_split(Data("few", GREY[:5], GREY[5:]))
