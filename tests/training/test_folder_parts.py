"""Folders and files for training and testing, by their names, and what is passed over."""

import os

import numpy as np
import pytest

from keras_vae.training.data.image_files import SUFFIXES
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.folder import find_image_files
from keras_vae.training.data.sources.streamed import read_stream
from keras_vae.training.prediction.rows import open_rows
from tests.support import parquet_files
from tests.support.image_files import picture, save


def fill(root, count, classes=("cat", "dog"), suffix="png", first=0):
    for number in range(count):
        for place in classes or ("",):
            save(root / place / f"{first + number:02}.{suffix}", picture(number, (4, 5)))


# Pairs of folders that hold what was held out: case, depth, prefixes, years, camel case.
PAIRS = [
    ("Training", "Testing"),
    ("TRAIN", "TEST"),
    ("seg_train", "seg_test"),
    ("train", "valid"),
    ("train2017", "val2017"),
    ("archive/train", "archive/test"),
    ("archive/data/Train", "archive/data/Validation"),
    ("trainImages", "testImages"),
    ("training_set", "test_set"),
    ("train", "dev"),
    ("train_1", "test_1"),
]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("classes", [("cat", "dog"), ()], ids=["labels", "no labels"])
def test_what_was_held_out_is_for_testing(tmp_path, pair, classes):
    for place, count in zip(pair, (5, 2), strict=True):
        fill(tmp_path / place, count, classes)
    for data in (load(tmp_path), read_stream(tmp_path)):
        each = max(len(classes), 1)
        assert (len(data.train), len(data.test)) == (5 * each, 2 * each)
        assert data.label_names == (classes or None)


def test_test_images_come_before_validation_images_which_are_counted(tmp_path, capsys):
    for place, count in (("train", 5), ("valid", 4), ("test", 3), ("seg_pred", 2)):
        fill(tmp_path / place, count)
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (10, 6)
    said = capsys.readouterr().err
    assert "8 files for validation" in said and "4 images outside of the folders" in said


def test_files_that_are_named_by_their_part_are_split_by_it(tmp_path):
    for number in range(6):
        save(tmp_path / f"{'train' if number % 3 else 'test'}_{number}.png", picture(number))
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (4, 2)


@pytest.mark.parametrize("classes", [("bullet_train", "cat"), ("test_tube", "latest", "cat")])
def test_a_class_with_train_in_its_name_is_a_class(tmp_path, classes):
    fill(tmp_path, 4, classes)
    assert load(tmp_path).label_names == tuple(sorted(classes))


@pytest.mark.parametrize(
    "places",
    [("bus", "car", "train"), ("control", "test"), ("train",), ("a/train", "b/test"), ("val",)],
)
def test_an_unclear_part_is_refused(tmp_path, places):
    fill(tmp_path, 3, places)
    for read in (load, read_stream):
        with pytest.raises((ValueError, FileNotFoundError), match=r"(?i)train.*test"):
            read(tmp_path)


LAYOUTS = [
    ("default/train/0000.parquet", "default/test/0000.parquet"),
    ("train-00000-of-00001-b42a775f407cee45.parquet", "validation-00000-of-00001-a1b2.parquet"),
    ("data/Training.parquet", "data/Testing.parquet"),
    ("rows.parquet", "test.parquet"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_that_were_held_out_are_for_testing(tmp_path, layout):
    images = picture(0, (6, 3, 2, 1))
    for name, part in zip(layout, (images[:4], images[4:]), strict=True):
        parquet_files.write(tmp_path / name, image=parquet_files.lists(part))
    data = load(f"stream:{tmp_path}")
    np.testing.assert_array_equal(data.train, images[:4])
    np.testing.assert_array_equal(data.test, images[4:])


def test_tables_for_validation_beside_those_for_testing_are_in_neither_part(tmp_path):
    images = picture(0, (6, 3, 2, 1))
    parts = {"train": images[:3], "validation": images[3:4], "test": images[4:]}
    for name, part in parts.items():
        path = tmp_path / f"{name}-00000-of-00001.parquet"
        parquet_files.write(path, image=parquet_files.lists(part))
    data = load(f"stream:{tmp_path}")
    np.testing.assert_array_equal(data.train, images[:3])
    np.testing.assert_array_equal(data.test, images[4:])


def test_an_archive_of_training_and_validation_arrays_is_split_as_it_says(tmp_path, capsys):
    x = picture(0, (6, 3, 2))
    labels = {"y_train": np.arange(4), "y_val": np.arange(2)}
    np.savez(tmp_path / "a.npz", x_train=x[:4], x_val=x[4:], **labels, x_extra=x)
    data = load(tmp_path / "a.npz")
    np.testing.assert_array_equal(data.test[..., 0], x[4:])
    assert data.test_labels.tolist() == [0, 1]
    assert "the arrays x_extra" in capsys.readouterr().err


# What is passed over, by one rule


@pytest.fixture
def messy(tmp_path):
    """Two classes, one of them a link, among what file managers and editors leave behind."""
    root = tmp_path / "root"
    fill(root, 4, ("dog",))
    fill(tmp_path / "elsewhere", 3, ("cat",))
    (root / "cat").symlink_to(tmp_path / "elsewhere" / "cat")
    (root / "dog" / "loop").symlink_to(root)
    (root / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.symlink(root / "dog" / "00.png", root / "dog" / "linked.png")
    fill(root, 2, (".ipynb_checkpoints", "cat/.hidden", "@eaDir/cat", "__MACOSX"))
    (root / "dog" / "._00.png").write_bytes(b"\0\5\x16\7")
    for name in ("a.tif", "b.TIF", "c.txt", "Thumbs.db"):
        (root / "dog" / name).write_bytes(b"x")
    return root


EXPECTED = ["cat/00.png", "cat/01.png", "cat/02.png", "dog/00.png", "dog/01.png", "dog/02.png"]
EXPECTED += ["dog/03.png", "dog/linked.png"]


def test_one_rule_finds_the_images_of_all_sources(messy, capsys):
    found, passed = find_image_files(messy)
    assert [path.as_posix() for path in found] == EXPECTED
    assert passed[".tif"] == 2 and passed["hidden"] == 3 and passed["broken links"] == 1
    for read in (load, read_stream):
        data = read(messy)
        assert (len(data.train) + len(data.test), data.label_names) == (8, ("cat", "dog"))
        assert capsys.readouterr().err.count("Passed over in") == 1
    import keras

    rows = open_rows(str(messy), [keras.InputSpec(shape=(None, 4, 5, 1), name="x")])
    assert rows.labels(0, 9).tolist() == EXPECTED
    said = capsys.readouterr().err
    assert f"Passed over in {messy}: 3 hidden, 2 .tif" in said and said.count("\n") == 1


def test_the_folder_and_its_parts_may_be_links_and_suffixes_be_in_capitals(tmp_path):
    for name, count, suffix in (("a", 5, "JPG"), ("b", 2, "PNG")):
        fill(tmp_path / name, count, suffix=suffix)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "train").symlink_to(tmp_path / "a")
    (tmp_path / "root" / "test").symlink_to(tmp_path / "b")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    for data in (load(tmp_path / "link"), read_stream(tmp_path / "link")):
        assert (len(data.train), len(data.test)) == (10, 4)
        assert data.label_names == ("cat", "dog")


def test_nothing_is_said_if_nothing_was_passed_over(tmp_path, capsys):
    fill(tmp_path, 3)
    load(tmp_path)
    assert capsys.readouterr().err == ""


def test_hidden_tables_are_passed_over(tmp_path, capsys):
    images = picture(0, (4, 3, 2, 1))
    parquet_files.write(tmp_path / "a.parquet", image=parquet_files.lists(images))
    (tmp_path / "._a.parquet").write_bytes(b"\0\5\x16\7")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "b.parquet").write_bytes(b"partial")
    assert len(load(f"stream:{tmp_path}").train) == 3
    assert "2 hidden" in capsys.readouterr().err


def test_webp_images_are_read(tmp_path):
    assert ".webp" in SUFFIXES
    for number in range(3):
        save(tmp_path / f"{number}.webp", picture(number), lossless=True)
    data = load(tmp_path)
    np.testing.assert_array_equal(
        sorted(image.tobytes() for image in np.concatenate([data.train, data.test])),
        sorted(picture(number).tobytes() for number in range(3)),
    )
