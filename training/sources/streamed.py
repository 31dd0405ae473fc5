"""Images that stay on the disk: read by number when a batch needs them.

The order of a training is drawn over numbers, as that of images in memory is, so a training on
either gives the same batches, and goes on after an interruption at any of them.
"""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from training.sources.array_record import ArrayRecordFile
from training.sources.arrays import mapped
from training.sources.base import Data, check_images, hold_out, shape_text
from training.sources.example import Examples
from training.sources.folder import is_grey, labels_of, picture_files, read_picture
from training.sources.parquet import Table
from training.sources.tfrecord import TFRecordFile

SCHEME = "stream:"
# Of a folder, so many pictures tell whether all are grey: to open all of them takes long.
ASKED = 100

Reader = Callable[[int], np.ndarray]
Opener = Callable[[list[Path]], Any]
OPENERS: dict[str, Opener] = {
    ".tfrecord": functools.partial(Examples, opened=TFRecordFile),
    ".array_record": functools.partial(Examples, opened=ArrayRecordFile),
    ".parquet": Table,
}


@dataclass(frozen=True)
class Blocks:
    """Rows that are read together, where reading one alone would take as long.

    Attributes:
        of_rows: The block of each row, int32, from 0.
        window: How many blocks are kept in memory.
    """

    of_rows: np.ndarray
    window: int

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return int(self.of_rows.max()) + 1


class Streamed:
    """An array of images of which each is read anew when it is asked for.

    It is indexed by slices and by arrays of numbers, which give another one of these;
    `numpy.asarray` reads it whole.

    Args:
        read: From a number to the image, uint8 of shape `(height, width, channels)`.
        numbers: Of the images, in order.
        shape: Of one image.
        table: What has the images, where they are read in blocks.
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

    def __getitem__(self, index: Any) -> "Streamed":
        numbers = np.atleast_1d(self._numbers[index])
        return Streamed(self._read, numbers, self.shape[1:], self._table)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.rows(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    @property
    def blocks(self) -> Blocks | None:
        """How the images lie together, where that matters to the order of reading them."""
        if self._table is None:
            return None
        places = np.searchsorted(self._table.starts, self._numbers, side="right")
        of_rows = np.unique(places, return_inverse=True)[1].astype(np.int32)
        return Blocks(of_rows, self._table.window)

    def astype(self, dtype: Any) -> np.ndarray:
        """All images in memory, as `numpy.ndarray.astype`."""
        return np.asarray(self).astype(dtype)

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """The images at these places, uint8; the first error is kept in `failure`.

        Raises:
            ValueError: If one is unreadable or has another shape; the message names the file.
        """
        found = np.empty((len(indices), *self.shape[1:]), np.uint8)
        try:
            for place, index in enumerate(indices):
                image = self._read(int(self._numbers[index]))
                if image.shape != self.shape[1:]:
                    raise ValueError(
                        f"Expected images of {shape_text(self.shape[1:])}. Received: "
                        f"{shape_text(image.shape)} in image {self._numbers[index]:,}."
                    )
                found[place] = image
        except (ValueError, OSError) as error:
            self.failure = self.failure or error
            raise
        return found


def read_stream(path: Path, size: tuple[int, int] | None = None) -> Data:
    """Images of arrays, records, tables or pictures, left on the disk.

    Args:
        path: A .npy file of bytes; a .tfrecord, .array_record or .parquet file or a folder of such,
            see `training.sources.example` and `training.sources.parquet`; or a folder as
            `training.sources.folder` reads it.
        size: The (height, width) to stretch pictures to; of a folder of pictures only.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If a file is damaged or holds something else; the message names it.
        ImportError: If pyarrow or array_record is needed and not installed.
    """
    suffix, files = _files(path)
    if suffix in OPENERS:
        _refuse_size(size, path)
        return _of_files(path, files, OPENERS[suffix])
    if path.is_dir():
        return _of_folder(path, size)
    if not path.is_file() or suffix != ".npy":
        raise FileNotFoundError(
            f"Expected tfds:NAME, a folder or a .npy, {', '.join(OPENERS)} file after {SCHEME}. "
            f"Received: {path}{'' if path.exists() else ', which does not exist'}."
        )
    _refuse_size(size, path)
    return _held_out(path.stem, *_npy(path))


def _files(path: Path) -> tuple[str, list[Path]]:
    """The suffix of a file, or that of the files of `OPENERS` in a folder; the files."""
    if not path.is_dir():
        return (path.suffix if path.is_file() else "", [path])
    found = {suffix: sorted(path.rglob(f"*{suffix}")) for suffix in OPENERS}
    found = {suffix: files for suffix, files in found.items() if files}
    if len(found) > 1:
        raise ValueError(
            f"Expected files of one kind in {path}. Received: {' and '.join(found)} files."
        )
    return next(iter(found.items()), ("", []))


def _held_out(name: str, read: Reader, count: int) -> Data:
    """Every tenth image is a test image, as of arrays in memory."""
    shape = read(0).shape
    return data_of(name, *(Streamed(read, part, shape) for part in hold_out(count)))


def data_of(name: str, train: Streamed, test: Streamed, **labels: Any) -> Data:
    """A data set of images on the disk."""
    images: Any = (train, test)  # They do what programs ask of arrays.
    return Data(name, *images, **labels)


def _npy(path: Path) -> tuple[Reader, int]:
    """Reads with pread: of a mapped file all pages that were seen count as memory."""
    array = mapped(path)
    check_images(array, str(path))
    if not array.flags.c_contiguous:
        raise ValueError(f"Expected an array in the order of C. Received: {path} in Fortran's.")
    shape, offset = array.shape[1:], int(array.offset)
    length, descriptor = int(np.prod(shape)), os.open(path, os.O_RDONLY)

    def read(number: int) -> np.ndarray:
        content = os.pread(descriptor, length, offset + number * length)
        return np.frombuffer(content, np.uint8).reshape(shape)

    return read, len(array)


def _of_files(path: Path, files: list[Path], opened: Opener) -> Data:
    """Files whose names begin with test are the test images, otherwise every tenth image is."""
    tests = [file for file in files if file.name.startswith("test")]
    if not tests or len(tests) == len(files):
        rows = opened(files)
        parts = [(rows, numbers) for numbers in hold_out(len(rows))]
    else:
        train = [file for file in files if file not in tests]
        parts = [(rows, np.arange(len(rows))) for rows in (opened(train), opened(tests))]
    images, labels = zip(*(_part(*part) for part in parts), strict=True)
    return data_of(path.stem, *images, train_labels=labels[0], test_labels=labels[1])


def _part(rows: Any, numbers: np.ndarray) -> tuple[Streamed, np.ndarray | None]:
    """Some of the images of files, and their labels."""
    table = rows if isinstance(rows, Table) else None
    labels = None if table is None else table.labels()
    images = Streamed(rows.read, numbers, rows.read(0).shape, table)
    return images, None if labels is None else labels[numbers]


def _of_folder(folder: Path, size: tuple[int, int] | None) -> Data:
    """The same images, in the same order, as of a folder that is read into memory."""
    train, test, names = picture_files(folder)
    paths = [*train, *test]
    some = paths[:: max(len(paths) // ASKED, 1)]
    grey = all(is_grey(path) for path in some)

    def read(number: int) -> np.ndarray:
        if grey and not is_grey(paths[number]):
            raise ValueError(
                f"Expected grey pictures, as the first ones are. Received: {paths[number]} in "
                "color. (Convert it, or all of them.)"
            )
        image = read_picture(paths[number], "L" if grey else "RGB", size)
        if image.shape != shape:
            raise ValueError(
                f"Expected pictures of {shape_text(shape)}, as {paths[0]}, or an image_size to "
                f"stretch them to. Received: {shape_text(image.shape)} in {paths[number]}."
            )
        return image

    shape = read_picture(paths[0], "L" if grey else "RGB", size).shape
    numbers = np.split(np.arange(len(paths)), [len(train)])
    data = data_of(folder.resolve().name, *(Streamed(read, part, shape) for part in numbers))
    if names is None:
        return data
    return replace(
        data,
        train_labels=labels_of(folder, train, names),
        test_labels=labels_of(folder, test, names),
        label_names=names,
    )


def _refuse_size(size: tuple[int, int] | None, path: Path) -> None:
    if size is not None:
        raise ValueError(
            f"Expected no image_size for {SCHEME}{path}; only pictures are stretched when they "
            f"are read. Received: {size}."
        )
