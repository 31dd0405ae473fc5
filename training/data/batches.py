"""Fast batches of images as a `tf.data.Dataset`, in an order that can be resumed.

Images stay bytes, in memory or on disk. A batch is gathered at once and becomes floats in the
graph. Two defaults of tf.data are off: its autotuner stalls the ends of epochs, and its graph
rewriting copies the captured images for each iterator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.order import order_of_epoch
from keras_vae.training.data.sources.base import check_examples
from keras_vae.training.data.sources.streamed import StreamedImages

if TYPE_CHECKING:
    import tensorflow as tf

PARALLEL_BATCHES = 2
BATCHES_AHEAD = 2


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Return the number of batches in which `count` images fit, a smaller last one included.

    Args:
        count: Number of images.
        batch_size: Images per batch.

    Raises:
        ValueError: If one of them is below 1.
    """
    if count < 1 or batch_size < 1:
        raise UsageError(
            f"Expected a count and a batch_size of at least 1. Received: {count} and {batch_size}"
        )
    return -(-count // batch_size)


def training_batches(
    images: np.ndarray,
    batch_size: int,
    seed: int = 0,
    start_step: int = 0,
    epochs: int | None = None,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Make shuffled batches, with a new order in each epoch that depends on `(seed, epoch)` only.

    A run that stopped after k steps continues with `start_step=k` as if it had not stopped.

    Example:
        >>> batches = training_batches(data.train, 128, seed=1)
        >>> model.fit(batches, steps_per_epoch=steps_per_epoch(len(data.train), 128), epochs=30)

    Args:
        images: uint8 of shape `(count, height, width, channels)`, or series, float32 of shape
            `(count, time, features)`. They are copied once.
        batch_size: Images per batch; the last batch of an epoch holds the remainder.
        seed: Seed of the order.
        start_step: Number of batches to skip, counted from the first epoch.
        epochs: Number of epochs, skipped ones included; None for endless batches, for use with
            Keras's `steps_per_epoch`.
        labels: One integer per image, to get pairs `(batch, labels)`.

    Returns:
        Batches of float32, `(batch, height, width, channels)`, pixels in [0, 1]; series as they
        are.

    Raises:
        ValueError: If the images are neither bytes nor series, labels do not match them, a number
            is out of range, or no step is left.
    """
    import tensorflow as tf

    from keras_vae.backend.tensorflow_data import as_it_is

    count, steps = len(images), steps_per_epoch(len(images), batch_size)
    _check_labels(labels, count)
    if start_step < 0 or (epochs is not None and start_step >= epochs * steps):
        raise UsageError(
            f"Expected a start_step from 0 to below {epochs} epochs of {steps} steps. Received: "
            f"{start_step} (nothing is left to train: ask for more epochs)"
        )
    first_epoch, done = divmod(start_step, steps)
    get_batch = _batch_function(images, labels)
    blocks = images.blocks if isinstance(images, StreamedImages) else None

    def indices_of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = order_of_epoch(count, blocks, tf.stack([seed, epoch]))
        first_step = tf.where(epoch == first_epoch, tf.constant(done, tf.int64), 0)
        return tf.data.Dataset.range(first_step, steps).map(
            lambda step: order[step * batch_size : (step + 1) * batch_size]
        )

    last_epoch = np.iinfo(np.int64).max if epochs is None else epochs
    total = tf.data.INFINITE_CARDINALITY if epochs is None else epochs * steps - start_step
    batches = (
        tf.data.Dataset.range(first_epoch, last_epoch)
        .flat_map(as_it_is(indices_of_epoch))
        .map(as_it_is(get_batch), num_parallel_calls=PARALLEL_BATCHES, deterministic=True)
        .apply(tf.data.experimental.assert_cardinality(total))
    )
    return batches.prefetch(BATCHES_AHEAD).with_options(pipeline_options())


def evaluation_batches(
    images: np.ndarray, batch_size: int, labels: np.ndarray | None = None
) -> tf.data.Dataset:
    """Make batches of all images, once and in order.

    Args:
        images: uint8 of shape `(count, height, width, channels)`, or series, float32 of shape
            `(count, time, features)`. They are copied once.
        batch_size: Images per batch; the last batch holds the remainder.
        labels: One integer per image, to get pairs `(batch, labels)`.

    Returns:
        Batches of float32, `(batch, height, width, channels)`, pixels in [0, 1]; series as they
        are.

    Raises:
        ValueError: If the images are neither bytes nor series, labels do not match them, or
            `batch_size` is below 1.
    """
    import tensorflow as tf

    from keras_vae.backend.tensorflow_data import as_it_is

    count, steps = len(images), steps_per_epoch(len(images), batch_size)
    _check_labels(labels, count)
    get_batch = _batch_function(images, labels)

    def batch_at(step: tf.Tensor) -> Any:
        return get_batch(tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count)))

    batches = tf.data.Dataset.range(steps).map(
        as_it_is(batch_at), num_parallel_calls=PARALLEL_BATCHES, deterministic=True
    )
    return batches.prefetch(BATCHES_AHEAD).with_options(pipeline_options())


def _batch_function(images: np.ndarray, labels: np.ndarray | None) -> Any:
    """Return the function from the indices of a batch to the batch."""
    import tensorflow as tf

    from keras_vae.backend.tensorflow_data import aligned_tensor

    check_examples(images, "the examples to batch")
    gather = (
        _from_disk(images)
        if isinstance(images, StreamedImages)
        else _from_memory(aligned_tensor(images))
    )
    classes = None if labels is None else aligned_tensor(labels)

    def get_batch(indices: tf.Tensor) -> Any:
        batch = gather(indices)
        if batch.dtype == tf.uint8:
            batch = tf.cast(batch, tf.float32) / 255.0
        return batch if classes is None else (batch, tf.gather(classes, indices))

    return get_batch


def _from_memory(pixels: tf.Tensor) -> Any:
    import tensorflow as tf

    return lambda indices: tf.gather(pixels, indices)


def _from_disk(images: StreamedImages) -> Any:
    import tensorflow as tf

    def gather(indices: tf.Tensor) -> tf.Tensor:
        batch = tf.numpy_function(images.rows, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(batch, (None, *images.shape[1:]))

    return gather


def _check_labels(labels: np.ndarray | None, count: int) -> None:
    if labels is not None and labels.shape != (count,):
        raise UsageError(f"Expected labels of shape ({count},). Received: {labels.shape}")


def pipeline_options() -> tf.data.Options:
    """Return the options of all input pipelines: no autotuning, no rewriting, a fixed order.

    With several workers, each takes its part of every batch.
    """
    import tensorflow as tf

    from keras_vae.backend import tensorflow_data

    options = tensorflow_data.pipeline_options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options
