"""Files of checkpoints are whole or refused, and the newest whole one is found."""

import hashlib
import os
import resource

import keras  # noqa: F401  (It brings bfloat16 to NumPy.)
import numpy as np
import pytest

from keras_vae.checkpointing import files
from keras_vae.files.atomic import write_atomically

DTYPES = ("float32", "float64", "float16", "bfloat16", "int32", "int64", "uint32", "bool")


def some_arrays():
    generator = np.random.default_rng(0)
    shapes = [(), (3,), (2, 1, 4), (0, 5)]
    return [generator.normal(size=s).astype(np.dtype(d)) for d in DTYPES for s in shapes]


@pytest.fixture
def written(tmp_path):
    path = files.path_of(tmp_path, 0, 7)
    return files.write(path, {"epoch": 0, "loss": 0.1}, [np.arange(3.0), np.uint32([4])])


def test_what_was_written_is_read(tmp_path):
    arrays = some_arrays()
    path = files.write(tmp_path / "a.state", {"text": "é\n", "number": 1 / 3}, arrays)
    about, found = files.read(path)
    assert about == {"text": "é\n", "number": 1 / 3}
    for one, other in zip(arrays, found, strict=True):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def test_every_flipped_bit_is_noticed(written):
    content = written.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        written.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged or something else"):
            files.read(written)


def test_every_missing_end_is_noticed(written):
    content = written.read_bytes()
    for size in range(len(content)):
        written.write_bytes(content[:size])
        with pytest.raises(ValueError, match=rf"SHA-256.*Received: .* of {size} bytes"):
            files.read(written)


def test_something_else_is_refused(tmp_path):
    for content in (b"", b"PK\x03\x04", b"x" * 1000, files.MAGIC * 9):
        (tmp_path / "a.state").write_bytes(content)
        with pytest.raises(ValueError, match="Expected a checkpoint"):
            files.read(tmp_path / "a.state")


@pytest.mark.parametrize(
    "text",
    [
        *(b"no JSON", b"[]", b"{}", b'{"arrays": 3}', b'{"arrays": [{}]}', b"[" * 100_000),
        *(
            b'{"arrays": [{"dtype": "%s", "shape": %s}]}' % entry
            for entry in ((b"O", b"[1]"), (b"f4", b"[-1]"), (b"f4", b"[9]"), (b"x", b"[]"))
        ),
    ],
)
def test_a_right_hash_of_something_else_is_refused(tmp_path, text):
    body = text + b"\n"
    head = files.MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n"
    (tmp_path / "a.state").write_bytes(head + body)
    with pytest.raises(ValueError, match="Expected a checkpoint. Received: .*something else"):
        files.read(tmp_path / "a.state")


def fill(folder, *positions):
    for epoch, step in positions:
        files.write(files.path_of(folder, epoch, step), {"at": [epoch, step]}, [])


def test_the_newest_is_the_one_of_the_last_position(tmp_path):
    fill(tmp_path, (9, 0), (10, 0), (9, 1_000_000), (2, 999))
    (path, (about, _)), damaged = files.newest(tmp_path)
    assert damaged == {}
    assert about == {"at": [10, 0]}
    assert [p.name for p in files.list_checkpoints(tmp_path)][-1] == path.name


def test_a_damaged_one_is_put_aside_with_a_message_for_the_one_before(tmp_path):
    fill(tmp_path, (1, 0), (2, 0), (3, 0))
    files.path_of(tmp_path, 3, 0).write_bytes(b"")
    said = []
    (_, (about, _)), damaged = files.newest(tmp_path)
    assert about == {"at": [2, 0]}
    assert [p.suffix for p in tmp_path.iterdir()] == 3 * [".state"]  # Reading changes no file.
    files.quarantine(damaged, said.append)
    assert len(said) == 1
    assert "epoch-000003" in said[0] and "the checkpoint before it is taken" in said[0]
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".state", ".state", ".damaged"]
    fill(tmp_path, (2, 5))  # The next one is older than the damaged one, and stays.
    files.prune(tmp_path, 2)
    (_, (about, _)), damaged = files.newest(tmp_path)
    assert (about, damaged) == ({"at": [2, 5]}, {})


def test_damaged_ones_alone_are_an_error_however_often_it_is_tried(tmp_path):
    fill(tmp_path, (1, 0))
    files.path_of(tmp_path, 1, 0).write_bytes(b"x")
    for _ in range(2):
        with pytest.raises(ValueError, match="damaged ones only"):
            files.newest(tmp_path)


def test_no_checkpoint_at_all_is_none(tmp_path):
    assert files.newest(tmp_path) == (None, {})
    assert files.newest(tmp_path / "absent") == (None, {})


def test_the_newest_stay_and_what_killed_writers_left_goes(tmp_path):
    fill(tmp_path, *((epoch, 0) for epoch in range(5)))
    (tmp_path / f".epoch-000001-step-000000000.keras_vae-{32 * 'a'}.tmp.state").touch()
    files.prune(tmp_path, 2)
    assert sorted(os.listdir(tmp_path)) == [
        files.path_of(tmp_path, epoch, 0).name for epoch in (3, 4)
    ]


def test_a_pipe_that_is_named_like_a_checkpoint_is_passed_over(tmp_path):
    """Opening it would wait for ever."""
    fill(tmp_path, (1, 0))
    os.mkfifo(files.path_of(tmp_path, 2, 0))
    (path, _), damaged = files.newest(tmp_path)
    assert path == files.path_of(tmp_path, 1, 0)
    assert damaged == {}


def test_a_writer_among_machines_leaves_the_files_of_others_and_has_a_name_of_its_own(tmp_path):
    other = tmp_path / f".a.keras_vae-{32 * 'a'}.tmp.npz"
    other.touch()
    names = []
    for text in ("one", "two"):
        write_atomically(
            tmp_path / "a.npz",
            lambda path, text=text: names.append(path.name) or path.write_text(text),
            machines=True,
        )
    assert len(set(names)) == 2
    assert sorted(os.listdir(tmp_path)) == [other.name, "a.npz"]
    assert (tmp_path / "a.npz").read_text() == "two"


def test_on_a_full_disk_the_checkpoints_from_before_are_whole(tmp_path, written):
    """The limit of a file's size stands for the end of the disk: both fail in the middle."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = written.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        for path in (written, tmp_path / "epoch-000009-step-000000000.state"):
            with pytest.raises(OSError, match="too large"):
                files.write(path, {}, [np.zeros(100_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == [written.name]
    assert written.read_bytes() == before
