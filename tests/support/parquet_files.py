"""Writers of small Parquet files, for the tests of what reads them."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 4, 5, 3), np.uint8)
GREY = IMAGES[..., :1]


def lists(images, fixed=True):
    """Lists in lists, one for each axis of an image."""
    array = pa.array(images.reshape(-1))
    for axis in range(images.ndim - 1, 0, -1):
        size = images.shape[axis]
        if fixed:
            array = pa.FixedSizeListArray.from_arrays(array, size)
        else:
            array = pa.ListArray.from_arrays(np.arange(0, len(array) + 1, size, np.int32), array)
    return array


def flat(images):
    return lists(images.reshape(len(images), -1))


def tensors(images):
    return pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.uint8(), images.shape[1:]), flat(images)
    )


def raw(images):
    return pa.array([image.tobytes() for image in images], pa.binary())


def shapes(images):
    return pa.array([list(image.shape) for image in images])


def png(images):
    def encoded(image):
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "png")
        return file.getvalue()

    return pa.array([encoded(image) for image in images], pa.binary())


def with_paths(array):
    """As the library datasets keeps pictures."""
    names = pa.array([f"{i}.png" for i in range(len(array))])
    return pa.StructArray.from_arrays([array, names], ["bytes", "path"])


def write(path, rows=4, **columns):
    """A file with so many rows in a row group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=rows, write_page_checksum=True)
    return path
