"""Images that stay on disk and are read by number when a batch needs them.

The order of a training is an order of numbers, as for images in memory. So both give the same
batches, and a training can continue after an interruption at any batch.
"""

import functools
import os
import re
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.file_search import find_files, tell_passed_over, tell_unread
from keras_vae.training.data.image_files import is_grey, read_image
from keras_vae.training.data.parts import parts_of_tables
from keras_vae.training.data.sources import row_parts
from keras_vae.training.data.sources.array_record import ArrayRecordFile
from keras_vae.training.data.sources.arrays import map_array
from keras_vae.training.data.sources.base import (
    SIZE_TO_STRETCH_TO,
    Data,
    check_images,
    check_levels,
    hold_out,
    shape_text,
)
from keras_vae.training.data.sources.example import Examples
from keras_vae.training.data.sources.folder import image_files
from keras_vae.training.data.sources.parquet import Table
from keras_vae.training.data.sources.registry import STREAM
from keras_vae.training.data.sources.tfrecord import TFRecordFile

# Number of images of a folder that show if all are grey, since opening all takes long.
SAMPLED_IMAGES = 100

# The names that TensorFlow Datasets gives to shards: mnist-train.tfrecord-00000-of-00001.
SHARD = re.compile(r"-\d+-of-\d+$")

Reader = Callable[[int], np.ndarray]
Opener = Callable[[list[Path]], Any]
OPENERS: dict[str, Opener] = {
    ".tfrecord": functools.partial(Examples, open_file=TFRecordFile),
    ".array_record": functools.partial(Examples, open_file=ArrayRecordFile),
    ".parquet": Table,
}


@dataclass(frozen=True)
class Blocks:
    """Groups of rows that are read together, as one row alone takes as long to read.

    Attributes:
        of_rows: The block of each row, int32, from 0.
        window: Number of blocks that are kept in memory.
    """

    of_rows: np.ndarray
    window: int

    @property
    def count(self) -> int:
        """The number of blocks."""
        return int(self.of_rows.max()) + 1


class StreamedImages:
    """An array of images on disk, each read when it is requested.

    An index by slices or arrays of numbers returns another `StreamedImages`. `numpy.asarray` reads
    all images.

    Args:
        read: The function from a number to the image, uint8 of shape `(height, width, channels)`.
        numbers: The numbers of the images, in order.
        shape: The shape of one image.
        table: The table that holds the images, if they are read in blocks.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self, read: Reader, numbers: np.ndarray, shape: Sequence[int], table: Table | None = None
    ) -> None:
        self._read, self._numbers, self._table = read, numbers, table
        self.shape = (len(numbers), *shape)
        self.failure: Exception | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> "StreamedImages":
        numbers = np.atleast_1d(self._numbers[index])
        return StreamedImages(self._read, numbers, self.shape[1:], self._table)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.rows(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    @property
    def blocks(self) -> Blocks | None:
        """The blocks of the images, or None if any image can be read alone."""
        if self._table is None:
            return None
        places = np.searchsorted(self._table.starts, self._numbers, side="right")
        of_rows = np.unique(places, return_inverse=True)[1].astype(np.int32)
        return Blocks(of_rows, self._table.window)

    def astype(self, dtype: Any) -> np.ndarray:
        """Return all images in memory, as `numpy.ndarray.astype`."""
        return np.asarray(self).astype(dtype)

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Read the images at these indices, uint8; the first error is kept in `failure`.

        Raises:
            ValueError: If one is unreadable or has another shape; the message names the file.
        """
        found = np.empty((len(indices), *self.shape[1:]), np.uint8)
        try:
            for place, index in enumerate(indices):
                image = self._read(int(self._numbers[index]))
                if image.shape != self.shape[1:]:
                    raise UsageError(
                        f"Expected images of {shape_text(self.shape[1:])}. Received: "
                        f"{shape_text(image.shape)} in image {self._numbers[index]:,}."
                    )
                found[place] = image
        except (ValueError, OSError) as error:
            self.failure = self.failure or error
            raise
        return found


def read_stream(path: Path, size: tuple[int, int] | None = None) -> Data:
    """Open images of arrays, records, tables or folders, which stay on disk.

    Args:
        path: A .npy file of bytes; a .tfrecord, .array_record or .parquet file or a folder of such,
            see `keras_vae.training.data.sources.example` and
            `keras_vae.training.data.sources.parquet`; or a folder as
            `keras_vae.training.data.sources.folder` reads it.
        size: The (height, width) to stretch images to, for a folder of images only.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If a file is damaged or holds something else; the message names it.
        ImportError: If pyarrow or array_record is needed and not installed.
    """
    kind, files = find_tables(path)
    if kind:
        _refuse_size(size, path)
        return _read_files(path, files, OPENERS[kind])
    if path.is_dir():
        return _read_folder(path, size)
    if not path.is_file() or path.suffix != ".npy":
        raise FileNotFoundError(
            f"Expected tfds:NAME, a folder or a .npy, {', '.join(OPENERS)} file after {STREAM}. "
            f"Received: {path}{'' if path.exists() else ', which does not exist'}."
        )
    _refuse_size(size, path)
    return _hold_out(path.stem, *_open_npy(path))


def kind_of(path: Path) -> str:
    """Return the suffix of a file, without the number of a shard behind it."""
    return Path(SHARD.sub("", path.name)).suffix.lower()


def find_tables(path: Path) -> tuple[str, list[Path]]:
    """Return the kind of a file of `OPENERS`, or of those below a folder, and the paths.

    The kind is empty if there are none.

    Raises:
        ValueError: If a folder has files of two kinds, or images too.
    """
    if not path.is_dir():
        kind = kind_of(path) if path.is_file() else ""
        return (kind, [path]) if kind in OPENERS else ("", [])
    found, passed = find_files(path, lambda file: kind_of(file) in OPENERS)
    kinds = sorted({kind_of(file) for file in found})
    if len(kinds) > 1:
        raise UsageError(
            f"Expected files of one kind in {path}. Received: {' and '.join(kinds)} files."
        )
    if found:
        tell_passed_over(path, passed)
    return (kinds[0] if kinds else ""), [path / file for file in found]


def _hold_out(name: str, read: Reader, count: int) -> Data:
    """Make every tenth image a test image, as for arrays in memory."""
    shape = read(0).shape
    return build_data(name, *(StreamedImages(read, part, shape) for part in hold_out(count)))


def build_data(name: str, train: StreamedImages, test: StreamedImages, **labels: Any) -> Data:
    """Build the data set of images on disk."""
    images: Any = (train, test)  # Programs can use them as arrays.
    return Data(name, *images, **labels)


def _open_npy(path: Path) -> tuple[Reader, int]:
    """Open a file to read with pread, since pages of a mapped file count as memory."""
    array = map_array(path)
    check_images(array, str(path))
    check_levels(array, str(path))
    if not array.flags.c_contiguous:
        raise UsageError(f"Expected an array in C order. Received: {path} in Fortran order.")
    shape, offset = array.shape[1:], int(array.offset)
    length, descriptor = int(np.prod(shape)), os.open(path, os.O_RDONLY)

    def read(number: int) -> np.ndarray:
        content = os.pread(descriptor, length, offset + number * length)
        return np.frombuffer(content, np.uint8).reshape(shape)

    weakref.finalize(read, os.close, descriptor)
    return read, len(array)


def _read_files(path: Path, files: list[Path], open_file: Opener) -> Data:
    """Use the files, or rows, for testing as test images; otherwise every tenth image."""
    names = [file.relative_to(path) if file != path else Path(file.name) for file in files]
    found = parts_of_tables(names)
    if found is None:
        rows = open_file(files)
        opened = [rows]
        parts = [(rows, numbers) for numbers in row_parts.parts_of_rows(path, rows)]
    else:
        tell_passed_over(path, found.passed)
        opened = [open_file([path / name for name in part]) for part in (found.train, found.test)]
        for rows, is_train in zip(opened, (True, False), strict=True):
            if (places := rows.parts()) is not None:
                row_parts.check_rows(places, is_train, f"the column split of {path}")
        parts = [(rows, np.arange(len(rows))) for rows in opened]
    images, labels = zip(*(_select(*part) for part in parts), strict=True)
    tell_unread(path, opened[0].unread_kind, {n for rows in opened for n in rows.unread(True)})
    name = path.name if path.is_dir() else path.stem
    return build_data(name, *images, train_labels=labels[0], test_labels=labels[1])


def _select(rows: Any, numbers: np.ndarray) -> tuple[StreamedImages, np.ndarray | None]:
    """Return some of the images of files, and their labels."""
    table = rows if isinstance(rows, Table) else None
    labels = None if table is None else table.labels()
    images = StreamedImages(rows.read, numbers, rows.read(0).shape, table)
    return images, None if labels is None else labels[numbers]


def _read_folder(folder: Path, size: tuple[int, int] | None) -> Data:
    """Open the images of a folder, in the order of `read_image_folder`."""
    found = image_files(folder)
    paths = [*found.train, *found.test]
    some = paths[:: max(len(paths) // SAMPLED_IMAGES, 1)]
    grey = all(is_grey(path) for path in some)

    def read(number: int) -> np.ndarray:
        if grey and not is_grey(paths[number]):
            raise UsageError(
                f"Expected grey images, as the first ones are. Received: {paths[number]} in "
                "color. (Convert it, or all of them.)"
            )
        image = read_image(paths[number], "L" if grey else "RGB", size)
        if image.shape != shape:
            raise UsageError(
                f"Expected images of {shape_text(shape)}, as {paths[0]}, or "
                f"{SIZE_TO_STRETCH_TO}. Received: {shape_text(image.shape)} in {paths[number]}."
            )
        return image

    shape = read_image(paths[0], "L" if grey else "RGB", size).shape
    numbers = np.split(np.arange(len(paths)), [len(found.train)])
    data = build_data(
        folder.resolve().name, *(StreamedImages(read, part, shape) for part in numbers)
    )
    return replace(
        data,
        train_labels=found.train_labels,
        test_labels=found.test_labels,
        label_names=found.names,
    )


def _refuse_size(size: tuple[int, int] | None, path: Path) -> None:
    if size is not None:
        raise UsageError(
            f"Expected no image_size for {STREAM}{path}; only files of images are stretched "
            f"when they are read. Received: {size}."
        )
