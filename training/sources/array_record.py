"""Images in ArrayRecord files, each read where it lies; records as in TFRecord files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.sources.example import image_of_example


class ArrayRecords:
    """The records of some files, in the order of the files.

    Args:
        files: Their paths.
        name: Of the feature that has the image.

    Raises:
        ValueError: If a file is cut off or is something else; the message names it.
        ImportError: If the package array_record, which TFDS brings, is not installed.
    """

    def __init__(self, files: Sequence[Path], name: str = "image") -> None:
        self._files, self._name = list(files), name
        self._sources = [_source(path) for path in self._files]
        self._first = np.cumsum([0, *map(len, self._sources)])
        if not len(self):
            raise ValueError(f"Expected at least one record in {self._files[0]}. Received: none.")

    def __len__(self) -> int:
        return int(self._first[-1])

    def read(self, number: int) -> np.ndarray:
        """The image of a record, uint8 of shape `(height, width, channels)`.

        Raises:
            ValueError: If it is none, or damaged; the message names the file.
        """
        file = int(np.searchsorted(self._first, number, side="right")) - 1
        place = number - int(self._first[file])
        where = f"{self._files[file]}, record {place:,}"
        try:
            content = self._sources[file][place]
        except RuntimeError as error:
            raise ValueError(f"Expected a whole record. Received: {where} ({error}).") from error
        return image_of_example(content, self._name, where)


def _source(path: Path) -> Any:
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    try:
        return ArrayRecordDataSource([str(path)])
    except RuntimeError as error:
        raise ValueError(f"Expected an ArrayRecord file. Received: {path} ({error}).") from error
