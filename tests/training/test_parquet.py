"""Images in Parquet files: the same batches as in memory."""

import keras
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install keras-vae[parquet]")


from keras_vae.training.data import loading
from keras_vae.training.data.batches import evaluation_batches, training_batches
from keras_vae.training.data.order import order_of_epoch
from keras_vae.training.data.sources import parquet, parquet_file
from keras_vae.training.data.sources.streamed import Blocks
from keras_vae.training.prediction.rows import open_rows
from tests.support import parquet_files as files
from tests.support.parquet_files import GREY, IMAGES
from tests.training.test_streamed import assert_same_batches

pytestmark = pytest.mark.tensorflow


KINDS = {
    "lists": lambda x: {"image": files.lists(x)},
    "lists of any length": lambda x: {"image": files.lists(x, fixed=False)},
    "tensors": lambda x: {"pixels": files.tensors(x), "id": np.arange(len(x))},
    "flat lists": lambda x: {"image": files.flat(x), "shape": files.shapes(x)},
    "bytes": lambda x: {"image": files.raw(x), "shape": files.shapes(x), "more": files.raw(x)},
    "pictures": lambda x: {"image": files.png(x)},
    "pictures with paths": lambda x: {"img": files.with_paths(files.png(x)), "id": [""] * len(x)},
}


# Grey images in another form of the same kind are slow.
FORMS = [
    pytest.param(kind, images, id=f"{kind}-{color}", marks=marks)
    for kind in KINDS
    for color, images, marks in (
        ("color", IMAGES, ()),
        ("grey", GREY, () if kind in ("lists", "bytes", "pictures") else pytest.mark.slow),
    )
]


@pytest.mark.parametrize(("kind", "images"), FORMS)
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
