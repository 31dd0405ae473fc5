"""The IDX format of MNIST and its successors.

A file is two zero bytes, a byte for the type (8 is uint8), a byte for the rank, one big-endian
32-bit integer for each dimension, and the values in C order. Source: the format's description on
the MNIST page of LeCun, Cortes and Burges.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.base import Data, check_images

UINT8 = 8


def has_idx_files(folder: Path) -> bool:
    """Return True if `folder` itself holds images in IDX files."""
    return bool(_image_files(folder))


def read_idx_folder(folder: Path) -> Data:
    """Read a folder with one IDX file of training images, one of test images, and their labels.

    The training file has "train" in its name, the test file "t10k" or "test"; both may be gzipped.
    The labels are optional. Their files have the names of the image files, with `labels-idx1` in
    place of `images-idx3`.

    Args:
        folder: The folder of the files.

    Returns:
        Images of one channel. Labels have no names.

    Raises:
        FileNotFoundError: If there is no folder, or no such file in it.
        ValueError: If a file is not of the kind in its name, or is cut off. The message names it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"Expected a folder of IDX files. Received: {folder}, no folder")
    train, test = _one_file(folder, ("train",)), _one_file(folder, ("t10k", "test"))
    return Data(
        folder.resolve().name,
        _images(train),
        _images(test),
        _labels(train),
        _labels(test),
    )


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Read one IDX file of bytes.

    Args:
        path: The file; it is decompressed when its name ends in .gz.
        rank: The expected number of dimensions: 3 for images, 1 for labels.

    Returns:
        uint8 of the shape that the file states.

    Raises:
        ValueError: If the file is cut off, too long, or not an IDX file of bytes of that rank.
    """
    content = _content(path)
    start = 4 + 4 * rank
    magic = bytes([0, 0, UINT8, rank])
    if content[:4] != magic:
        raise UsageError(
            f"Expected an IDX file of bytes with {rank} dimensions, which starts with "
            f"{magic.hex(' ')}. Received: {content[:4].hex(' ') or 'nothing'} in {path} (is the "
            "file what its name says? fetch it again)"
        )
    shape = struct.unpack(f">{rank}I", content[4:start].ljust(start - 4, b"\0"))
    if len(content) != start + math.prod(shape):
        raise UsageError(
            f"Expected {start + math.prod(shape):,} bytes for the shape {shape} that the file "
            f"states. Received: {len(content):,} in {path} (the file is damaged, fetch it again)"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"Expected a whole gzip file. Received: {path}: {error} (fetch it again)"
        ) from error


def _image_files(folder: Path) -> dict[str, Path]:
    """Return a file for each name without .gz; a plain file precedes its gzipped twin."""
    zipped = {path.name.removesuffix(".gz"): path for path in folder.glob("*idx3-ubyte.gz")}
    return zipped | {path.name: path for path in folder.glob("*idx3-ubyte")}


def _one_file(folder: Path, words: tuple[str, ...]) -> Path:
    files = _image_files(folder)
    found = [path for name, path in sorted(files.items()) if any(word in name for word in words)]
    if not found:
        raise FileNotFoundError(
            f"Expected a file like {words[0]}-images-idx3-ubyte[.gz] in {folder}. Received: "
            f"{sorted(files) or 'no IDX images'} (fetch the missing file)"
        )
    if len(found) > 1:
        raise UsageError(
            f"Expected one IDX file named {' or '.join(words)} in {folder}. Received: "
            f"{[path.name for path in found]} (put each data set in a folder of its own)"
        )
    return found[0]


def _images(path: Path) -> np.ndarray:
    images = read_idx(path, rank=3)[..., np.newaxis]
    check_images(images, str(path))
    return images


def _labels(images_path: Path) -> np.ndarray | None:
    plain = images_path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    for name in (plain, f"{plain}.gz"):
        path = images_path.with_name(name)
        if path != images_path and path.exists():
            return read_idx(path, rank=1).astype(np.int64)
    return None
