"""The order of the images of an epoch, from `(seed, epoch)` alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_vae.training.data.sources.streamed import Blocks


def order_of_epoch(count: int, blocks: Blocks | None, key: Any) -> tf.Tensor:
    """Return a random order of `count` images.

    Args:
        count: Number of images.
        blocks: The blocks of images that can only be read together, or None.
        key: Two integers, for example a seed and the number of the epoch.

    Returns:
        The numbers from 0 to `count` - 1, int32.
    """
    import tensorflow as tf

    if blocks is None or blocks.count <= blocks.window:
        return tf.random.experimental.stateless_shuffle(tf.range(count), key)
    return _shuffle_in_window(blocks, key)


def _shuffle_in_window(blocks: Blocks, key: Any) -> tf.Tensor:
    """Shuffle the blocks, and mix the rows of as many blocks as fit into memory.

    Block p of the random order is open from time p - window + 1 to time p + 1. The intervals of
    the first and last blocks are cut so that exactly `window` blocks are open at any time. Each
    row comes at a random time while its block is open.
    """
    import tensorflow as tf

    window, count = blocks.window, blocks.count
    place = tf.random.experimental.stateless_shuffle(tf.range(count), key)
    p = tf.gather(place, tf.constant(blocks.of_rows))
    begin, end = tf.maximum(p - window + 1, 0), tf.minimum(p + 1, count - window + 1)
    begin, length = tf.cast(begin, tf.float64), tf.cast(end - begin, tf.float64)
    another = tf.random.experimental.stateless_fold_in(tf.cast(key, tf.int64), 1)
    times = tf.random.stateless_uniform([len(blocks.of_rows)], another, dtype=tf.float64)
    return tf.argsort(begin + times * length)
