"""Images from Python: the floats of what programs read, by one implementation."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import keras_vae as kv
from keras_vae.training.data.loading import load
from tests.support.image_files import picture, save


def photos(folder, classes=("",), shape=(6, 4, 3)):
    for number in range(12):
        path = folder / classes[number % len(classes)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, picture(number, shape))
    return folder


@pytest.mark.parametrize(("size", "crop"), [(None, False), ((4, 4), False), ((4, 4), True)])
def test_images_are_those_of_programs_as_floats(tmp_path, size, crop):
    folder = photos(tmp_path, ("cat", "dog"))
    data = load(folder, image_size=size, crop_to_aspect_ratio=crop)
    found = kv.load_images(tmp_path, size=size, crop_to_aspect_ratio=crop)
    for name in ("train", "test"):
        part = getattr(found, name)
        assert part.dtype == "float32" and part.max() <= 1.0
        np.testing.assert_array_equal(np.rint(part * 255), getattr(data, name))
        np.testing.assert_array_equal(
            getattr(found, f"{name}_labels"), getattr(data, f"{name}_labels")
        )
    assert found.label_names == ("cat", "dog") and found.image_shape == data.image_shape


def test_parts_and_a_limit_are_kept_and_labels_may_be_absent(tmp_path):
    found = kv.load_images(str(photos(tmp_path, ("train", "test"))), limit=2)
    assert len(found.train) == len(found.test) == 2
    assert found.train_labels is found.test_labels is found.label_names is None


def test_photos_are_upright_and_transparent_pixels_white(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = picture(0, (5, 5, 3))
    for number in range(2):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png", exif=exif)
    train, test, *_ = kv.load_images(tmp_path)
    np.testing.assert_array_equal(np.rint(train[0] * 255), np.rot90(pixels, -1))
    clear = np.zeros((5, 5, 4), np.uint8)
    for number in range(2):
        Image.fromarray(clear).save(tmp_path / f"{number}.png")
    assert (kv.load_images(tmp_path).train == 1.0).all()


def test_a_folder_with_the_name_of_a_data_set_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "digits")
    assert kv.load_images("digits").image_shape == (6, 4, 3)


def test_images_train_a_model(tmp_path):
    data = kv.load_images(photos(tmp_path), size=(4, 4))
    model = kv.VAE(*kv.nets.dense(data.image_shape, 2, (4,), heads=2), seed=0)
    model.compile("adam", run_eagerly=keras.backend.backend() == "tensorflow")
    model.fit(data.train, validation_data=data.test, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: kv.load_images(f / "none"), FileNotFoundError, "a folder of images. Received"),
        (lambda f: kv.load_images(f), FileNotFoundError, "images .*in .*Received: 0 other files"),
        (
            lambda f: kv.load_images(f, size=64),
            ValueError,
            r"size to be \(height, width\).*size=64",
        ),
        (lambda f: kv.load_images(f, limit=0), ValueError, "limit of at least 1"),
        (
            lambda f: kv.load_images(f, crop_to_aspect_ratio=True),
            ValueError,
            "Expected a size to crop to",
        ),
    ],
)
def test_other_arguments_are_refused(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(tmp_path)


def test_a_size_is_needed_for_images_of_several_sizes(tmp_path):
    save(photos(tmp_path) / "other.png", picture(0, (5, 4, 3)))
    with pytest.raises(ValueError, match="of one size, or a size to stretch them to .image_size"):
        kv.load_images(tmp_path)
    assert kv.load_images(tmp_path, (5, 4)).image_shape == (5, 4, 3)


def test_reading_images_loads_neither_tensorflow_nor_keras(tmp_path):
    """So the backend does not matter; `load_images` adds checks of its arguments alone."""
    photos(tmp_path)
    code = (
        "import sys; from keras_vae.training.data.loading import as_floats, load; "
        f"as_floats(load({str(tmp_path)!r}).train); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr
