"""The training, validation and test examples of each protocol.

plain      unchanged examples; validation metrics are computed on the test examples, and nothing is
           chosen by them
held_out   unchanged examples; a sixth of the training examples chooses the model
dynamic    binary images, resampled for each batch. A sixth of the training images, binarized
           once, chooses the model. The test images, binarized once, evaluate it. See
           training/data/binarization.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data import binarization
from keras_vae.training.data.batches import training_batches
from keras_vae.training.data.kinds import count_parts
from keras_vae.training.data.sources.base import Data, first_of, shape_text
from keras_vae.training.data.sources.streamed import StreamedImages

if TYPE_CHECKING:
    import tensorflow as tf

PROTOCOLS = ("plain", "held_out", "dynamic")
# For training images that a probe needs in binary form; any seed except that of the test images.
PROBE_SEED = binarization.BINARIZATION_SEED + 1


def check_protocol(name: str) -> str:
    """Return `name` if it is a protocol; raise ValueError otherwise."""
    if name not in PROTOCOLS:
        raise UsageError(
            f"Expected a protocol of {', '.join(PROTOCOLS)}. Received: {name!r}. "
            "(See training/data/splits.py.)"
        )
    return name


def check_binarizable(data: Data, protocol: str) -> None:
    """Raise ValueError if the protocol binarizes, and the data are no images or lie on disk."""
    if check_protocol(protocol) == "dynamic" and data.kind != "images":
        raise UsageError(
            "Expected images for the protocol dynamic, which samples each pixel as 0 or 1. "
            f"Received: {data.kind} in {data.name}. (Use plain or held_out.)"
        )
    if protocol == "dynamic" and isinstance(data.train, StreamedImages):
        raise UsageError(
            "Expected images in memory for the protocol dynamic, which binarizes a part of "
            f"them once. Received: {data.name}, on disk. (Use plain or held_out.)"
        )


def training_data(data: Data, protocol: str) -> Data:
    """Return the examples for training, with those that choose the model as `test`.

    Args:
        data: All examples.
        protocol: One of `PROTOCOLS`.

    Returns:
        For "plain" the data themselves, otherwise parts of the training examples only.

    Raises:
        ValueError: If there is no such protocol, there are too few examples, or those to binarize
            are no images in memory.
    """
    check_binarizable(data, protocol)
    if protocol == "plain":
        return data
    chosen = binarization.held_out_indices(len(data.train), data.name)
    kept = np.delete(np.arange(len(data.train)), chosen)
    validation = data.train[chosen]
    if protocol == "dynamic":
        validation = binarization.binarize(validation, binarization.random_state())
    labels = data.train_labels
    return replace(
        data,
        train=data.train[kept],
        test=validation,
        train_labels=None if labels is None else labels[kept],
        test_labels=None if labels is None else labels[chosen],
        test_complete=None,
    )


def evaluation_data(data: Data, protocol: str) -> Data:
    """Return the test examples as the protocol evaluates them, and training ones for probes.

    Arguments and errors are those of `training_data`.
    """
    check_binarizable(data, protocol)
    if protocol != "dynamic":
        return data
    train = binarization.binarize(data.train, np.random.RandomState(PROBE_SEED))
    return replace(data, train=train, test=binarization.dynamic_split(data).test)


def limit_test_images(data: Data, limit: int | None) -> Data:
    """Return the data with the first `limit` test examples; None keeps all."""
    parts = ("test", "test_labels", "test_complete")
    return replace(data, **{part: first_of(getattr(data, part), limit) for part in parts})


def batches(
    protocol: str, images: np.ndarray, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    """Make endless batches of training images as the protocol draws them.

    The other arguments are those of `keras_vae.training.data.batches.training_batches`.
    """
    source = binarization.dynamic_batches if protocol == "dynamic" else training_batches
    return source(images, batch_size, seed, start_step)


def describe(data: Data, protocol: str) -> str:
    """Return one line that describes the result of `training_data`."""
    watch = "test" if protocol == "plain" else "validation"
    how = "" if protocol == "plain" else f", protocol {protocol}"
    parts = count_parts(len(data.train), len(data.test), data.kind, watch)
    return f"{data.name}{how}: {parts} of {shape_text(data.image_shape)}"
