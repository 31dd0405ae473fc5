"""Letters: from the fonts of this machine, and notMNIST from archives like the original ones."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from keras_vae.training.data.loading import load
from keras_vae.training.data.sources import glyphs


@pytest.fixture(scope="module")
def letters():
    return glyphs.read_glyphs(variants=3)


def test_each_font_gives_each_letter_in_each_variant(letters):
    counts = np.bincount(letters.train_labels), np.bincount(letters.test_labels)
    assert all(len(set(count)) == 1 and count[0] % 3 == 0 for count in counts)
    assert letters.image_shape == (28, 28, 1) and letters.label_names == tuple("ABCDEFGHIJ")


def test_every_call_gives_the_same_images(letters):
    again = glyphs.read_glyphs(variants=3)
    np.testing.assert_array_equal(letters.train, again.train)
    np.testing.assert_array_equal(letters.test, again.test)


def test_letters_fill_the_image_and_are_not_cut_off(letters):
    upright = letters.train.reshape(-1, 3, 10, 28, 28)[:, 0]
    assert upright.max() == 255
    edges = [upright[..., 0, :], upright[..., -1, :], upright[..., :, 0], upright[..., :, -1]]
    assert max(edge.max() for edge in edges) == 0
    inked = upright.max(axis=-1) > 0, upright.max(axis=-2) > 0
    assert np.maximum(*(axis.sum(axis=-1) for axis in inked)).min() >= 24


def test_letters_are_those_of_their_labels(letters):
    """A is alike when mirrored, E is not; I is narrow, H wide; read from pixels alone."""
    upright = letters.train.reshape(-1, 3, 10, 28, 28)[:, 0].astype("float64")
    mirrored = np.abs(upright - upright[..., ::-1]).mean(axis=(-1, -2))
    assert np.median(mirrored[:, 0] < mirrored[:, 4]) == 1
    width = (upright.max(axis=-2) > 0).sum(axis=-1)
    assert np.median(width[:, 8] < width[:, 7]) == 1


def test_no_font_is_in_both_parts(letters):
    first = [part.reshape(-1, 3, 10, 28 * 28)[:, 0] for part in (letters.train, letters.test)]
    assert not {font.tobytes() for font in first[0]} & {font.tobytes() for font in first[1]}


def test_without_fonts_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(glyphs, "_fonts", lambda: iter(()))
    with pytest.raises(FileNotFoundError, match="at least 5 TrueType fonts.*fonts-dejavu"):
        load("glyphs")


def archive(path, count):
    """Pictures of the letters A and J, and two files that are none."""
    with tarfile.open(path, "w:gz") as tar:

        def add(name, content):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))

        for label, level in (("A", 10), ("J", 200)):
            for index in range(count):
                file = io.BytesIO()
                Image.new("L", (28, 28), level + index).save(file, "PNG")
                add(f"notMNIST/{label}/{index}.png", file.getvalue())
        add("notMNIST/A/damaged.png", b"no picture")
        add("notMNIST/README.png", b"not a letter")


@pytest.mark.tensorflow
def test_notmnist_is_read_from_the_original_archives(tmp_path):
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    archive(manual / "notMNIST_large.tar.gz", 12)
    archive(manual / "notMNIST_small.tar.gz", 3)
    data = load("notmnist", data_dir=tmp_path)
    assert data.train.shape == (24, 28, 28, 1) and data.test.shape == (6, 28, 28, 1)
    for images, labels in ((data.train, data.train_labels), (data.test, data.test_labels)):
        np.testing.assert_array_equal(images[:, 0, 0, 0] >= 200, labels == 9)
    assert data.label_names == tuple("ABCDEFGHIJ")


@pytest.mark.tensorflow
def test_notmnist_says_where_its_archives_belong(tmp_path):
    (tmp_path / "downloads" / "manual").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"(?s)manual does not exist.*Put notMNIST_small"):
        load("notmnist", data_dir=tmp_path)
