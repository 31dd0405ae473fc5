"""TFRecord files without compression, of which any record can be read."""

import os
import struct
import weakref
from pathlib import Path

import numpy as np

from keras_vae.errors import UsageError

LENGTH = struct.Struct("<QI")  # The length of the data, and a checksum of these eight bytes.
CHECKSUM = 4  # Bytes of the checksum after the data.


class TFRecordFile:
    """The records of one file, whose positions are found when it is opened.

    Raises:
        ValueError: If the file is cut off or is something else; the message names it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._offsets = path, _offsets(path)
        self._file: OpenFile | None = None

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, place: int) -> bytes:
        """Return the bytes of a record."""
        offset = int(self._offsets[place])
        file = self._file = self._file or OpenFile(self._path)
        length, _ = LENGTH.unpack(os.pread(file.descriptor, LENGTH.size, offset))
        return os.pread(file.descriptor, length, offset + LENGTH.size)

    def close(self) -> None:
        """Close the file until the next record is read."""
        self._file = None


class OpenFile:
    """A file that is open as long as somebody holds this object, also while others drop it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.descriptor)


def _offsets(path: Path) -> np.ndarray:
    """Return the start of each record, from the lengths alone."""
    found, offset, size = [], 0, path.stat().st_size
    with path.open("rb", buffering=0) as file:
        while offset < size:
            file.seek(offset)
            head = file.read(LENGTH.size)
            length, checksum = LENGTH.unpack(head.ljust(LENGTH.size, b"\0"))
            end = offset + LENGTH.size + length + CHECKSUM
            if len(head) < LENGTH.size or masked_crc32c(head[:8]) != checksum or end > size:
                raise UsageError(
                    f"Expected whole records in {path}, a TFRecord file without compression. "
                    f"Received: none at byte {offset:,} of {size:,}. (It is damaged, cut off or "
                    "something else.)"
                )
            found.append(offset)
            offset = end
    return np.array(found, np.int64)


def masked_crc32c(content: bytes) -> int:
    """Return the checksum of TFRecord files: CRC-32C, rotated and shifted."""
    value = 0xFFFFFFFF
    for byte in content:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    """Return the table of CRC-32C, whose polynomial is 0x1EDC6F41, bits reversed."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
