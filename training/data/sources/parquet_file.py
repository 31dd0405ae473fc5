"""One Parquet file of images: its metadata and its row groups."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import MissingExtraError, UsageError
from keras_vae.training.data.sources import columns, row_parts
from keras_vae.training.data.sources.base import shape_text
from keras_vae.training.data.sources.columns import LABEL, SHAPE
from keras_vae.training.data.sources.contents import image_from_bytes

GROUP_BYTES = 128 << 20  # Largest size of the images in a row group, which is read whole.
MAX_ROWS = 1 << 26  # Of a file: equal rows take next to no bytes in it, and each takes memory.
ROWS_AT_ONCE = 256
BUFFER = 1 << 20

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """A row group: number and first row in its file, number of rows, and bytes in memory."""

    number: int
    first: int
    rows: int
    size: int


class ParquetFile:
    """A file with at least one row, and a column of images.

    Args:
        path: The path of the file.

    Raises:
        ValueError: If it is damaged, empty or something else; the message names it.
        ImportError: If pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._metadata: Any = None
        with self._report_damage("the end of the file"):
            self._metadata = self._open().metadata
            self._schema = self._metadata.schema.to_arrow_schema()
        if not self._metadata.num_rows:
            raise UsageError(f"Expected at least one row in {path}. Received: none.")
        self.column = columns.image_column(self._schema, str(path))
        self._check_sizes()
        self.shape = self._declared_shape()

    def __len__(self) -> int:
        return int(self._metadata.num_rows)

    def first_image(self) -> np.ndarray:
        """Return the image of the first row, which shows the shape."""
        array = next(self._batches(self.column.name, rows=1))[1]
        return self.image(self._images([array], 0, self.shape), 0, 0)

    def groups(self, shape: Shape) -> Iterator[Group]:
        """Yield the row groups that are not empty.

        Args:
            shape: The shape of all images.

        Raises:
            ValueError: If a group is too large, or has images of another shape.
        """
        first = 0
        for number in range(self._metadata.num_row_groups):
            rows = self._metadata.row_group(number).num_rows
            if rows:
                yield Group(number, first, rows, self._size(number, rows, shape))
            first += rows

    def images(self, group: Group, shape: Shape) -> Any:
        """Return the images of a group: uint8 `(rows, *shape)`, or a `pyarrow.Array` of bytes."""
        parts, size = [], 0
        for _, array in self._batches(self.column.name, group.number, self._rows_at_once(group)):
            size += array.nbytes
            if not self.column.lists and size > 2 * GROUP_BYTES:  # With names and offsets.
                raise UsageError(self._too_large(size, group.number))
            parts.append(array)
        return self._images(parts, group.first, shape)

    def image(self, images: Any, row: int, first: int) -> np.ndarray:
        """Return one of `images`, of a group whose first row is `first`."""
        if self.column.lists:
            return images[row]
        return image_from_bytes(
            images[row].as_buffer(), self.shape, f"{self.path}, row {first + row:,}"
        )

    def labels(self) -> np.ndarray | None:
        """Return the column `label`, int64 `(rows,)`, or None; raise ValueError for other types."""
        if LABEL not in self._schema.names:
            return None
        parts = self._batches(LABEL, rows=1 << 16)
        where = f"the column {LABEL} of {self.path}"
        return np.concatenate([columns.integers(array, where) for _, array in parts])

    def parts(self) -> np.ndarray | None:
        """Return the part of each row, see `row_parts.parse_parts`; None if no column tells it."""
        name = row_parts.part_column(self._schema, str(self.path))
        if name is None:
            return None
        where = f"the column {name} of {self.path}"
        parts = self._batches(name, rows=1 << 16)
        return np.concatenate([row_parts.parse_parts(array, where) for _, array in parts])

    def unread(self, training: bool) -> set[str]:
        """Return the names of the columns that are not used, for training or for prediction."""
        used = {self.column.name}
        if not self.column.shape and self.column.axes <= 1:
            used.add(SHAPE)
        if training:
            used |= {LABEL, row_parts.part_column(self._schema, str(self.path)) or ""}
        return set(self._schema.names) - used

    def _check_sizes(self) -> None:
        """Raise ValueError for what takes too much memory, before anything of it is read."""
        rows = len(self)
        if rows > MAX_ROWS:
            raise UsageError(
                f"Expected at most {MAX_ROWS:,} rows in a file. Received: {rows:,} in {self.path}. "
                "(Write several files.)"
            )
        for number in range(self._metadata.num_row_groups):
            size = self._stored_size(number)
            if size > GROUP_BYTES:
                raise UsageError(self._too_large(size, number))
            count = self._metadata.row_group(number).num_rows
            for name, length in ((SHAPE, 3), (LABEL, 1)):
                values = sum(chunk.num_values for chunk in self._chunks(number, name))
                if values > length * count:
                    raise UsageError(
                        f"Expected {length} number(s) in each row of the column {name} of "
                        f"{self.path}. Received: {values:,} in {count:,} rows."
                    )

    def _chunks(self, number: int, name: str) -> list[Any]:
        """Return the metadata of a column, and of the fields in it, in a row group."""
        about = self._metadata.row_group(number)
        chunks = [about.column(i) for i in range(about.num_columns)]
        return [c for c in chunks if f"{c.path_in_schema}.".startswith(f"{name}.")]

    def _stored_size(self, number: int) -> int:
        """Return the pixels in the lists of a row group, or the size of its bytes in the file."""
        chunks = self._chunks(number, self.column.name)
        return sum(c.num_values if self.column.lists else c.total_uncompressed_size for c in chunks)

    def _rows_at_once(self, group: Group) -> int:
        """Return a number of rows that take little memory even if each has all the bytes."""
        most = 4 * GROUP_BYTES // max(self._stored_size(group.number), 1)
        return ROWS_AT_ONCE if self.column.lists else min(max(most, 1), ROWS_AT_ONCE)

    def _too_large(self, size: int, number: int) -> str:
        return (
            f"Expected row groups of at most {GROUP_BYTES >> 20} MB of images, as they are "
            f"read whole. Received: {size / 2**20:,.0f} MB in {self.path}, row group {number}. "
            "(Write it with fewer rows in a group: "
            "pyarrow.parquet.write_table(..., row_group_size=1000).)"
        )

    def _declared_shape(self) -> Shape:
        """Return the shape from the type of the column or from the column `shape`, otherwise ()."""
        if self.column.shape or self.column.axes > 1:
            return self.column.shape
        if SHAPE in self._schema.names:
            return self._shape_of_all_rows()
        if self.column.lists:
            raise UsageError(
                f"Expected a column {SHAPE} (height, width, channels) next to flat lists of "
                f"pixels. Received: {self.path} without. (Or write lists in lists, or tensors.)"
            )
        return ()

    def _shape_of_all_rows(self) -> Shape:
        wanted: Shape = ()
        for first, array in self._batches(SHAPE, rows=1 << 16):
            where = f"the column {SHAPE} of {self.path}, rows from {first:,}"
            found = columns.integers(array, where)
            wanted = wanted or tuple(found[0].reshape(-1).tolist())
            if len(wanted) != 3 or min(wanted) < 1 or (found != wanted).any():
                raise UsageError(
                    "Expected one shape (height, width, channels) of all images. Received: "
                    f"{np.unique(found, axis=0)[:3].tolist()} in {where}."
                )
        return wanted

    def _size(self, number: int, rows: int, shape: Shape) -> int:
        """Return the bytes in memory of the images of a row group."""
        stored, size = self._stored_size(number), rows * math.prod(shape)
        if self.column.lists and size != stored:
            raise UsageError(
                f"Expected images of {shape_text(shape)}, as the first one. Received: {stored:,} "
                f"pixels in {rows:,} rows of {self.path}, row group {number}."
            )
        if not (self.column.lists or self.shape):
            size = stored
        if size > GROUP_BYTES:
            raise UsageError(self._too_large(size, number))
        return size

    def _images(self, parts: Sequence[Any], first: int, shape: Shape) -> Any:
        import pyarrow as pa

        where = f"{self.path}, rows from {first:,}"
        if not self.column.lists:
            return pa.concat_arrays([columns.image_bytes(part, where) for part in parts])
        found = np.concatenate([columns.pixel_values(part, where) for part in parts])
        return found.reshape(len(found), *(shape or columns.image_shape(found)))

    def _batches(
        self, name: str, group: int | None = None, rows: int = ROWS_AT_ONCE
    ) -> Iterator[tuple[int, Any]]:
        """Yield a column of a row group or of the file in parts: first row, and array."""
        groups, first = None if group is None else [group], 0
        with self._report_damage(f"the column {name}"):
            options = {"row_groups": groups, "columns": [name], "use_threads": False}
            for batch in self._open(name).iter_batches(rows, **options):
                yield first, batch.column(0)
                first += batch.num_rows

    def _open(self, name: str = "") -> Any:
        """Open a reader of a column for one use: a reader is not for several threads."""
        is_text = name.lower() in row_parts.NAMES  # A word for many rows takes memory once.
        return _pyarrow().parquet.ParquetFile(
            self.path,
            read_dictionary=[name] if is_text else None,
            metadata=self._metadata,
            pre_buffer=False,
            buffer_size=BUFFER,
            page_checksum_verification=True,
        )

    @contextlib.contextmanager
    def _report_damage(self, part: str) -> Iterator[None]:
        """Turn errors of pyarrow into a ValueError that names the file."""
        pyarrow = _pyarrow()
        try:
            yield
        except (pyarrow.ArrowException, OSError) as error:
            raise UsageError(
                f"Expected a whole Parquet file. Received: {self.path}, {part} unreadable "
                f"({error}). (Copy or write it again.)"
            ) from error


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            "Expected pyarrow, which reads Parquet files. Received: no such package. "
            '(pip install "keras-vae[parquet]")'
        ) from error
    return pyarrow
