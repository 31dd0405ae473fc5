"""Memory of a training on images that stay on disk: python -m benchmarks.out_of_core.

The program writes a TFRecord or Parquet file of random images of 64x64x3 and trains a small
autoencoder on it for an epoch, as keras-vae train does. It prints the largest memory of the process
and exits with status 1 if that is not below 2 GB. The memory is that of the program and of the open
row groups, plus 8 bytes for the position of each record, and 12 to 16 bytes for the order of an
epoch (50 with row groups). A file of 10 GB, 814,000 such images, takes 10 to 40 MB more than one of
2 GB.
"""

import resource
import struct
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_vae import cli
from keras_vae.errors import UsageError

SHAPE = (64, 64, 3)
BATCH = 128
LIMIT = 2e9  # Bytes.


def measure(
    gigabytes: float = 2.0,
    folder: str | None = None,
    format: Literal["tfrecord", "parquet"] = "tfrecord",
    rows_per_group: int = 1000,
) -> int:
    """Print the largest memory of a training on a file of this size.

    Args:
        gigabytes: Size of the file.
        folder: The folder for the file, which is removed at the end; the folder for temporary
            files if left out.
        format: Format of the file; Parquet with the pixels as bytes.
        rows_per_group: Images in a row group of Parquet.
    """
    if gigabytes <= 0:
        raise UsageError(f"Expected --gigabytes above 0. Received: {gigabytes}.")
    cli.prepare_tensorflow(training=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path, size = Path(name) / f"images.{format}", int(gigabytes * 1e9)
        parquet = format == "parquet"
        count = write_parquet(path, size, rows_per_group) if parquet else write(path, size)
        before, begin = peak(), time.perf_counter()
        steps = train(path)
        seconds = time.perf_counter() - begin
        size = path.stat().st_size
    print(
        f"{size / 1e9:.2f} GB in {count:,} images of {'x'.join(map(str, SHAPE))}: {steps:,} steps "
        f"of {BATCH} in {seconds:,.0f} s\nLargest memory: {before / 1e6:,.0f} MB before the "
        f"training, {peak() / 1e6:,.0f} MB at its end"
    )
    return 0 if peak() < LIMIT else 1


def write(path: Path, size: int) -> int:
    """Write about `size` bytes of records and return their number."""
    import tensorflow as tf

    from keras_vae.training.data.sources.tfrecord import LENGTH, masked_crc32c

    def feature(**value: Any) -> Any:
        return tf.train.Feature(**value)

    pixels = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8).tobytes()
    image = feature(bytes_list=tf.train.BytesList(value=[pixels]))
    shape = feature(int64_list=tf.train.Int64List(value=SHAPE))
    features = tf.train.Features(feature={"image": image, "shape": shape})
    content = tf.train.Example(features=features).SerializeToString()
    head = struct.pack("<Q", len(content))
    record = LENGTH.pack(len(content), masked_crc32c(head)) + content
    record += struct.pack("<I", masked_crc32c(content))
    count = size // len(record)
    with path.open("wb") as file:
        for _ in range(count):
            file.write(record)
    return count


def write_parquet(path: Path, size: int, rows: int) -> int:
    """Write about `size` bytes in groups of `rows` rows and return the number of images."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random, length = np.random.default_rng(0), int(np.prod(SHAPE))
    count = size // length
    schema = pa.schema({"image": pa.binary(), "shape": pa.list_(pa.int64())})
    options: dict[str, Any] = {"compression": "none", "use_dictionary": ["shape"]}
    with pq.ParquetWriter(path, schema, **options) as writer:
        for first in range(0, count, rows):
            images = [random.bytes(length) for _ in range(min(rows, count - first))]
            columns = {"image": images, "shape": [SHAPE] * len(images)}
            writer.write_table(pa.table(columns, schema))
    return count


def train(path: Path) -> int:
    """Train for one epoch with one evaluation, and return the number of steps."""
    import keras_vae as kv
    from keras_vae.training.data.loading import (
        evaluation_batches,
        load,
        steps_per_epoch,
        training_batches,
    )

    data = load(f"stream:{path}")
    steps = steps_per_epoch(len(data.train), BATCH)
    model = kv.Autoencoder(*kv.nets.dense(SHAPE, 8, (16,)))
    kv.compile_fast(model, "adam", steps)
    model.fit(
        training_batches(data.train, BATCH),
        validation_data=evaluation_batches(data.test, BATCH),
        steps_per_epoch=steps,
        shuffle=False,
        verbose=2,
    )
    return steps


def peak() -> int:
    """Return the largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    cli.main(measure)
