"""What is no data set, or a damaged one, is refused by a message that names it and says what to do.

So no run starts on half the pictures, on the wrong ones, or on values of another scale.
"""

import gzip
import re
import struct

import numpy as np
import pytest
from PIL import Image

from keras_vae.training.data.loading import Data, load
from keras_vae.training.data.sources import fashion_mnist
from tests.support.image_files import picture, save, write_idx


@pytest.fixture
def idx_folder(tmp_path):
    for name in ("train", "t10k"):
        write_idx(tmp_path / f"{name}-images-idx3-ubyte", picture(0, (6, 3, 2)))
        write_idx(tmp_path / f"{name}-labels-idx1-ubyte", np.arange(6))
    return tmp_path


@pytest.fixture
def pictures(tmp_path):
    for seed in range(4):
        save(tmp_path / f"{seed}.png", picture(seed, (8, 8, 3)))
    return tmp_path


def refused(name, *words, error=ValueError, **options):
    with pytest.raises(error, match=".*".join(map(re.escape, words))):
        load(name, **options)


def test_an_unknown_name_lists_the_known_ones_and_suggests_the_nearest():
    known = (
        "digits, digit_counts, photo_crops, fashion_mnist, dsprites, mnist1d, ellipsoids, glyphs, "
        "notmnist, table:NAME, idx:FOLDER"
    )
    refused("fasion_mnist", known, "tfds:NAME", "fasion_mnist")
    refused("fasion_mnist", "did you mean fashion_mnist?")
    refused("cifar", "did you mean cifar")
    refused("", "Received: ''")


def test_an_unknown_name_is_refused_where_tfds_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_datasets", None)
    refused("digit", "did you mean digits?")


@pytest.mark.parametrize("name", ["absent/folder", "absent.npz", "idx:absent"])
def test_a_path_that_is_not_there_is_named(name):
    refused(name, "absent", error=FileNotFoundError)


def test_fashion_mnist_says_how_to_get_it_where_it_is_not_to_be_had(monkeypatch, tmp_path):
    def no_network(*_):
        raise FileNotFoundError("no network")

    monkeypatch.setattr(fashion_mnist, "FASHION_MNIST_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(fashion_mnist, "read_tfds", no_network)
    refused(
        "fashion_mnist",
        "no network",
        "Install Debian's package dataset-fashion-mnist, or use digits",
        error=FileNotFoundError,
    )


@pytest.mark.parametrize("options", [{"limit": 0}, {"image_size": (0, 8)}, {"image_size": (8,)}])
def test_numbers_out_of_range_are_refused(options):
    refused("digits", next(iter(options)), "Received", **options)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "data.csv").write_text("1,2")
    refused(tmp_path / "data.csv", ".npz or .npy", "data.csv")


def test_a_single_picture_points_to_its_folder(pictures):
    refused(pictures / "0.png", f"Give its folder: {pictures}")


# IDX


def test_an_idx_file_of_another_type_is_refused(idx_folder):
    path = idx_folder / "train-images-idx3-ubyte"
    path.write_bytes(b"\0\0\x0d" + path.read_bytes()[3:])
    refused(idx_folder, "starts with 00 00 08 03", "Received: 00 00 0d 03", path.name)


def test_labels_named_as_images_are_refused(idx_folder):
    path = idx_folder / "t10k-images-idx3-ubyte"
    path.write_bytes((idx_folder / "t10k-labels-idx1-ubyte").read_bytes())
    refused(idx_folder, "3 dimensions", "Received: 00 00 08 01", path.name)


@pytest.mark.parametrize(
    "change", [lambda content: content[:-1], lambda content: content + b"\0", lambda _: _[:9]]
)
def test_an_idx_file_of_the_wrong_length_is_refused(idx_folder, change):
    path = idx_folder / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    refused(idx_folder, "bytes", path.name, "fetch it again")


def test_an_empty_idx_file_is_refused(idx_folder):
    (idx_folder / "train-images-idx3-ubyte").write_bytes(b"")
    refused(idx_folder, "Received: nothing", "train-images-idx3-ubyte")


def test_an_idx_file_of_no_images_is_refused(idx_folder):
    path = idx_folder / "train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 28, 28))
    refused(idx_folder, "at least one image", path.name)


@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: content[9:]])
def test_a_damaged_gzip_file_is_refused(idx_folder, damage):
    plain = idx_folder / "train-images-idx3-ubyte"
    content = gzip.compress(plain.read_bytes())
    plain.unlink()
    plain.with_name(plain.name + ".gz").write_bytes(damage(content))
    refused(idx_folder, "whole gzip file", plain.name + ".gz", "fetch it again")


def test_a_gzip_file_with_a_flipped_bit_is_refused(idx_folder):
    plain = idx_folder / "train-images-idx3-ubyte"
    content = bytearray(gzip.compress(plain.read_bytes()))
    content[len(content) // 2] ^= 0x10
    plain.unlink()
    plain.with_name(plain.name + ".gz").write_bytes(content)
    refused(idx_folder, "whole gzip file", plain.name + ".gz")


def test_idx_labels_of_another_count_are_refused(idx_folder):
    write_idx(idx_folder / "train-labels-idx1-ubyte", np.arange(5))
    refused(idx_folder, "one int64 label for each image, shape (6,)", "(5,)")


def test_labels_of_one_part_only_are_refused(idx_folder):
    (idx_folder / "t10k-labels-idx1-ubyte").unlink()
    refused(idx_folder, "labels for both")


def test_a_missing_part_is_named(idx_folder):
    (idx_folder / "t10k-images-idx3-ubyte").unlink()
    refused(idx_folder, "t10k-images-idx3-ubyte", error=FileNotFoundError)


def test_two_data_sets_in_one_idx_folder_are_refused(idx_folder):
    write_idx(idx_folder / "letters-train-images-idx3-ubyte", picture(0, (6, 3, 2)))
    refused(idx_folder, "letters-train-images-idx3-ubyte", "a folder of its own")


def test_parts_of_different_shapes_are_refused(idx_folder):
    write_idx(idx_folder / "t10k-images-idx3-ubyte", picture(0, (6, 4, 2)))
    refused(idx_folder, "one shape", "3x2x1 for training and 4x2x1 for test")


# Pictures


def damaged(path):
    return path.read_bytes()[:-60]


@pytest.mark.parametrize(
    "content",
    [b"", b"this is text", b"\x89PNG\r\n\x1a\n", damaged, lambda p: p.read_bytes()[:30]],
    ids=["empty", "text", "signature", "truncated", "half a header"],
)
def test_an_unreadable_picture_is_named(pictures, content):
    path = pictures / "2.png"
    path.write_bytes(content(path) if callable(content) else content)
    refused(pictures, "Expected a whole", "2.png")


def test_a_truncated_jpeg_is_named(pictures):
    save(pictures / "5.jpg", picture(5, (64, 64, 3)))
    (pictures / "5.jpg").write_bytes(damaged(pictures / "5.jpg"))
    refused(pictures, "Expected a whole", "5.jpg", image_size=(8, 8))


def test_a_flipped_bit_in_a_png_is_found(pictures):
    content = bytearray((pictures / "1.png").read_bytes())
    content[content.index(b"IDAT") + 20] ^= 1
    (pictures / "1.png").write_bytes(content)
    refused(pictures, "Expected a whole", "1.png")


def test_a_picture_of_another_format_is_refused_whatever_its_name(pictures):
    Image.fromarray(picture(0, (8, 8, 3))).save(pictures / "5.png", format="TIFF")
    refused(pictures, "PNG, JPEG, BMP, GIF or WEBP", "5.png")


def test_16_bit_pictures_are_refused(pictures):
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(pictures / "5.png")
    refused(pictures, "8 bits per channel", "5.png")


def test_pictures_of_different_sizes_need_an_image_size(pictures):
    save(pictures / "5.png", picture(5, (8, 9, 3)))
    refused(pictures, "a size to stretch them to (image_size", "8x8", "8x9")
    assert load(pictures, image_size=(8, 8)).image_shape == (8, 8, 3)


def test_an_empty_folder_is_named(tmp_path):
    refused(tmp_path, str(tmp_path), "0 other files", error=FileNotFoundError)


def test_a_folder_of_other_files_says_which_it_expected(tmp_path):
    (tmp_path / "a.tiff").write_text("")
    refused(tmp_path, ".png, .jpg", "1 other files", error=FileNotFoundError)


def test_files_that_are_only_streamed_say_so(tmp_path):
    (tmp_path / "a.parquet").write_text("")
    refused(tmp_path, f"Those stay on disk: stream:{tmp_path}")
    refused(tmp_path / "a.parquet", f"Give stream:{tmp_path / 'a.parquet'}")


def test_a_train_folder_without_a_test_folder_is_refused(tmp_path):
    save(tmp_path / "train" / "0.png", picture(0))
    refused(tmp_path, "test", "only", "train", error=FileNotFoundError)


def test_an_empty_test_folder_is_named(tmp_path):
    save(tmp_path / "train" / "0.png", picture(0))
    (tmp_path / "test").mkdir()
    refused(tmp_path, str(tmp_path / "test"), error=FileNotFoundError)


def test_one_picture_is_too_few(tmp_path):
    save(tmp_path / "only.png", picture(0))
    refused(tmp_path, "at least two images", "only.png")


def test_pictures_beside_labelled_folders_are_refused(pictures):
    save(pictures / "cat" / "5.png", picture(5, (8, 8, 3)))
    refused(pictures, "every image in a sub-folder", ".png next to")


def test_a_label_that_only_the_test_has_is_refused(tmp_path):
    for place in ("train/cats", "test/cat"):
        save(tmp_path / place / "0.png", picture(0))
    refused(tmp_path, "Received: ['cat'] only in test")


# Arrays


def refused_array(path, array, *words):
    np.save(path / "a.npy", array)
    refused(path / "a.npy", *words, "a.npy")


@pytest.mark.parametrize("value", [0.5, -0.1, 1.5, 255.0, np.nan, np.inf])
def test_floats_that_are_no_bytes_are_refused(tmp_path, value):
    refused_array(tmp_path, np.full((3, 2, 2), value), "Expected uint8 images, or floats in [0, 1]")


@pytest.mark.parametrize("value", [-1, 256, 1])
def test_integers_of_another_scale_are_refused(tmp_path, value):
    refused_array(tmp_path, np.full((3, 2, 2), value), "values from 0 to 255", str(value))


@pytest.mark.parametrize("shape", [(4,), (4, 4), (2, 2, 2, 2, 1)])
def test_arrays_of_another_rank_are_refused(tmp_path, shape):
    refused_array(tmp_path, np.zeros(shape, np.uint8), "(count, height, width, channels)")


def test_channels_in_front_are_refused(tmp_path):
    refused_array(tmp_path, np.zeros((4, 3, 8, 8), np.uint8), "on the last axis", "(4, 3, 8, 8)")


def test_an_empty_array_is_refused(tmp_path):
    refused_array(tmp_path, np.zeros((0, 8, 8), np.uint8), "at least one image")


def test_text_is_refused(tmp_path):
    refused_array(tmp_path, np.full((2, 2, 2), "x"), "Expected uint8 images", "<U1")


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, 1], object), allow_pickle=True)
    refused(tmp_path / "a.npy", "Expected numbers. Received: Python objects in", "a.npy", "stack")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("size", [0, 40, 300])
def test_a_truncated_array_file_is_named(tmp_path, name, size):
    if name == "a.npy":
        np.save(tmp_path / name, picture(0, (9, 9, 9)))
    else:
        np.savez(tmp_path / name, train=picture(0, (9, 9, 9)))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:size])
    refused(tmp_path / name, "numpy.save", name)


def test_an_npz_without_images_lists_what_it_has(tmp_path):
    np.savez(tmp_path / "a.npz", pixels=picture(0, (9, 2, 2)))
    refused(tmp_path / "a.npz", "x_train", "a.npz", "pixels")


def test_labels_that_are_no_integers_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", train=picture(0, (4, 2, 2)), y_train=np.linspace(0, 1, 4))
    refused(tmp_path / "a.npz", "integer label", "y_train", "a.npz")


def test_more_labels_than_images_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", train=picture(0, (4, 2, 2)), y_train=np.arange(5))
    refused(tmp_path / "a.npz", "4 labels", "Received: 5")


# What no reader may return


def test_data_hold_bytes_of_rank_four_only():
    good = np.zeros((2, 3, 3, 1), np.uint8)
    for bad in (good.astype(np.float32), good[..., 0], good[:0]):
        with pytest.raises(ValueError, match="Expected"):
            Data("x", good, bad)


def test_labels_without_a_name_are_refused():
    images, labels = np.zeros((2, 3, 3, 1), np.uint8), np.array([0, 2])
    with pytest.raises(ValueError, match="from 0 to 1"):
        Data("x", images, images, labels, labels, ("a", "b"))


CONTENTS = {
    b"12 13\n14 15\n": "holds text, which begins with '12 13'",
    "größe\n".encode(): "holds text, which begins with 'größe'",
    b"": "is empty",
    b"\x1f\x8b\x08\x00zz": "another kind, beginning with the bytes 1f 8b 08 00 7a 7a",
}


@pytest.mark.parametrize(("content", "words"), CONTENTS.items(), ids=CONTENTS.values())
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "series:a.dat"])
def test_a_file_of_another_kind_is_refused_with_its_content(tmp_path, name, content, words):
    scheme, _, file = name.rpartition(":")
    (tmp_path / file).write_bytes(content)
    refused(
        f"{scheme}{':' * bool(scheme)}{tmp_path / file}",
        ".npy or .npz" if scheme else "numpy.save",
        file,
        words,
    )
