"""Protocols of training: what it may see, what chooses the model, what measures it."""

import numpy as np
import pytest

from keras_vae.training.data import binarization, splits
from keras_vae.training.data.loading import Data, load
from keras_vae.training.data.sources.registry import make_absolute

GREY = np.random.default_rng(0).integers(0, 256, (60, 5, 4, 1), np.uint8)
LABELS = np.arange(60, dtype=np.int64)


@pytest.fixture(scope="module")
def data():
    return Data("grey", GREY[:48], GREY[48:], LABELS[:48], LABELS[48:])


def test_without_a_protocol_the_data_stay_as_they_are(data):
    assert splits.training_data(data, "plain") is data
    assert splits.evaluation_data(data, "plain") is data


@pytest.mark.parametrize("protocol", ["held_out", "dynamic"])
def test_training_sees_no_test_image_and_each_label_stays_with_its_image(data, protocol):
    seen = splits.training_data(data, protocol)
    assert (len(seen.train), len(seen.test)) == (40, 8)
    assert sorted([*seen.train_labels, *seen.test_labels]) == list(range(48))
    np.testing.assert_array_equal(seen.train, GREY[seen.train_labels])
    if protocol == "held_out":
        np.testing.assert_array_equal(seen.test, GREY[seen.test_labels])


def test_the_dynamic_protocol_is_the_one_of_the_tables(data):
    split = binarization.dynamic_split(data)
    seen, measured = splits.training_data(data, "dynamic"), splits.evaluation_data(data, "dynamic")
    np.testing.assert_array_equal(seen.train, split.train)
    np.testing.assert_array_equal(seen.test, split.validation)
    np.testing.assert_array_equal(measured.test, split.test)
    assert set(np.unique(measured.train)) == {0, 255}
    np.testing.assert_array_equal(measured.test_labels, data.test_labels)


def test_held_out_images_leave_the_test_images_grey(data):
    np.testing.assert_array_equal(splits.evaluation_data(data, "held_out").test, data.test)


def test_the_first_test_images_keep_their_labels(data):
    few = splits.limit_test_images(data, 3)
    np.testing.assert_array_equal(few.test, data.test[:3])
    assert list(few.test_labels) == [48, 49, 50]
    assert len(few.train) == 48


@pytest.mark.tensorflow
@pytest.mark.parametrize(("protocol", "binary"), [("held_out", False), ("dynamic", True)])
def test_batches_are_binary_under_the_dynamic_protocol_only(protocol, binary):
    batch = np.asarray(next(iter(splits.batches(protocol, GREY, 16, seed=1, start_step=2))))
    assert set(np.unique(batch)) == {0.0, 1.0} if binary else len(np.unique(batch)) > 2


def test_the_line_about_the_data_says_what_watches_the_training(data):
    assert splits.describe(data, "plain").endswith("12 test images of 5x4x1")
    seen = splits.training_data(data, "dynamic")
    expected = "grey, protocol dynamic: 40 training and 8 validation images of 5x4x1"
    assert splits.describe(seen, "dynamic") == expected


def test_an_unknown_protocol_is_refused(data):
    for function in (splits.training_data, splits.evaluation_data):
        with pytest.raises(ValueError, match="plain, held_out, dynamic. Received: 'statc'"):
            function(data, "statc")


def test_static_mnist_is_loaded_by_its_scheme(tmp_path):
    bits = np.random.default_rng(0).integers(0, 256, (7, 98), np.uint8)
    np.savez(tmp_path / "static.npz", train=bits[:5], valid=bits[5:])
    data = load(f"static:{tmp_path / 'static.npz'}")
    np.testing.assert_array_equal(data.test, binarization.read_static(tmp_path / "static.npz").test)
    assert (len(data.train), data.image_shape) == (5, (28, 28, 1))


def test_a_path_behind_a_scheme_is_made_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "static.npz").write_text("")
    assert make_absolute("static:static.npz") == f"static:{tmp_path / 'static.npz'}"
