"""The data type that every source returns, and the steps that all sources share."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import kind_of, one_of
from keras_vae.training.data.resizing import resize

HELD_OUT_EVERY = 10
ROWS_AT_ONCE = 256
# What to do about training and test examples of different shapes.
HINTS = {
    "images": "Give an image_size, or fix the data.",
    "series": "Cut them to one length and one width.",
}
# Ends the messages about images of several sizes: what it is for Python, and for programs.
SIZE_TO_STRETCH_TO = (
    "a size to stretch them to (image_size; --image-size HEIGHT WIDTH or --stretch of programs)"
)


@dataclass(frozen=True, eq=False)
class Data:
    """Training and test images, held in memory as bytes; or other examples, see `kind`.

    Attributes:
        name: The name that programs show.
        train: Training images, uint8 of shape `(count, height, width, channels)`, 0 to 255, or
            volumes of shape `(count, depth, height, width, channels)`, uint8, or float32 as the
            model takes them. Or series, float32 of shape `(count, time, features)`, or rows,
            float32 of shape `(count, columns)`. Both have NaN for missing numbers.
        test: Test examples, of the same type and shape.
        train_labels: Class of each training image, int64 of shape `(count,)`, or None.
        test_labels: Class of each test image, or None; given exactly when `train_labels` is.
        label_names: The names of label 0, 1, ..., or None.
        schema: The `keras_vae.tables.Schema` of the columns of a table, or None.
        test_complete: The test rows without missing numbers, if they are known, or None.
        columns: The names of the features of series from a file with a heading, or None.

    Raises:
        ValueError: If an array is empty, has another type, rank or shape than stated above, or all
            its bytes are 0 and 1.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    label_names: tuple[str, ...] | None = None
    schema: Any = None
    test_complete: np.ndarray | None = None
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse invalid data, so that programs need no checks of their own."""
        check_examples(self.train, f"the training {self.kind} of {self.name}")
        check_examples(self.test, f"the test {self.kind} of {self.name}")
        if self.train.dtype == np.uint8:
            check_levels(self.train, f"the training {self.kind} of {self.name}")
            check_levels(self.test, f"the test {self.kind} of {self.name}")
        if self.train.shape[1:] != self.test.shape[1:]:
            hint = HINTS.get(self.kind, "Fix the data.")
            raise UsageError(
                f"Expected training and test {self.kind} of one shape in {self.name}. Received: "
                f"{shape_text(self.train.shape[1:])} for training and "
                f"{shape_text(self.test.shape[1:])} for test. ({hint})"
            )
        if (self.train_labels is None) != (self.test_labels is None):
            raise UsageError(
                f"Expected labels for both the training and the test {self.kind} of {self.name}, "
                "or for neither. Received: labels for one of the two"
            )
        _check_labels(self.train_labels, self.train, self.label_names, f"training, {self.name}")
        _check_labels(self.test_labels, self.test, self.label_names, f"test, {self.name}")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height, width and channels of every image; the shape of an example of other kinds."""
        return self.train.shape[1:]

    @property
    def gaps(self) -> float:
        """The share of the numbers of training and test series that are NaN; 0 of others."""
        if self.kind != "series":
            return 0.0
        parts = (self.train, self.test)
        return float(sum(np.isnan(part).sum() for part in parts) / sum(part.size for part in parts))

    @property
    def kind(self) -> str:
        """The kind of examples, one of `keras_vae.training.data.kinds.KINDS`."""
        return kind_of(self.image_shape)


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as text, such as 28x28x1."""
    return "x".join(map(str, shape))


def as_floats(examples: np.ndarray) -> np.ndarray:
    """Return the float32 input of models: bytes divided by 255, other numbers unchanged."""
    if examples.dtype == np.uint8:
        return examples.astype(np.float32) / np.float32(255)
    return examples.astype(np.float32)


def bool_as_bytes(array: np.ndarray) -> np.ndarray:
    """Return 0 and 255 for False and True, and any other array unchanged."""
    return array.astype(np.uint8) * np.uint8(255) if array.dtype == bool else array


def check_examples(examples: np.ndarray, where: str) -> None:
    """Raise ValueError unless `examples` are valid for their kind, see `Data`."""
    checks = {2: check_rows, 3: check_series, 5: check_volumes}
    checks.get(examples.ndim, check_images)(examples, where)


def check_rows(rows: np.ndarray, where: str) -> None:
    """Raise ValueError unless `rows` are float32 of shape (count, columns), NaN for missing.

    Args:
        rows: The array to check.
        where: A description of the array, for the message.
    """
    if rows.dtype != np.float32 or rows.ndim != 2 or 0 in rows.shape:
        raise UsageError(
            f"Expected float32 rows of shape (count, columns). Received: {rows.dtype} of shape "
            f"{rows.shape} in {where}"
        )
    if np.isinf(rows).any() or np.isnan(rows).all(axis=1).any():
        raise UsageError(
            "Expected numbers, and NaN for missing ones, with at least one number in each row. "
            f"Received: infinity, or a row without a number, in {where}"
        )


def check_series(series: np.ndarray, where: str) -> None:
    """Raise ValueError unless `series` are float32 of shape (count, time, features), NaN for gaps.

    Args:
        series: The array to check.
        where: A description of the array, for the message.
    """
    if series.dtype != np.float32 or series.ndim != 3 or 0 in series.shape:
        raise UsageError(
            "Expected float32 series of shape (count, time, features), or uint8 images of shape "
            f"(count, height, width, channels). Received: {series.dtype} of shape {series.shape} "
            f"in {where}"
        )
    if np.isinf(series).any() or np.isnan(series).all(axis=(1, 2)).any():
        raise UsageError(
            "Expected finite numbers, and NaN for gaps, with at least one number in each series. "
            f"Received: infinity, or a series without a number, in {where}"
        )


def check_volumes(volumes: np.ndarray, where: str) -> None:
    """Raise ValueError unless `volumes` are of shape (count, depth, height, width, channels).

    They are bytes, or float32 that are finite.

    Args:
        volumes: The array to check.
        where: A description of the array, for the message.
    """
    fits = volumes.dtype in (np.uint8, np.float32) and volumes.ndim == 5
    if not fits or 0 in volumes.shape:
        raise UsageError(
            "Expected uint8 or float32 volumes of shape (count, depth, height, width, channels). "
            f"Received: {volumes.dtype} of shape {volumes.shape} in {where}"
        )
    if volumes.dtype == np.float32 and not np.isfinite(volumes).all():
        raise UsageError(f"Expected finite volumes. Received: NaN or infinity in {where}.")


def check_levels(images: np.ndarray, where: str) -> None:
    """Raise ValueError for bytes of 0 and 1, which are next to black among 255 levels.

    Args:
        images: uint8, also on disk: it is read up to the first image with a level above 1.
        where: A description of the array, for the message.
    """
    highest, start, count = 0, 0, 1
    while start < len(images) and highest <= 1:
        highest = max(highest, int(np.asarray(images[start : start + count]).max(initial=0)))
        start, count = start + count, min(2 * count, ROWS_AT_ONCE)
    if highest == 1:
        raise UsageError(
            f"Expected uint8 images with values from 0 to 255. Received: {images.dtype} from 0 to "
            f"1 in {where}. (Multiply by 255: of 256 levels, 1 is next to black.)"
        )


def check_images(images: np.ndarray, where: str) -> None:
    """Raise ValueError unless `images` are uint8 of shape (count, height, width, channels).

    Args:
        images: The array to check.
        where: A description of the array, for the message.
    """
    if images.dtype != np.uint8:
        raise UsageError(f"Expected uint8 images. Received: {images.dtype} in {where}")
    if images.ndim != 4:
        raise UsageError(
            "Expected images as an array of shape (count, height, width, channels). Received: "
            f"shape {images.shape} in {where}"
        )
    if 0 in images.shape:
        raise UsageError(f"Expected at least one image. Received: shape {images.shape} in {where}")
    if images.shape[3] > 4:
        raise UsageError(
            f"Expected 1 to 4 channels, on the last axis. Received: shape {images.shape} in "
            f"{where} (move the channels to the end with numpy.moveaxis)"
        )


def _check_labels(
    labels: np.ndarray | None, images: np.ndarray, names: tuple[str, ...] | None, where: str
) -> None:
    if labels is None:
        return
    if labels.dtype != np.int64 or labels.shape != (len(images),):
        raise UsageError(
            f"Expected one int64 label for each {one_of(kind_of(images.shape[1:]))}, shape "
            f"({len(images)},). Received: {labels.dtype} of shape {labels.shape} ({where})"
        )
    if names is not None and not (0 <= labels.min() and labels.max() < len(names)):
        raise UsageError(
            f"Expected labels from 0 to {len(names) - 1}, as there are {len(names)} names. "
            f"Received: {labels.min()} to {labels.max()} ({where})"
        )


def hold_out(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose test images for a source that has none: every tenth image, from the first.

    The rule has no randomness, and an array that is sorted by class still gives a balanced test.
    If neighbors resemble each other, as frames of a film do, supply your own test images.

    Args:
        count: Number of images.

    Returns:
        The indices of the training images, and those of the test images.
    """
    indices = np.arange(count)
    is_test = indices % HELD_OUT_EVERY == 0
    return indices[~is_test], indices[is_test]


def keep_first(data: Data, limit: int | None) -> Data:
    """Keep the first `limit` training and the first `limit` test images; None keeps all."""
    if limit is None:
        return data
    parts = ("train", "test", "train_labels", "test_labels", "test_complete")
    return replace(data, **{part: first_of(getattr(data, part), limit) for part in parts})


def first_of(array: np.ndarray | None, limit: int | None) -> Any:
    """Return the first `limit` rows of an array, all for a limit of None, and None for None."""
    return None if array is None else array[:limit]


def resize_data(data: Data, size: tuple[int, int] | None) -> Data:
    """Return the data with every image resized to `size`, see `resize`; None keeps it."""
    if size is None or data.image_shape[:2] == size:
        return data
    if data.kind != "images":
        raise UsageError(
            f"Expected no image_size for {data.kind}. Received: {size} for {data.name}"
        )
    train = np.stack([resize(image, size) for image in data.train])
    test = np.stack([resize(image, size) for image in data.test])
    return replace(data, train=train, test=test)
