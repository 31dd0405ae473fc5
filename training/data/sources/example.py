"""Images in files of `tf.train.Example`s, TFRecord or ArrayRecord, read one at a time.

An image is one bytes value: a PNG or JPEG file, or the pixels themselves, a byte for each channel.
Pixels need another feature `shape` of height, width and channels. Others are not read.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.sources import row_parts
from keras_vae.training.data.sources.contents import image_from_bytes

# A process may open a thousand files, and data sets have more.
OPEN_FILES = 64


class RecordFile(Protocol):
    """A file whose records are read when they are requested."""

    def __len__(self) -> int:
        """Return the number of records."""

    def __getitem__(self, place: int) -> bytes:
        """Return one record; raise a ValueError that names it if it is damaged."""

    def close(self) -> None:
        """Close the file until the next record is read."""


class Examples:
    """The images of some files, in the order of the files.

    Args:
        files: The paths of the files.
        open_file: The function that opens the records of a path.
        name: The name of the feature that has the image.

    Raises:
        ValueError: If a file is damaged or something else, or all are empty; the message names it.
    """

    unread_kind = "features"

    def __init__(
        self, files: Sequence[Path], open_file: Callable[[Path], RecordFile], name: str = "image"
    ) -> None:
        self._paths, self._name = list(files), name
        self._files = [open_file(path) for path in self._paths]
        self._first = np.cumsum([0, *map(len, self._files)])
        self._recent: dict[int, None] = {}
        self._lock = threading.Lock()
        if not len(self):
            raise UsageError(f"Expected at least one record in {self._paths[0]}. Received: none.")

    def __len__(self) -> int:
        return int(self._first[-1])

    def read(self, number: int) -> np.ndarray:
        """Return the image of a record, uint8 of shape `(height, width, channels)`.

        Raises:
            ValueError: If it is not an image, or damaged; the message names the file.
        """
        file = int(np.searchsorted(self._first, number, side="right")) - 1
        place = number - int(self._first[file])
        where = f"{self._paths[file]}, record {place:,}"
        self._limit_open_files(file)
        return image_from_example(self._files[file][place], self._name, where)

    def parts(self) -> None:
        """Raise ValueError if a feature tells the part of each record, which is not read."""
        if names := [name for name in self._features() if name.lower() in row_parts.NAMES]:
            raise UsageError(
                f"Expected files for each part, named train and test. Received: {self._paths[0]} "
                f"with the feature {names[0]}. (Write a file for each part, or leave it out.)"
            )

    def unread(self, training: bool) -> set[str]:
        """Return the names of the features of the first record that are not used."""
        return self._features() - {self._name, "shape"}

    def _features(self) -> set[str]:
        first = int(np.argmax(np.diff(self._first) > 0))
        return set(_parse(self._files[first][0], f"{self._paths[first]}, record 0"))

    def _limit_open_files(self, file: int) -> None:
        """Close the file that was used longest ago, if this one is one too many."""
        with self._lock:
            self._recent.pop(file, None)
            self._recent[file] = None  # The one that was used last is at the end.
            if len(self._recent) > OPEN_FILES:
                oldest = next(iter(self._recent))
                del self._recent[oldest]
                self._files[oldest].close()


def image_from_example(content: bytes, name: str, where: str) -> np.ndarray:
    """Return the image, uint8 of shape `(height, width, channels)`.

    Args:
        content: The serialized example.
        name: The name of the feature.
        where: The name of the example, for messages.

    Raises:
        ValueError: If there is no such image.
    """
    features = _parse(content, where)
    values: Any = features[name].bytes_list.value if name in features else ()
    if len(values) != 1:
        raise UsageError(
            f"Expected one bytes value of the feature {name}. Received: {where} with "
            f"{len(values)} of them, and features {sorted(features)}."
        )
    shape = tuple(features["shape"].int64_list.value) if "shape" in features else ()
    return image_from_bytes(values[0], shape, where)


def _parse(content: bytes, where: str) -> Any:
    """Return the features of a serialized example by name."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return tf.train.Example.FromString(content).features.feature
    except DecodeError as error:
        raise UsageError(f"Expected a tf.train.Example. Received: {where} ({error}).") from error
