"""The IDX format of MNIST and its successors.

A file is two zero bytes, a byte for the type (8 is uint8), a byte for the rank, one big-endian
32-bit integer for each dimension, and the values in C order. Source: the format's description on
the MNIST page of LeCun, Cortes and Burges.
"""

import contextlib
import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.base import Data, check_images

UINT8 = 8
MOST_COMPRESSED = 1032  # Bytes that one byte of a gzip file can hold.


def has_idx_files(folder: Path) -> bool:
    """Return True if `folder` holds images in IDX files, at most two folders deep."""
    return bool(_find(folder, "idx3-ubyte"))


def read_idx_folder(folder: Path) -> Data:
    """Read a folder with one IDX file of training images, one of test images, and their labels.

    The training file has "train" in its name, the test file "t10k" or "test"; both may be gzipped.
    The labels are optional. Their files have the names of the image files, with `labels-idx1` in
    place of `images-idx3`. If the folder has no such file, its sub-folders are searched.

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
        _labels(folder, train),
        _labels(folder, test),
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
    start = 4 + 4 * rank
    with _open(path) as file:
        head = file.read(start)
        magic = bytes([0, 0, UINT8, rank])
        if head[:4] != magic:
            raise UsageError(
                f"Expected an IDX file of bytes with {rank} dimensions, which starts with "
                f"{magic.hex(' ')}. Received: {head[:4].hex(' ') or 'nothing'} in {path} (is the "
                "file what its name says? fetch it again)"
            )
        shape = struct.unpack(f">{rank}I", head[4:].ljust(start - 4, b"\0"))
        size = math.prod(shape)
        held = path.stat().st_size * (MOST_COMPRESSED if path.suffix == ".gz" else 1)
        # The sizes come from the file. So neither they nor what follows them is trusted.
        content = file.read(min(size, held) + 1)
    if len(head) < start or len(content) != size:
        more = "more" if len(content) > size else f"{len(head) + len(content):,}"
        raise UsageError(
            f"Expected {start + size:,} bytes for the shape {shape} that the file states. "
            f"Received: {more} in {path} (the file is damaged, fetch it again)"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    """Open a file, which is decompressed while it is read if its name ends in .gz."""
    if path.suffix != ".gz":
        with path.open("rb") as file:
            yield file
        return
    try:
        with gzip.open(path) as zipped:
            yield zipped
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UsageError(
            f"Expected a whole gzip file. Received: {path}: {error} (fetch it again)"
        ) from error


def _find(folder: Path, kind: str) -> list[Path]:
    """Return the files of a kind, a plain one before its gzipped twin, where the first ones lie."""
    for place in ("", "*/", "*/*/"):
        found = {
            str(path).removesuffix(".gz"): path
            for suffix in (".gz", "")
            for path in folder.glob(f"{place}*{kind}{suffix}")
            if path.is_file() and not path.name.startswith(".")
        }
        if found:
            return [found[name] for name in sorted(found)]
    return []


def _one_file(folder: Path, words: tuple[str, ...]) -> Path:
    files = _find(folder, "idx3-ubyte")
    found = [path for path in files if any(word in path.name.lower() for word in words)]
    if not found:
        raise FileNotFoundError(
            f"Expected a file like {words[0]}-images-idx3-ubyte[.gz] in {folder}. Received: "
            f"{[path.name for path in files] or 'no IDX images'} (fetch the missing file)"
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


def _labels(folder: Path, images_path: Path) -> np.ndarray | None:
    plain = images_path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    found = [p for p in _find(folder, "idx1-ubyte") if p.name.removesuffix(".gz") == plain]
    return read_idx(found[0], rank=1).astype(np.int64) if found else None
