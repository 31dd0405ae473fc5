"""Image data sets of TensorFlow Datasets that stay on disk."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.resizing import resize
from keras_vae.training.data.sources.array_record import ArrayRecordFile
from keras_vae.training.data.sources.base import Data, hold_out
from keras_vae.training.data.sources.example import Examples
from keras_vae.training.data.sources.streamed import StreamedImages, build_data
from keras_vae.training.data.sources.tfds import features_of, splits_of
from keras_vae.training.data.sources.tfrecord import TFRecordFile

OPENERS: dict[str, Any] = {"array_record": ArrayRecordFile, "tfrecord": TFRecordFile}


def stream_tfds(name: str, size: tuple[int, int] | None, data_dir: Path | None) -> Data:
    """Open the images of `keras_vae.training.data.sources.tfds.read_tfds` on disk, without labels.

    Args:
        name: The name in TFDS.
        size: The (height, width) to stretch images to; needed if they differ in size.
        data_dir: The folder in which TFDS keeps its data; by default its own choice.

    Returns:
        The images, in the order of the files.

    Raises:
        FileNotFoundError: If it is not prepared and cannot be downloaded.
        ValueError: If TFDS does not know it, or it holds no images of bytes, or its files are of
            another kind.
    """
    builder, splits = splits_of(name, data_dir)
    feature, _ = features_of(builder)
    kind = builder.info.file_format.value
    if kind not in OPENERS:
        raise UsageError(
            f"Expected {builder.name} in files of {' or '.join(OPENERS)}. Received: {kind}. (Read "
            f"it into memory, as tfds:{name}, or prepare it again in such files.)"
        )
    rows_of_splits = [
        Examples(
            [Path(path) for path in builder.info.splits[split].filepaths], OPENERS[kind], feature
        )
        for split in splits
    ]
    if len(rows_of_splits) == 1:
        parts = [(rows_of_splits[0], numbers) for numbers in hold_out(len(rows_of_splits[0]))]
    else:
        parts = [(rows, np.arange(len(rows))) for rows in rows_of_splits]
    return build_data(builder.name, *(_streamed(rows, numbers, size) for rows, numbers in parts))


def _streamed(rows: Any, numbers: np.ndarray, size: tuple[int, int] | None) -> StreamedImages:
    def read(number: int) -> Any:
        image = rows.read(number)
        return image if size is None else resize(image, size)

    return StreamedImages(read, numbers, read(0).shape)
