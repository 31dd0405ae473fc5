"""Images in Parquet files, read a row group at a time.

A row holds an image in the column `image`, or in the only column that can hold one:

    lists    of uint8: nested three deep (height, width, channels), or two deep for grey images, an
             `arrow.fixed_shape_tensor`, or one flat list with the column `shape`
    bytes    a PNG or JPEG file, also as the field `bytes` of a struct; or, with the column
             `shape`, the pixels themselves, which are read much faster than lists

`shape` is height, width and channels, the same in all rows. Integers in a column `label` are the
labels, and words in a column `split` are the parts, see `row_parts`. Other columns are not read.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources import row_parts
from keras_vae.training.data.sources.base import shape_text
from keras_vae.training.data.sources.columns import LABEL
from keras_vae.training.data.sources.parquet_file import ParquetFile

WINDOW_BYTES = 256 << 20  # Bytes of row groups that are in memory at once.
SPARE = 2  # Row groups that later batches may open before earlier ones are done.


class Table:
    """The rows of some files, in the order of the files.

    Metadata and the first image of each file are checked at once.

    Args:
        files: The paths of the files.

    Attributes:
        starts: The first row of each row group, and the number of rows.
        window: The number of row groups that are kept in memory, at least two.

    Raises:
        ValueError: If a file is damaged, empty or something else, or its images differ from those
            of the first file in kind or shape; the message names it.
        ImportError: If pyarrow is not installed.
    """

    unread_kind = "columns"

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [ParquetFile(path) for path in files]
        self.shape = self._files[0].first_image().shape
        for file in self._files:
            _check_same_kind(file, self._files[0], self.shape)
        groups = [(file, group) for file in self._files for group in file.groups(self.shape)]
        self._groups = groups
        self.starts = np.cumsum([0, *(group.rows for _, group in groups)])
        self.window = max(2, WINDOW_BYTES // max(group.size for _, group in groups))
        self._recent: dict[int, Future] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, number: int) -> np.ndarray:
        """Return the image of a row, uint8 of shape `(height, width, channels)`.

        Raises:
            ValueError: If it is not an image; the message names the file.
        """
        place = int(np.searchsorted(self.starts, number, side="right")) - 1
        file, group = self._groups[place]
        return file.image(self._images(place), number - int(self.starts[place]), group.first)

    def labels(self) -> np.ndarray | None:
        """Return the column `label`, int64 of shape `(rows,)`; None without such a column."""
        return self._join([file.labels() for file in self._files], LABEL)

    def parts(self) -> np.ndarray | None:
        """Return the part of each row, see `row_parts.parse_parts`; None if no column tells it."""
        return self._join([file.parts() for file in self._files], row_parts.NAMES[0])

    def unread(self, training: bool) -> set[str]:
        """Return the names of the columns that are not used, for training or for prediction."""
        return {name for file in self._files for name in file.unread(training)}

    def _join(self, found: Sequence[np.ndarray | None], name: str) -> np.ndarray | None:
        """Return a column of all files; raise ValueError if some of them are without."""
        kept = [values for values in found if values is not None]
        if kept and len(kept) < len(found):
            without = next(f for f, v in zip(self._files, found, strict=True) if v is None)
            raise UsageError(
                f"Expected a column {name} in all files or in none. Received: {without.path} "
                "without, others with one."
            )
        return np.concatenate(kept) if kept else None

    def _images(self, place: int) -> Any:
        """Return the images of a row group, read by the first caller and kept while recent."""
        with self._lock:
            mine = place not in self._recent
            future = Future() if mine else self._recent.pop(place)
            self._recent[place] = future  # The one that was used last is at the end.
            for old in list(self._recent)[: -self.window - SPARE]:
                del self._recent[old]
        if mine:
            self._fill(future, place)
        return future.result()

    def _fill(self, future: Future, place: int) -> None:
        file, group = self._groups[place]
        try:
            future.set_result(file.images(group, self.shape))
        except Exception as error:
            future.set_exception(error)


def _check_same_kind(file: ParquetFile, first: ParquetFile, shape: tuple[int, ...]) -> None:
    if (file.column, file.shape) != (first.column, first.shape):
        raise UsageError(
            f"Expected images as in {first.path}: {_describe(first)}. Received: "
            f"{_describe(file)} in {file.path}."
        )
    found = file.first_image().shape
    if found != shape:
        raise UsageError(
            f"Expected images of {shape_text(shape)}, as in {first.path}. Received: "
            f"{shape_text(found)} in {file.path}."
        )


def _describe(file: ParquetFile) -> str:
    return f"{file.column}, {shape_text(file.shape) if file.shape else 'of no declared shape'}"
