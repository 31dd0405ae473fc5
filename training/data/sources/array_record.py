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
        self._records: Any = _source(path)
        self._count = len(self._records)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> bytes:
        """Return the bytes of a record after checking their checksum."""
        records = self._records = self._records or _source(self._path)
        try:
            return records[place]
        except RuntimeError as error:
            raise UsageError(
                f"Expected a whole record. Received: {self._path}, record {place:,} ({error})."
            ) from error

    def close(self) -> None:
        """Close the file until the next record is read; readers in other threads keep it open."""
        self._records = None


def _source(path: Path) -> Any:
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    try:
        return ArrayRecordDataSource([str(path)])
    except RuntimeError as error:
        raise UsageError(f"Expected an ArrayRecord file. Received: {path} ({error}).") from error
