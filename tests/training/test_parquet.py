"""Images in Parquet files: the same batches as in memory, and errors that name the file."""

import sys

import keras
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install keras-vae[parquet]")

import pyarrow as pa

from keras_vae.training.data import loading
from keras_vae.training.data.batches import evaluation_batches, training_batches
from keras_vae.training.data.order import order_of_epoch
from keras_vae.training.data.sources import parquet, parquet_file
from keras_vae.training.data.sources.streamed import Blocks
from keras_vae.training.prediction.rows import open_rows
from tests.support import parquet_files as files
from tests.training.test_streamed import assert_same_batches

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 4, 5, 3), np.uint8)
GREY = IMAGES[..., :1]

KINDS = {
    "lists": lambda x: {"image": files.lists(x)},
    "lists of any length": lambda x: {"image": files.lists(x, fixed=False)},
    "tensors": lambda x: {"pixels": files.tensors(x), "id": np.arange(len(x))},
    "flat lists": lambda x: {"image": files.flat(x), "shape": files.shapes(x)},
    "bytes": lambda x: {"image": files.raw(x), "shape": files.shapes(x), "more": files.raw(x)},
    "pictures": lambda x: {"image": files.png(x)},
    "pictures with paths": lambda x: {"img": files.with_paths(files.png(x)), "id": [""] * len(x)},
}


@pytest.mark.parametrize("images", [IMAGES, GREY], ids=["color", "grey"])
@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_those_of_the_same_images_in_memory_from_any_step(tmp_path, kind, images):
    np.save(tmp_path / "memory.npy", images)
    files.write(tmp_path / "x" / "a.parquet", **KINDS[kind](images[:9]))
    files.write(tmp_path / "x" / "b.parquet", **KINDS[kind](images[9:]))
    streamed = loading.load(f"stream:{tmp_path / 'x'}")
    assert_same_batches(streamed, loading.load(tmp_path / "memory.npy"))


def test_lists_without_channels_are_grey_images(tmp_path):
    path = files.write(tmp_path / "x.parquet", image=files.lists(GREY[..., 0]))
    np.testing.assert_array_equal(loading.load(f"stream:{path}").test, GREY[::10])


def test_files_called_test_are_the_test_images_and_labels_are_read(tmp_path):
    for name, part in (("train-0", slice(0, 20)), ("test-0", slice(20, 23))):
        labels = np.arange(23, dtype="int8")[part]
        files.write(tmp_path / f"{name}.parquet", image=files.lists(IMAGES[part]), label=labels)
    found = loading.load(f"stream:{tmp_path}")
    np.testing.assert_array_equal(found.train, IMAGES[:20])
    np.testing.assert_array_equal(found.test, IMAGES[20:])
    assert found.train_labels.tolist() == list(range(20)) and found.test_labels.dtype == np.int64
    assert found.test_labels.tolist() == [20, 21, 22]


# More row groups than fit into memory.

ROWS, BLOCKS, WINDOW = 20, 12, 3
NUMBERED = np.arange(ROWS * BLOCKS, dtype=np.uint8).reshape(-1, 1, 1, 1)


@pytest.fixture
def numbered(tmp_path, monkeypatch):
    """Images that are their numbers, in three files."""
    monkeypatch.setattr(parquet, "WINDOW_BYTES", WINDOW * ROWS)
    for number, part in enumerate(np.split(NUMBERED, 3)):
        files.write(tmp_path / f"{number}.parquet", ROWS, image=files.lists(part))
    return loading.load(f"stream:{tmp_path}")


def rows_of(batches):
    return [np.rint(255 * np.asarray(batch)).astype(int).reshape(-1) for batch in batches]


def test_an_epoch_has_each_row_once_in_an_order_of_the_seed_and_goes_on_at_any_step(numbered):
    train = np.asarray(numbered.train).reshape(-1)
    epochs = [rows_of(training_batches(numbered.train, 10, s, epochs=2)) for s in (0, 0, 1)]
    steps = len(epochs[0]) // 2
    halves = [np.concatenate(batches) for batches in (epochs[0][:steps], epochs[0][steps:])]
    for half in halves:
        np.testing.assert_array_equal(np.sort(half), train)
    assert (halves[0] != halves[1]).any()
    assert (np.concatenate(epochs[0]) == np.concatenate(epochs[1])).all()
    assert (np.concatenate(epochs[0]) != np.concatenate(epochs[2])).any()
    for start in (1, steps - 1, steps + 3):
        rest = rows_of(training_batches(numbered.train, 10, 0, start, epochs=2))
        np.testing.assert_array_equal(np.concatenate(rest), np.concatenate(epochs[0][start:]))


def test_a_row_group_is_read_once_an_epoch_and_few_are_kept(numbered, monkeypatch):
    read, kept = [], []
    images = parquet_file.ParquetFile.images

    def counted(self, group, shape):
        read.append((self.path, group.number))
        kept.append(len(numbered.train._table._recent))
        return images(self, group, shape)

    monkeypatch.setattr(parquet_file.ParquetFile, "images", counted)
    numbered.train._table._recent.clear()
    for _ in training_batches(numbered.train, 10, seed=1, epochs=1):
        pass
    assert len(read) == len(set(read)) == BLOCKS and max(kept) <= WINDOW + parquet.SPARE
    tests = np.concatenate(rows_of(evaluation_batches(numbered.test, 4)))
    np.testing.assert_array_equal(tests, NUMBERED[::10].reshape(-1))


def test_as_many_blocks_as_fit_are_open_at_any_time_and_no_row_has_a_place_of_its_own():
    of_rows = np.repeat(np.arange(BLOCKS, dtype=np.int32), ROWS)
    count, places, mixed = len(of_rows), [], []
    for epoch in range(200):
        order = order_of_epoch(count, Blocks(of_rows, WINDOW), [3, epoch]).numpy()
        places.append(np.argsort(order))
        spans = [np.flatnonzero(of_rows[order] == block)[[0, -1]] for block in range(BLOCKS)]
        opened = sum(
            (first <= np.arange(count)) & (np.arange(count) <= last) for first, last in spans
        )
        mixed.append([len(set(of_rows[order[ends]])) for ends in np.s_[:ROWS, -ROWS:]])
        assert opened.max() <= WINDOW
        assert opened[ROWS:-ROWS].mean() > WINDOW - 0.5  # Rows of all open blocks are mixed.
    assert (np.mean(mixed, axis=0) > WINDOW - 0.1).all()  # At both ends of an epoch too.
    assert (np.sort(places, axis=1) == np.arange(count)).all()
    # A place is uniform on 0 to count - 1, so its mean over epochs has this standard deviation.
    deviation = np.sqrt((count**2 - 1) / 12 / len(places))
    assert np.abs(np.mean(places, axis=0) - (count - 1) / 2).max() < 5 * deviation


# A column may say which rows are for testing.


def words(*counts):
    return [word for word, count in counts for _ in range(count)]


@pytest.mark.parametrize("name", ["split", "Partition", "subset"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_rows_are_for_the_part_that_their_column_says(tmp_path, capsys, name, dictionary):
    parts = pa.array(words(("TEST", 3), ("train", 15), ("val", 5)))
    column = {name: parts.dictionary_encode() if dictionary else parts}
    path = files.write(
        tmp_path / "x.parquet", image=files.lists(IMAGES), label=np.arange(23), **column
    )
    found = loading.load(f"stream:{path}")
    np.testing.assert_array_equal(found.test, IMAGES[:3])
    np.testing.assert_array_equal(found.train, IMAGES[3:18])
    assert found.train_labels.tolist() == list(range(3, 18))
    assert "5 rows for validation, next to those for testing" in capsys.readouterr().err


def test_rows_for_validation_are_for_testing_if_no_others_are(tmp_path, capsys):
    path = files.write(
        tmp_path / "x.parquet", image=files.lists(IMAGES), split=words(("train", 20), ("valid", 3))
    )
    np.testing.assert_array_equal(loading.load(f"stream:{path}").test, IMAGES[20:])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "columns",
    [
        {"split": words(("train", 20), ("holdout", 3))},
        {"split": words(("test", 23))},
        {"split": [0] * 23},
        {"split": [*words(("train", 20), ("test", 2)), None]},
        {"is_test": [False] * 20 + [True] * 3},
        {"train": [True] * 20 + [False] * 3},
    ],
    ids=str,
)
def test_rows_of_unclear_parts_are_refused(tmp_path, columns):
    path = files.write(tmp_path / "x.parquet", image=files.lists(IMAGES), **columns)
    with pytest.raises(ValueError, match="Expected .*(train|a value).*x.parquet"):
        loading.load(f"stream:{path}")


def test_a_column_that_contradicts_the_names_of_files_is_refused(tmp_path):
    for name, part, word in (
        ("train", IMAGES[:20], "train"),
        ("test", IMAGES[20:], "train"),
    ):
        column = words((word, len(part)))
        files.write(tmp_path / f"{name}.parquet", image=files.lists(part), split=column)
    with pytest.raises(ValueError, match="Expected rows for testing .*split.*Received: 3"):
        loading.load(f"stream:{tmp_path}")


def test_columns_that_are_not_read_are_told(tmp_path, capsys):
    path = files.write(
        tmp_path / "x.parquet",
        image=files.raw(IMAGES),
        shape=files.shapes(IMAGES),
        labels=np.arange(23),
        mask=files.raw(IMAGES),
    )
    loading.load(f"stream:{path}")
    assert capsys.readouterr().err == f"Passed over in {path}: the columns labels, mask.\n"
    open_rows(str(path), [keras.InputSpec(shape=(None, 4, 5, 3), name="x", dtype="float32")])
    assert capsys.readouterr().err == f"Passed over in {path}: the columns labels, mask.\n"


# What is refused, before training starts where that can be known.


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


@pytest.mark.parametrize("name", ["", "b.parquet"], ids=["a folder", "a file"])
def test_bulk_prediction_reads_all_rows_in_order(tmp_path, name):
    for letter, part in (("a", IMAGES[:9]), ("b", IMAGES[9:])):
        files.write(tmp_path / "x" / f"{letter}.parquet", image=files.png(part))
    inputs = [keras.InputSpec(shape=(None, 4, 5, 3), dtype="float32", name="x")]
    source, wanted = str(tmp_path / "x" / name), IMAGES[9:] if name else IMAGES
    rows = open_rows(source, inputs)
    assert rows.count == len(wanted)
    parts = [rows.read(start, min(start + 4, rows.count))[0] for start in range(0, rows.count, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), wanted / np.float32(255))
    before = rows.identity
    assert before == open_rows(source, inputs).identity
    files.write(tmp_path / "x" / "b.parquet", image=files.png(IMAGES[8::-1]))
    assert before != open_rows(source, inputs).identity


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


def test_equal_images_that_the_file_holds_once_are_counted_as_often_as_they_come(tmp_path):
    """A dictionary of one image of 1 MB: 300 rows of it are 300 MB, of 400 KB of file."""
    image = np.random.default_rng(0).integers(0, 256, 1_000_000, np.uint8).tobytes()
    column = pa.array([image] * 300, pa.binary())
    path = files.write(tmp_path / "x.parquet", rows=300, image=column)
    group = parquet_file.ParquetFile(path)
    with pytest.raises(ValueError, match="Expected row groups of at most 128 MB.*x.parquet"):
        group.images(parquet_file.Group(0, 0, 300, 0), (1000, 1000, 1))
