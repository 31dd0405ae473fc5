"""Small files that claim much: refused before the memory is taken."""

import gzip
import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.arrays import load_arrays
from keras_vae.training.data.sources.idx import read_idx
from tests.support.image_files import picture, write_idx

MEMORY = 40_000_000  # Bytes that Python and NumPy may take for a refusal.


def refused(call, message):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            call()
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def idx(shape):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)


def test_an_idx_file_that_is_longer_than_it_says_is_not_unpacked(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx((2, 3, 4)) + bytes(100_000_000), 9))
    refused(lambda: read_idx(path, 3), r"Expected 40 bytes for the shape \(2, 3, 4\).*more in")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-images-idx3-ubyte"])
def test_an_idx_file_that_claims_more_than_it_holds_is_refused(tmp_path, name):
    content = idx((2**31, 2**31, 2**31)) + bytes(100)
    (tmp_path / name).write_bytes(gzip.compress(content) if name[-3:] == ".gz" else content)
    refused(lambda: read_idx(tmp_path / name, 3), "Received: 116 in .*damaged")


def header(shape, dtype="|u1"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_an_array_that_claims_more_than_its_file_holds_is_refused(tmp_path, name):
    content = header((10**6, 1000, 1000)) + bytes(1000)
    if name == "a.npy":
        (tmp_path / name).write_bytes(content)
    else:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x_train.npy", content)
    refused(lambda: load(tmp_path / name), "numpy.save.*cut off")


def test_an_entry_whose_size_is_forged_is_refused(tmp_path):
    """The directory of the archive claims a terabyte for a few bytes, as the array does."""
    content = header((10**6, 1000, 1000)) + bytes(1000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", content)
        archive.infolist()[0].file_size = 2**31
    refused(lambda: load(tmp_path / "a.npz"), "numpy.save")


def test_an_array_that_nobody_asked_for_takes_no_memory(tmp_path):
    images = picture(0, (20, 3, 2))
    np.savez_compressed(tmp_path / "a.npz", x_train=images, other=np.zeros(200_000_000, np.uint8))
    tracemalloc.start()
    try:
        assert len(load(tmp_path / "a.npz").train) == 18
        assert set(load_arrays(tmp_path / "a.npz", ("x_train",))) == {"x_train"}
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


# What a message names is what is wrong.


def test_rows_of_different_lengths_in_an_archive_are_called_that(tmp_path):
    ragged = np.array([np.zeros(2), np.zeros(3)], object)
    np.savez(tmp_path / "a.npz", x_train=ragged)
    with pytest.raises(ValueError, match="Python objects in the array x_train.*different lengths"):
        load(tmp_path / "a.npz")


def test_an_encrypted_or_foreign_archive_is_called_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x_train.npy", header((1, 2, 2)) + bytes(4))
    with pytest.raises(ValueError, match="a.npz.*compressed in a way that numpy does not use"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("layout", ["MNIST/raw/{0}", "{0}/{0}", "{1}", "raw/{1}"])
def test_mnist_is_found_in_the_folders_that_programs_and_archives_make(tmp_path, layout):
    """Those of torchvision, of Kaggle's archive, and its names with a dot."""
    images = picture(0, (6, 3, 2))
    for part in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(6))):
            name = f"{part}-{kind}-ubyte"
            path = tmp_path / layout.format(name, name.replace("-idx", ".idx"))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_idx(path, array)
    (tmp_path / "._train-images-idx3-ubyte").write_bytes(b"\0\5\x16\7")
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train[..., 0], images)
    assert data.test_labels.tolist() == list(range(6))
