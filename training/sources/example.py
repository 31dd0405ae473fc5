"""Images in files of `tf.train.Example`s, TFRecord or ArrayRecord, each read where it lies.

An image is one bytes value: a PNG or JPEG file, or the pixels themselves, a byte for each channel,
beside a feature `shape` of height, width and channels. Other features are passed over.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from training.sources.contents import image_of


class RecordFile(Protocol):
    """The records of a file, of which each is read when it is asked for."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, place: int) -> bytes:
        """One of them; a ValueError that names it if it is damaged."""


class Examples:
    """The images of some files, in the order of the files.

    Args:
        files: Their paths.
        opened: From a path to its records.
        name: Of the feature that has the image.

    Raises:
        ValueError: If a file is damaged or something else, or all are empty; the message names it.
    """

    def __init__(
        self, files: Sequence[Path], opened: Callable[[Path], RecordFile], name: str = "image"
    ) -> None:
        self._paths, self._name = list(files), name
        self._files = [opened(path) for path in self._paths]
        self._first = np.cumsum([0, *map(len, self._files)])
        if not len(self):
            raise ValueError(f"Expected at least one record in {self._paths[0]}. Received: none.")

    def __len__(self) -> int:
        return int(self._first[-1])

    def read(self, number: int) -> np.ndarray:
        """The image of a record, uint8 of shape `(height, width, channels)`.

        Raises:
            ValueError: If it is none, or damaged; the message names the file.
        """
        file = int(np.searchsorted(self._first, number, side="right")) - 1
        place = number - int(self._first[file])
        where = f"{self._paths[file]}, record {place:,}"
        return image_of_example(self._files[file][place], self._name, where)


def image_of_example(content: bytes, name: str, where: str) -> np.ndarray:
    """The image, uint8 of shape `(height, width, channels)`.

    Args:
        content: The serialized example.
        name: Of the feature.
        where: What messages call it.

    Raises:
        ValueError: If there is none.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(content).features.feature
    except DecodeError as error:
        raise ValueError(f"Expected a tf.train.Example. Received: {where} ({error}).") from error
    values: Any = features[name].bytes_list.value if name in features else ()
    if len(values) != 1:
        raise ValueError(
            f"Expected one bytes value of the feature {name}. Received: {where} with "
            f"{len(values)} of them, and features {sorted(features)}."
        )
    shape = tuple(features["shape"].int64_list.value) if "shape" in features else ()
    return image_of(values[0], shape, where)
