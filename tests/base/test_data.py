"""Every source gives the same kind of arrays, equal to bytes that the tests wrote themselves."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_vae.training.data.loading import Data, describe, load
from keras_vae.training.data.sources.fashion_mnist import FASHION_MNIST_FOLDER
from tests.support.image_files import picture, save, write_idx


def one_of_two(folder, write):
    """Loads a folder with one picture of interest, beside a plain one of its size."""
    write(folder / "interest.png")
    with Image.open(folder / "interest.png") as image:
        Image.new("L", image.size, 255).save(folder / "plain.png")
    data = load(folder)
    both = np.concatenate([data.train, data.test])
    return both[[not (image == 255).all() for image in both]][0]


def test_digits_are_the_1797_images_of_scikit_learn_scaled_to_bytes():
    from sklearn.datasets import load_digits

    data = load("digits")
    assert data.train.shape == (1497, 8, 8, 1) and data.test.shape == (300, 8, 8, 1)
    ours = np.concatenate([data.train, data.test]).reshape(1797, 64).astype(float)
    theirs = load_digits().data
    np.testing.assert_array_equal(np.unique(ours), np.rint(np.arange(17) * 255 / 16))
    np.testing.assert_array_equal(
        sorted(map(tuple, np.rint(ours * 16 / 255))), sorted(map(tuple, theirs))
    )


def test_digits_are_the_same_where_scikit_learn_keeps_its_file_elsewhere(monkeypatch):
    expected = load("digits")
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    for name in ("train", "test", "train_labels", "test_labels"):
        np.testing.assert_array_equal(getattr(load("digits"), name), getattr(expected, name))


def test_digits_need_no_import_of_scikit_learn(monkeypatch):
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    load("digits")
    assert "sklearn.datasets" not in sys.modules


def test_digits_hold_out_thirty_images_of_each_class():
    data = load("digits")
    np.testing.assert_array_equal(np.bincount(data.test_labels), [30] * 10)
    assert data.label_names == tuple("0123456789")


def test_digits_hold_out_images_from_the_whole_file():
    from sklearn.datasets import load_digits

    labels, images = load_digits().target, load_digits().images
    tests = {tuple(image.ravel()) for image in np.rint(load("digits").test[..., 0] * (16 / 255))}
    for label in range(10):
        members = images[labels == label]
        assert tuple(members[0].ravel()) in tests and tuple(members[-1].ravel()) in tests


def test_loading_twice_gives_the_same_split():
    np.testing.assert_array_equal(load("digits").test, load("digits").test)


def test_one_line_describes_a_data_set():
    assert describe(load("digits")) == "digits: 1,497 training and 300 test images of 8x8x1"


def test_the_image_shape_is_height_width_channels():
    images = np.zeros((2, 3, 4, 1), np.uint8)
    assert Data("x", images, images).image_shape == (3, 4, 1)


@pytest.mark.skipif(
    not FASHION_MNIST_FOLDER.is_dir(), reason="Debian's package dataset-fashion-mnist is absent"
)
def test_fashion_mnist_is_found_where_debian_puts_it():
    data = load("fashion_mnist")
    assert describe(data) == "fashion_mnist: 60,000 training and 10,000 test images of 28x28x1"
    np.testing.assert_array_equal(np.bincount(data.train_labels), [6000] * 10)
    assert data.label_names[data.train_labels[0]] == "Ankle boot"


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("prefix", ["", "idx:"])
def test_an_idx_folder_gives_its_bytes_and_labels(tmp_path, suffix, prefix):
    train, test = picture(0, (6, 3, 2)), picture(1, (4, 3, 2))
    write_idx(tmp_path / f"train-images-idx3-ubyte{suffix}", train)
    write_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", test)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{suffix}", np.arange(6))
    write_idx(tmp_path / f"t10k-labels-idx1-ubyte{suffix}", np.arange(4) + 200)
    data = load(f"{prefix}{tmp_path}")
    np.testing.assert_array_equal(data.train, train[..., None])
    np.testing.assert_array_equal(data.test, test[..., None])
    np.testing.assert_array_equal(data.train_labels, np.arange(6))
    np.testing.assert_array_equal(data.test_labels, np.arange(4) + 200)
    assert data.train.dtype == np.uint8 and data.train_labels.dtype == np.int64


def test_labels_of_an_idx_folder_are_optional(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", picture(0, (6, 3, 2)))
    write_idx(tmp_path / "test-images-idx3-ubyte", picture(1, (4, 3, 2)))
    assert load(tmp_path).train_labels is None


def test_a_folder_of_pictures_holds_out_a_tenth_that_stays_when_pictures_are_added(tmp_path):
    for seed in range(100):
        save(tmp_path / f"{seed:03}.png", picture(seed, (2, 2, 3)))
    before = load(tmp_path)
    assert 3 <= len(before.test) <= 20 and len(before.train) + len(before.test) == 100
    for seed in range(100, 120):
        save(tmp_path / "more" / f"{seed}.png", picture(seed, (2, 2, 3)))
    (tmp_path / "old").mkdir()
    for path in tmp_path.glob("*.png"):
        path.rename(tmp_path / "old" / path.name)
    assert len(load(tmp_path).train) > len(before.train)
    for path in (tmp_path / "old").iterdir():
        path.rename(tmp_path / path.name)
    for path in (tmp_path / "more").iterdir():
        path.rename(tmp_path / path.name)
    (tmp_path / "more").rmdir(), (tmp_path / "old").rmdir()
    after = load(tmp_path)
    assert {image.tobytes() for image in before.test} <= {image.tobytes() for image in after.test}
    assert {image.tobytes() for image in before.train} <= {image.tobytes() for image in after.train}


def test_sub_folders_are_labels(tmp_path):
    for seed in range(12):
        save(tmp_path / ("cat" if seed % 3 else "dog") / "deep" / f"{seed}.bmp", picture(seed))
    data = load(tmp_path)
    assert data.label_names == ("cat", "dog")
    images = np.concatenate([data.train, data.test])
    labels = np.concatenate([data.train_labels, data.test_labels])
    for seed in range(12):
        (index,) = np.flatnonzero((images == picture(seed)).all(axis=(1, 2, 3)))
        assert labels[index] == (0 if seed % 3 else 1)


def test_folders_named_train_and_test_are_the_parts(tmp_path):
    for seed, place in enumerate(["train/b", "train/a", "train/b", "test/b"]):
        save(tmp_path / place / f"{seed}.png", picture(seed))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.test, picture(3)[None])
    assert data.test_labels.tolist() == [1] and sorted(data.train_labels) == [0, 1, 1]


def test_hidden_and_other_files_are_passed_over(tmp_path):
    for seed in range(3):
        save(tmp_path / f"{seed}.PNG", picture(seed))
    (tmp_path / ".thumbnail.png").write_text("no picture")
    (tmp_path / "notes.txt").write_text("no picture")
    data = load(tmp_path)
    assert len(data.train) == 2 and len(data.test) == 1


def test_grey_files_have_one_channel_and_one_color_file_makes_all_three(tmp_path):
    for seed in range(3):
        save(tmp_path / f"{seed}.png", picture(seed, (4, 5)))
    assert load(tmp_path).image_shape == (4, 5, 1)
    save(tmp_path / "color.png", picture(9))
    data = load(tmp_path)
    images = np.concatenate([data.train, data.test])
    assert data.image_shape == (4, 5, 3)
    assert sum((image == image[..., :1]).all() for image in images) == 3


def test_pictures_are_read_by_content_from_every_format(tmp_path):
    grey = np.repeat(np.arange(0, 256, 16, np.uint8)[None], 16, axis=0)
    for suffix in ("png", "bmp", "gif", "jpg", "jpeg"):
        save(tmp_path / f"grey.{suffix}", grey, **({"quality": 100} if suffix[0] == "j" else {}))
    data = load(tmp_path)
    images = np.concatenate([data.train, data.test])
    assert images.shape == (5, 16, 16, 1)
    np.testing.assert_allclose(images.astype(int), np.tile(grey[..., None], (5, 1, 1, 1)), atol=2)


def test_a_palette_gives_its_colors(tmp_path):
    def write(path):
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.putdata([1, 0])
        image.save(path)

    np.testing.assert_array_equal(one_of_two(tmp_path, write), [[[40, 50, 60], [10, 20, 30]]])


def test_a_palette_of_greys_is_grey(tmp_path):
    def write(path):
        image = Image.new("P", (2, 1))
        image.putpalette([10, 10, 10, 40, 40, 40])
        image.putdata([1, 0])
        image.save(path)

    np.testing.assert_array_equal(one_of_two(tmp_path, write), [[[40], [10]]])


def test_transparent_pixels_lie_on_white(tmp_path):
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 100, 200, 51]]], np.uint8)
    got = one_of_two(tmp_path, lambda path: Image.fromarray(pixels).save(path))
    np.testing.assert_array_equal(got, [[[255] * 3, [0] * 3, [204, 224, 244]]])


def test_transparent_grey_stays_grey(tmp_path):
    pixels = np.array([[[0, 0], [7, 255]]], np.uint8)
    got = one_of_two(tmp_path, lambda path: Image.fromarray(pixels, "LA").save(path))
    np.testing.assert_array_equal(got, [[[255], [7]]])


def test_black_and_white_files_become_0_and_255(tmp_path):
    pixels = np.array([[True, False, True]])
    got = one_of_two(tmp_path, lambda path: Image.fromarray(pixels).save(path))
    np.testing.assert_array_equal(got, [[[255], [0], [255]]])


def test_the_orientation_of_a_camera_is_applied(tmp_path):
    pixels = picture(0, (3, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # the top row of the scene is the right-hand column of the file
    got = one_of_two(tmp_path, lambda path: Image.fromarray(pixels).save(path, exif=exif))
    np.testing.assert_array_equal(got[..., 0], np.rot90(pixels, -1))


def test_pictures_are_stretched_to_the_size_asked_for(tmp_path):
    for number, shape in enumerate([(8, 8), (16, 4), (24, 12)]):
        half = np.zeros(shape, np.uint8)
        half[: shape[0] // 2] = 200
        save(tmp_path / f"{number}.png", half)
    data = load(tmp_path, image_size=(4, 2))
    images = np.concatenate([data.train, data.test])
    assert images.shape == (3, 4, 2, 1)
    np.testing.assert_array_equal(images[:, 0], 200)
    np.testing.assert_array_equal(images[:, 3], 0)


@pytest.mark.parametrize("names", [("x_train", "x_test"), ("train", "test")])
def test_an_npz_gives_its_arrays(tmp_path, names):
    train, test = picture(0, (6, 3, 2)), picture(1, (4, 3, 2))
    arrays = dict(zip(names, (train, test), strict=True))
    labels = {"y_train": np.arange(6)[:, None], "y_test": np.arange(4, dtype=np.uint8)}
    np.savez(tmp_path / "images.npz", **arrays, **labels)
    data = load(tmp_path / "images.npz")
    np.testing.assert_array_equal(data.train, train[..., None])
    np.testing.assert_array_equal(data.test, test[..., None])
    np.testing.assert_array_equal(data.train_labels, np.arange(6))
    np.testing.assert_array_equal(data.test_labels, np.arange(4))
    assert data.name == "images"


def test_an_npz_without_test_images_holds_out_every_tenth_with_its_label(tmp_path):
    np.savez(tmp_path / "a.npz", train=picture(0, (25, 3, 2)), y_train=np.arange(25))
    data = load(tmp_path / "a.npz")
    assert data.test_labels.tolist() == [0, 10, 20] and len(data.train) == 22
    np.testing.assert_array_equal(data.test[..., 0], picture(0, (25, 3, 2))[::10])


def test_an_npy_holds_out_every_tenth_image(tmp_path):
    images = picture(0, (20, 3, 2, 3))
    np.save(tmp_path / "a.npy", images)
    data = load(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(data.test, images[[0, 10]])
    np.testing.assert_array_equal(data.train, np.delete(images, [0, 10], axis=0))


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x,
        lambda x: x.astype(np.int64),
        lambda x: (x / 255).astype(np.float64),
        lambda x: (x / 255).astype(np.float32),
        lambda x: (x / 255).astype(np.float16),
    ],
)
def test_all_256_levels_survive_every_number_type(tmp_path, convert):
    images = np.arange(256, dtype=np.uint8).reshape(2, 16, 8)
    np.savez(tmp_path / "a.npz", train=convert(images), test=convert(images))
    np.testing.assert_array_equal(load(tmp_path / "a.npz").train[..., 0], images)


def test_booleans_become_0_and_255(tmp_path):
    np.save(tmp_path / "a.npy", np.tile([[True, False]], (3, 2, 1)))
    np.testing.assert_array_equal(load(tmp_path / "a.npy").test, [[[[255], [0]]] * 2])


def test_a_limit_keeps_the_first_images_of_both_parts():
    whole, few = load("digits"), load("digits", limit=7)
    np.testing.assert_array_equal(few.train, whole.train[:7])
    np.testing.assert_array_equal(few.test_labels, whole.test_labels[:7])


def test_a_limit_keeps_the_numbers_of_the_labels_of_a_folder(tmp_path):
    for seed in range(30):
        save(tmp_path / f"{seed % 10}" / f"{seed}.png", picture(seed))
    few, whole = load(tmp_path, limit=2), load(tmp_path)
    assert few.label_names == whole.label_names
    np.testing.assert_array_equal(few.train, whole.train[:2])
    np.testing.assert_array_equal(few.train_labels, whole.train_labels[:2])


def test_any_data_set_can_be_stretched():
    data = load("digits", image_size=(16, 12), limit=3)
    assert data.image_shape == (16, 12, 1)
    # Twice the size keeps the picture: averaging it back comes near the original.
    back = data.train.reshape(3, 8, 2, 12).mean(axis=2)[..., ::3]
    assert np.corrcoef(back.ravel(), load("digits").train[:3, :, ::2, 0].ravel())[0, 1] > 0.8
