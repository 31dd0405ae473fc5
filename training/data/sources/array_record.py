"""ArrayRecord files, of which any record can be read."""

from pathlib import Path
from typing import Any

from keras_vae.errors import UsageError


class ArrayRecordFile:
    """The records of one file.

    Raises:
        ValueError: If the file is cut off or is something else; the message names it.
        ImportError: If the package array_record, which comes with TFDS, is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records = _source(path)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, place: int) -> bytes:
        """Return the bytes of a record after checking their checksum."""
        try:
            return self._records[place]
        except RuntimeError as error:
            raise UsageError(
                f"Expected a whole record. Received: {self._path}, record {place:,} ({error})."
            ) from error


def _source(path: Path) -> Any:
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    try:
        return ArrayRecordDataSource([str(path)])
    except RuntimeError as error:
        raise UsageError(f"Expected an ArrayRecord file. Received: {path} ({error}).") from error
