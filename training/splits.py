"""Which images train a model, which choose it and which measure it, by the name of a protocol.

plain      images as they are; the test images watch the training, and choose nothing
held_out   images as they are; a sixth of the training images choose the model
dynamic    binary images, drawn anew for each batch; a sixth of the training images, drawn once,
           choose the model, and the test images, drawn once, measure it (training/protocols.py)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from training import protocols
from training.batches import training_batches
from training.sources.base import Data, shape_text
from training.sources.streamed import Streamed

if TYPE_CHECKING:
    import tensorflow as tf

PROTOCOLS = ("plain", "held_out", "dynamic")
# Of the training images when a probe needs them binary; any seed but the one of the test images.
PROBE_SEED = protocols.BINARIZATION_SEED + 1


def check_protocol(name: str) -> str:
    """`name`, if it is a protocol; raises ValueError otherwise."""
    if name not in PROTOCOLS:
        raise ValueError(
            f"Expected a protocol of {', '.join(PROTOCOLS)}. Received: {name!r}. "
            "(training/splits.py says what they are.)"
        )
    return name


def for_training(data: Data, protocol: str) -> Data:
    """The images that training may see: to learn from, and as `test` to choose the model.

    Args:
        data: All images.
        protocol: One of `PROTOCOLS`.

    Returns:
        Under "plain" the data themselves, else parts of the training images alone.

    Raises:
        ValueError: If there is no such protocol, or there are too few images.
    """
    if check_protocol(protocol) == "plain":
        return data
    if protocol == "dynamic" and isinstance(data.train, Streamed):
        raise ValueError(
            f"Expected images in memory for the protocol dynamic, which draws a part of them "
            f"once. Received: {data.name}, on the disk. (Use plain or held_out.)"
        )
    chosen = protocols.held_out_indices(len(data.train), data.name)
    kept = np.delete(np.arange(len(data.train)), chosen)
    validation = data.train[chosen]
    if protocol == "dynamic":
        validation = protocols.binarize(validation, protocols.stream())
    labels = data.train_labels
    return replace(
        data,
        train=data.train[kept],
        test=validation,
        train_labels=None if labels is None else labels[kept],
        test_labels=None if labels is None else labels[chosen],
    )


def for_measuring(data: Data, protocol: str) -> Data:
    """The test images as the protocol measures them; the training images likewise, for probes.

    Arguments and errors are those of `for_training`.
    """
    if check_protocol(protocol) != "dynamic":
        return data
    train = protocols.binarize(data.train, np.random.RandomState(PROBE_SEED))
    return replace(data, train=train, test=protocols.dynamic_split(data).test)


def first_test(data: Data, limit: int | None) -> Data:
    """The data with the first `limit` test images; None keeps all."""
    labels = data.test_labels
    return replace(
        data, test=data.test[:limit], test_labels=None if labels is None else labels[:limit]
    )


def batches(
    protocol: str, images: np.ndarray, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    """Endless batches of training images as the protocol draws them.

    The other arguments are those of `training.batches.training_batches`.
    """
    source = protocols.dynamic_batches if protocol == "dynamic" else training_batches
    return source(images, batch_size, seed, start_step)


def describe(data: Data, protocol: str) -> str:
    """Says in one line what `for_training` gave."""
    watch = "test" if protocol == "plain" else "validation"
    how = "" if protocol == "plain" else f", protocol {protocol}"
    return (
        f"{data.name}{how}: {len(data.train):,} training and {len(data.test):,} {watch} "
        f"{data.kind} of {shape_text(data.image_shape)}"
    )
