"""Images that stay on the disk: the same batches as in memory, and errors that name the file."""

import gc
import os

import numpy as np
import pytest
import tensorflow as tf
from array_record.python.array_record_module import ArrayRecordWriter

from keras_vae.training.data import loading
from keras_vae.training.data.batches import evaluation_batches, training_batches
from keras_vae.training.data.sources.tfrecord import masked_crc32c
from keras_vae.training.train import main
from tests.support import killed, parquet_files
from tests.support.image_files import picture, save

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 4, 5, 3), np.uint8)


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=value))


def example(**features):
    made = {name: feature(value) for name, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def write_records(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def write_array_records(path, records, options="group_size:1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = ArrayRecordWriter(str(path), options)
    for record in records:
        writer.write(record)
    writer.close()
    return path


def raw(image):
    return example(image=image.tobytes(), shape=image.shape, label=[3])


def png(image):
    return example(image=tf.io.encode_png(image).numpy())


def written(folder, kind):
    """The same images as files of a kind; what to load."""
    if kind == "npy":
        np.save(folder / "x.npy", IMAGES)
        return folder / "x.npy"
    if kind == "array_record":
        write_array_records(folder / "x" / "a.array_record", map(raw, IMAGES[:9]))
        write_array_records(folder / "x" / "b.array_record", map(png, IMAGES[9:]), "group_size:4")
        return folder / "x"
    encode = {"raw": raw, "png": png}[kind]
    write_records(folder / "x" / "a.tfrecord", map(encode, IMAGES[:9]))
    write_records(folder / "x" / "b.tfrecord", map(encode, IMAGES[9:]))
    return folder / "x"


def arrays(batches):
    return [np.asarray(batch) for batch in batches]


def assert_same_batches(streamed, memory):
    for start in (0, 4):
        options = {"seed": 3, "epochs": 2, "start_step": start}
        pairs = zip(
            arrays(training_batches(streamed.train, 5, **options)),
            arrays(training_batches(memory.train, 5, **options)),
            strict=True,
        )
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)
    tests = [np.concatenate(arrays(evaluation_batches(d.test, 2))) for d in (streamed, memory)]
    np.testing.assert_array_equal(*tests)


@pytest.mark.parametrize("kind", ["npy", "raw", "png", "array_record"])
def test_batches_are_those_of_the_same_images_in_memory_from_any_step(tmp_path, kind):
    np.save(tmp_path / "memory.npy", IMAGES)
    streamed = loading.load(f"stream:{written(tmp_path, kind)}")
    assert_same_batches(streamed, loading.load(tmp_path / "memory.npy"))


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)], ids=["grey", "color"])
@pytest.mark.parametrize("parts", [("",), ("train", "test")], ids=["one folder", "two"])
def test_a_folder_of_pictures_gives_what_it_gives_in_memory(tmp_path, shape, parts):
    for i in range(24):
        folder = tmp_path / "in" / parts[i % len(parts)] / "ab"[i // 2 % 2]
        save(folder / f"{i}.png", picture(i, shape))
    memory, streamed = loading.load(tmp_path / "in"), loading.load(f"stream:{tmp_path / 'in'}")
    assert_same_batches(streamed, memory)
    np.testing.assert_array_equal(streamed.train_labels, memory.train_labels)
    np.testing.assert_array_equal(streamed.test_labels, memory.test_labels)
    assert streamed.label_names == memory.label_names == ("a", "b")


def test_files_called_test_are_the_test_images(tmp_path):
    write_records(tmp_path / "train-0.tfrecord", map(raw, IMAGES[:20]))
    write_records(tmp_path / "test-0.tfrecord", map(raw, IMAGES[20:]))
    found = loading.load(f"stream:{tmp_path}")
    np.testing.assert_array_equal(found.train, IMAGES[:20])
    np.testing.assert_array_equal(found.test, IMAGES[20:])


def test_features_that_are_not_read_are_told_and_one_of_parts_is_refused(tmp_path, capsys):
    path = write_records(tmp_path / "x.tfrecord", map(raw, IMAGES))
    loading.load(f"stream:{path}")
    assert capsys.readouterr().err == f"Passed over in {path}: the features label.\n"
    parted = (example(image=i.tobytes(), shape=i.shape, split=b"test") for i in IMAGES)
    write_records(path, parted)
    with pytest.raises(ValueError, match="for each part.*x.tfrecord with the feature split"):
        loading.load(f"stream:{path}")


def test_data_are_called_as_their_folder(tmp_path):
    parquet_files.write(tmp_path / "faces.v1" / "a.parquet", image=parquet_files.lists(IMAGES))
    assert loading.load(f"stream:{tmp_path / 'faces.v1'}").name == "faces.v1"


def test_pictures_are_stretched_as_in_memory(tmp_path):
    for i in range(12):
        save(tmp_path / "in" / f"{i}.jpg", picture(i, (6 + i, 9, 3)))
    sizes = {"image_size": (4, 4)}
    assert_same_batches(
        loading.load(f"stream:{tmp_path / 'in'}", **sizes), loading.load(tmp_path / "in", **sizes)
    )


def test_pictures_of_two_sizes_are_named_and_stretched_on_demand(tmp_path):
    for number in range(20):
        save(tmp_path / f"{number}.png", picture(number, (4 + (number == 7), 5, 3)))
    streamed = loading.load(f"stream:{tmp_path}")
    with pytest.raises(ValueError, match=r"a size to stretch.*Received: 5x5x3 in .*7.png"):
        np.concatenate([streamed.train, streamed.test])
    assert loading.load(f"stream:{tmp_path}", image_size=(4, 4)).image_shape == (4, 4, 3)


def test_the_checksum_is_that_of_tensorflow(tmp_path):
    content = write_records(tmp_path / "x.tfrecord", [b"abc"]).read_bytes()
    assert int.from_bytes(content[8:12], "little") == masked_crc32c(content[:8])
    assert int.from_bytes(content[-4:], "little") == masked_crc32c(b"abc")


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[9] ^= 1  # Of the checksum of the length.
    path.write_bytes(content)


@pytest.mark.parametrize(
    "records, change, message",
    [
        ([raw(IMAGES[0])], cut, "Expected whole records in .*x.tfrecord"),
        ([raw(IMAGES[0])], flipped, "Expected whole records in .*x.tfrecord"),
        ([raw(IMAGES[0])], lambda path: path.write_text("text"), "none at byte 0 of 4"),
        ([], None, "Expected at least one record in .*x.tfrecord"),
        ([b"abc"], None, "Expected a tf.train.Example.*x.tfrecord, record 0"),
        ([example(other=b"")], None, r"feature image.*x.tfrecord, record 0.*\['other'\]"),
        ([example(image=b"12", shape=[1, 1, 3])], None, r"2 bytes and \(1, 1, 3\) in .*record 0"),
        ([example(image=b"no picture")], None, "whole PNG.*x.tfrecord, record 0"),
    ],
)
def test_a_file_that_is_damaged_or_something_else_is_named(tmp_path, records, change, message):
    path = write_records(tmp_path / "x.tfrecord", records)
    if change:
        change(path)
    with pytest.raises(ValueError, match=message):
        loading.load(f"stream:{path}")


def zeros_inside(path):
    content = bytearray(path.read_bytes())
    content[200:220] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "records, change, message",
    [
        ([raw(IMAGES[0])], cut, "Expected an ArrayRecord file.*x.array_record"),
        ([raw(IMAGES[0])], lambda path: path.write_text("text"), "an ArrayRecord file.*at least"),
        ([raw(IMAGES[0])], zeros_inside, "Expected a whole record.*x.array_record, record 0.*hash"),
        ([], None, "Expected at least one record in .*x.array_record"),
        ([b"abc"], None, "Expected a tf.train.Example.*x.array_record, record 0"),
    ],
)
def test_an_array_record_that_is_damaged_is_named(tmp_path, records, change, message):
    path = write_array_records(tmp_path / "x.array_record", records)
    if change:
        change(path)
    with pytest.raises(ValueError, match=message):
        loading.load(f"stream:{path}")


@pytest.mark.parametrize(
    "name, error, message",
    [
        ("missing", FileNotFoundError, "which does not exist"),
        ("x.txt", FileNotFoundError, ".array_record, .parquet file after stream:"),
        ("floats.npy", ValueError, "Expected uint8 images. Received: float64"),
        ("fortran.npy", ValueError, "in C order"),
        ("text.npy", ValueError, "Expected a file written by numpy.save"),
    ],
)
def test_what_cannot_be_streamed_is_refused(tmp_path, name, error, message):
    for text in ("x.txt", "text.npy"):
        (tmp_path / text).write_text("text")
    np.save(tmp_path / "floats.npy", IMAGES / 255)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(IMAGES))
    with pytest.raises(error, match=message):
        loading.load(f"stream:{tmp_path / name}")


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files on Linux")
@pytest.mark.parametrize("kind", ["npy", "raw", "array_record", "parquet"])
def test_data_that_are_dropped_leave_no_file_open(tmp_path, kind):
    if kind == "parquet":
        path = parquet_files.write(tmp_path / "x.parquet", image=parquet_files.lists(IMAGES))
    else:
        path = written(tmp_path, kind)
    np.asarray(loading.load(f"stream:{path}").train)
    before = descriptors()
    for _ in range(5):
        np.asarray(loading.load(f"stream:{path}").train)
    assert descriptors() <= before


@pytest.mark.parametrize("kind", [write_records, write_array_records])
def test_a_folder_may_have_more_files_than_a_process_may_open(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("keras_vae.training.data.sources.example.OPEN_FILES", 3)
    suffix = "tfrecord" if kind is write_records else "array_record"
    for number, image in enumerate(IMAGES):
        kind(tmp_path / "x" / f"{number:02}.{suffix}", [raw(image)])
    before = descriptors()
    found = loading.load(f"stream:{tmp_path / 'x'}")
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([found.train, found.test])[0], IMAGES[1])
        np.asarray(found.train)
        assert descriptors() <= before + 6  # A reader of ArrayRecord opens its file twice.


def test_shards_with_the_names_of_tensorflow_datasets_are_read(tmp_path):
    for part, images in (("train", IMAGES[:20]), ("test", IMAGES[20:])):
        for number in range(2):
            name = f"mnist-{part}.tfrecord-{number:05}-of-00002"
            write_records(tmp_path / name, map(raw, images[number::2]))
    found = loading.load(f"stream:{tmp_path}")
    assert (len(found.train), len(found.test)) == (20, 3)
    with pytest.raises(ValueError, match="Those stay on disk: stream:"):
        loading.load(tmp_path)
    one = tmp_path / "mnist-train.tfrecord-00000-of-00002"
    assert len(loading.load(f"stream:{one}").train) == 9
    with pytest.raises(ValueError, match=f"Give stream:{one}"):
        loading.load(one)


RECIPE = killed.RECIPE.replace('"dynamic"', '"held_out"').replace("EPOCHS", "3")


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code


@pytest.mark.long
def test_a_training_from_the_disk_is_that_from_memory_also_when_it_was_interrupted(tmp_path):
    (tmp_path / "recipe.py").write_text(RECIPE)
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(0, 256, (66, 8, 8, 1), np.uint8))
    common = (tmp_path / "recipe.py", "--checkpoint-steps", "1", "--steps-per-execution", "1")
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    assert run(*common, "--data", tmp_path / "x.npy", "--out", memory) == 0
    assert run(*common, "--data", f"stream:{tmp_path / 'x.npy'}", "--out", disk) == 0
    for path in sorted((disk / "checkpoints").iterdir())[-1:]:
        path.unlink()  # The one before it is of the middle of the last epoch.
    assert run(common[0], "--out", disk, "--resume") == 0
    killed.assert_same_runs(memory, disk)


@pytest.mark.slow
def test_a_picture_that_turns_out_damaged_in_training_is_named(tmp_path, capsys):
    (tmp_path / "recipe.py").write_text(RECIPE)
    records = [raw(picture(i, (8, 8, 1))) for i in range(60)]
    records[31] = example(image=b"no picture")
    write_records(tmp_path / "x.tfrecord", records)
    words = ("--data", f"stream:{tmp_path / 'x.tfrecord'}", "--out", tmp_path / "run")
    assert run(tmp_path / "recipe.py", *words) == 2
    error = capsys.readouterr().err
    assert "Error: Expected a whole PNG" in error and "x.tfrecord, record 31" in error
