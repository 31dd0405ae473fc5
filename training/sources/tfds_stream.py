"""Image data sets of TensorFlow Datasets that stay on the disk, read by number."""

from pathlib import Path
from typing import Any

import numpy as np

from training.sources.array_record import ArrayRecordFile
from training.sources.base import Data, hold_out, resize
from training.sources.example import Examples
from training.sources.streamed import Streamed, data_of
from training.sources.tfds import features_of, splits_of
from training.sources.tfrecord import TFRecordFile

OPENERS: dict[str, Any] = {"array_record": ArrayRecordFile, "tfrecord": TFRecordFile}


def stream_tfds(name: str, size: tuple[int, int] | None, data_dir: Path | None) -> Data:
    """The images that `training.sources.tfds.read_tfds` reads into memory, without labels.

    Args:
        name: What TFDS calls it.
        size: The (height, width) to stretch images to; needed when they differ in size.
        data_dir: Where TFDS keeps its data; by default its own choice.

    Returns:
        The images, in the order of the files.

    Raises:
        FileNotFoundError: It is not prepared and can not be downloaded.
        ValueError: TFDS does not know it, it holds no images of bytes, or files of another kind.
    """
    builder, splits = splits_of(name, data_dir)
    feature, _ = features_of(builder)
    kind = builder.info.file_format.value
    if kind not in OPENERS:
        raise ValueError(
            f"Expected {builder.name} in files of {' or '.join(OPENERS)}. Received: {kind}. (Read "
            f"it into memory, as tfds:{name}, or prepare it anew in such files.)"
        )
    opened = [
        Examples(
            [Path(path) for path in builder.info.splits[split].filepaths], OPENERS[kind], feature
        )
        for split in splits
    ]
    if len(opened) == 1:
        parts = [(opened[0], numbers) for numbers in hold_out(len(opened[0]))]
    else:
        parts = [(rows, np.arange(len(rows))) for rows in opened]
    return data_of(builder.name, *(_streamed(rows, numbers, size) for rows, numbers in parts))


def _streamed(rows: Any, numbers: np.ndarray, size: tuple[int, int] | None) -> Streamed:
    def read(number: int) -> Any:
        image = rows.read(number)
        return image if size is None else resize(image, size)

    return Streamed(read, numbers, read(0).shape)
