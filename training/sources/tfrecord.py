"""Images in TFRecord files, each read where it lies; see `training.sources.example` for a record.

Files are not compressed.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.sources.example import image_of_example

LENGTH = struct.Struct("<QI")  # Of the data, and a checksum of these eight bytes.
CHECKSUM = 4  # Bytes, after the data.


class Records:
    """The records of some files, in the order of the files; where they lie is found out at once.

    Args:
        files: Their paths.
        name: Of the feature that has the image.

    Raises:
        ValueError: If a file is cut off or is something else; the message names it.
    """

    def __init__(self, files: Sequence[Path], name: str = "image") -> None:
        self.files, self._name = list(files), name
        offsets = [_offsets(path) for path in self.files]
        if not sum(map(len, offsets)):
            raise ValueError(f"Expected at least one record in {self.files[0]}. Received: none.")
        self._first = np.cumsum([0, *map(len, offsets)])
        self._offsets = np.concatenate(offsets)
        self._descriptors: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._offsets)

    def read(self, number: int) -> np.ndarray:
        """The image of a record, uint8 of shape `(height, width, channels)`.

        Raises:
            ValueError: If it is none; the message names the file.
        """
        file = int(np.searchsorted(self._first, number, side="right")) - 1
        offset = int(self._offsets[number])
        where = f"{self.files[file]}, record {number - int(self._first[file]):,}"
        descriptor = self._open(file)
        length, _ = LENGTH.unpack(os.pread(descriptor, LENGTH.size, offset))
        content = os.pread(descriptor, length, offset + LENGTH.size)
        return image_of_example(content, self._name, where)

    def _open(self, file: int) -> int:
        if file not in self._descriptors:
            self._descriptors[file] = os.open(self.files[file], os.O_RDONLY)
        return self._descriptors[file]


def _offsets(path: Path) -> np.ndarray:
    """Where each record begins, from the lengths alone."""
    found, offset, size = [], 0, path.stat().st_size
    with path.open("rb", buffering=0) as file:
        while offset < size:
            file.seek(offset)
            head = file.read(LENGTH.size)
            length, checksum = LENGTH.unpack(head.ljust(LENGTH.size, b"\0"))
            end = offset + LENGTH.size + length + CHECKSUM
            if len(head) < LENGTH.size or masked_crc32c(head[:8]) != checksum or end > size:
                raise ValueError(
                    f"Expected whole records in {path}, a TFRecord file without compression. "
                    f"Received: none at byte {offset:,} of {size:,}. (It is damaged, cut off or "
                    "something else.)"
                )
            found.append(offset)
            offset = end
    return np.array(found, np.int64)


def masked_crc32c(content: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C, rotated and shifted."""
    value = 0xFFFFFFFF
    for byte in content:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    """Of CRC-32C, whose polynomial is 0x1EDC6F41, bits reversed."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
