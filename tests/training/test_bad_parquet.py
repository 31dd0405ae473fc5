"""Parquet files that are refused, before training starts where that can be known."""

import sys

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install keras-vae[parquet]")

import pyarrow as pa
import pyarrow.parquet as pq

from keras_vae.training.data import loading
from keras_vae.training.data.sources import parquet_file
from tests.support import parquet_files as files
from tests.support.parquet_files import GREY, IMAGES

pytestmark = pytest.mark.tensorflow


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


LISTS = {"image": files.lists(IMAGES)}
BAD = {
    "cut off": (LISTS, cut, "Expected a whole Parquet file. Received: .*b.parquet"),
    "no bytes": (LISTS, empty, "Expected a whole Parquet file. Received: .*b.parquet"),
    "no rows": ({"image": files.lists(IMAGES[:0])}, None, "at least one row in .*b.parquet"),
    "no column": (
        {"x": [1], "y": ["a"]},
        None,
        r"Expected a column image .* in .*b.parquet. Received: x \(int64\), y \(string\)",
    ),
    "two columns": ({"x": files.lists(GREY), "y": files.lists(GREY)}, None, "one such column"),
    "numbers of 64 bits": (
        {"image": pa.array([[[[1]]]])},
        None,
        r"lists of uint8.* in .*b.parquet. Received: image \(list<.*int64",
    ),
    "another shape": ({"image": files.lists(GREY)}, None, "Expected images as in .*b.parquet"),
    "another kind": ({"image": files.png(IMAGES)}, None, "Expected images as in .*b.parquet"),
    "flat": ({"image": files.flat(IMAGES)}, None, "column shape .*b.parquet without"),
    "a null": (
        {"image": pa.array([None, *IMAGES.tolist()], files.lists(IMAGES).type)},
        None,
        "Expected (images of 4x5x3|a value).*b.parquet",
    ),
    "labels of words": ({**LISTS, "label": ["a"] * 23}, None, "label of .*b.parquet"),
    "labels in one": ({**LISTS, "label": np.arange(23)}, None, "label in all files or in none"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_damaged_or_something_else_is_named_at_once(tmp_path, name):
    columns, change, message = BAD[name]
    files.write(tmp_path / "a.parquet", **LISTS)
    path = files.write(tmp_path / "b.parquet", **columns)
    if change:
        change(path)
    with pytest.raises(ValueError, match=message):
        loading.load(f"stream:{tmp_path}")


def test_raw_pixels_without_a_shape_are_told_of_the_column(tmp_path):
    path = files.write(tmp_path / "x.parquet", image=files.raw(IMAGES))
    with pytest.raises(ValueError, match="x.parquet, row 0: .*column or feature shape") as error:
        loading.load(f"stream:{path}")
    assert "BytesIO" not in str(error.value)


@pytest.mark.parametrize("name", ["image", "label"])
def test_two_columns_of_one_name_are_refused(tmp_path, name):
    columns = [("image", files.lists(IMAGES)), ("label", pa.array([0] * len(IMAGES)))]
    columns.append((name, dict(columns)[name]))
    table = pa.Table.from_arrays([array for _, array in columns], [name for name, _ in columns])
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=f"x.parquet. Received: two columns {name}. .Rename one"):
        loading.load(f"stream:{tmp_path}")


def test_images_of_lists_of_another_length_are_named(tmp_path):
    for name, images in (("a", IMAGES), ("b", IMAGES[:, :3])):
        files.write(tmp_path / f"{name}.parquet", image=files.lists(images, fixed=False))
    with pytest.raises(ValueError, match="images of 4x5x3, as in .*3x5x3 in .*b.parquet"):
        loading.load(f"stream:{tmp_path}")


@pytest.mark.parametrize(("rows", "message"), [([0, 9], "4x5x3, as the first"), ([9], "lists of")])
def test_ragged_lists_are_named_at_once_if_their_numbers_tell(tmp_path, rows, message):
    images = IMAGES.tolist()
    images[9] = [[[0] * 3] * 10] * 2  # As many pixels as the others, found when it is read.
    if 0 in rows:
        images[5] = [[[0] * 3]]
    files.write(tmp_path / "x.parquet", image=pa.array(images, files.lists(IMAGES, False).type))
    with pytest.raises(ValueError, match=f"Expected .*{message}.*x.parquet, row"):
        np.asarray(loading.load(f"stream:{tmp_path}").train)


def test_shapes_of_pixels_must_be_one(tmp_path):
    shape = [[4, 5, 3]] * 22 + [[5, 4, 3]]
    files.write(tmp_path / "x.parquet", image=files.raw(IMAGES), shape=shape)
    with pytest.raises(ValueError, match="one shape .*column shape of .*x.parquet"):
        loading.load(f"stream:{tmp_path}")
    files.write(tmp_path / "x.parquet", image=files.raw(IMAGES), shape=[[4, 5, 1]] * 23)
    with pytest.raises(ValueError, match="60 bytes and .*x.parquet, row 0"):
        loading.load(f"stream:{tmp_path}")


def test_row_groups_that_do_not_fit_into_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "GROUP_BYTES", 10 * IMAGES[0].size)
    files.write(tmp_path / "x.parquet", 10, **LISTS)
    assert len(loading.load(f"stream:{tmp_path}").train) == 20
    files.write(tmp_path / "x.parquet", 11, **LISTS)
    with pytest.raises(ValueError, match="at most 0 MB .*x.parquet, row group 0.*row_group_size"):
        loading.load(f"stream:{tmp_path}")


def test_damage_that_is_found_when_it_is_read_is_named(tmp_path):
    path = files.write(
        tmp_path / "x.parquet", 10, image=files.raw(IMAGES), shape=files.shapes(IMAGES)
    )
    content = bytearray(path.read_bytes())
    content[content.index(IMAGES[15].tobytes())] ^= 1
    path.write_bytes(content)
    found = loading.load(f"stream:{path}")
    np.testing.assert_array_equal(found.train[:8], IMAGES[1:9])
    with pytest.raises(ValueError, match="Expected a whole Parquet file.*x.parquet.*CRC"):
        np.asarray(found.train)


def test_an_image_that_is_none_is_named_when_it_is_read(tmp_path):
    encoded = files.png(IMAGES).to_pylist()
    encoded[12] = b"no picture"
    files.write(tmp_path / "x.parquet", image=encoded)
    with pytest.raises(ValueError, match="Expected a whole PNG.*x.parquet, row 12"):
        np.asarray(loading.load(f"stream:{tmp_path}").train)


def test_files_of_two_kinds_are_refused(tmp_path):
    files.write(tmp_path / "x.parquet", **LISTS)
    (tmp_path / "x.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match="Expected files of one kind"):
        loading.load(f"stream:{tmp_path}")


def test_the_extra_is_named_where_pyarrow_is_not_installed(tmp_path, monkeypatch):
    files.write(tmp_path / "x.parquet", **LISTS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"Expected pyarrow.*keras-vae\[parquet\]"):
        loading.load(f"stream:{tmp_path}")


def nothing_may_be_read(*args, **kwargs):
    raise AssertionError("It was read before its size was known.")


ZEROS = np.zeros((50, 4, 5, 3), np.uint8)
BOMBS = {
    "one image of too many pixels": {"image": files.lists(ZEROS[:1].repeat(9, axis=1))},
    "bytes": {"image": pa.array([bytes(600)], pa.binary())},
    "long shapes": {"image": files.flat(ZEROS[:2]), "shape": pa.array([[1] * 20, [1] * 30])},
    "long labels": {"image": files.lists(ZEROS[:2]), "label": pa.array([[1] * 20, [1] * 30])},
    "too many rows": {"image": files.lists(ZEROS)},
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_of_much_is_refused_before_it_is_read(tmp_path, name, monkeypatch):
    """The limits are made small here; equal values take next to no bytes in a file."""
    monkeypatch.setattr(parquet_file, "GROUP_BYTES", 500)
    monkeypatch.setattr(parquet_file, "MAX_ROWS", 40)
    monkeypatch.setattr(parquet_file.ParquetFile, "_batches", nothing_may_be_read)
    path = files.write(tmp_path / "x.parquet", rows=100, **BOMBS[name])
    with pytest.raises(
        ValueError, match="Expected (row groups of )?(at most|1 num|3 num).*x.parquet"
    ):
        loading.load(f"stream:{path}")


@pytest.mark.slow
def test_equal_images_that_the_file_holds_once_are_counted_as_often_as_they_come(tmp_path):
    """A dictionary of one image of 1 MB: 300 rows of it are 300 MB, of 400 KB of file."""
    image = np.random.default_rng(0).integers(0, 256, 1_000_000, np.uint8).tobytes()
    column = pa.array([image] * 300, pa.binary())
    path = files.write(tmp_path / "x.parquet", rows=300, image=column)
    group = parquet_file.ParquetFile(path)
    with pytest.raises(ValueError, match="Expected row groups of at most 128 MB.*x.parquet"):
        group.images(parquet_file.Group(0, 0, 300, 0), (1000, 1000, 1))
