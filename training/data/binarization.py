"""Binary images, made as in published likelihood tables, so that numbers can be compared.

Each pixel of a grey image is sampled as 0 or 1, with its grey level as the probability of 1.
Training images are resampled for each batch ("dynamic"). Validation and test images are sampled
once, with a published seed, because another sample moves the mean of 10,000 images by 0.1 nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.batches import (
    BATCHES_AHEAD,
    PARALLEL_BATCHES,
    pipeline_options,
    training_batches,
)
from keras_vae.training.data.sources.arrays import load_arrays
from keras_vae.training.data.sources.base import Data, check_images

if TYPE_CHECKING:
    import tensorflow as tf

# The seed of the published code for Fashion-MNIST: for validation images, then for test images.
BINARIZATION_SEED = 777
# That code chooses 50,000 of 60,000 images without a seed. This seed is our choice.
SPLIT_SEED = 0
VALIDATION_SHARE = 6
STATIC_SIDE = 28


@dataclass(frozen=True, eq=False)
class Split:
    """The training, validation and test images of one protocol.

    All are uint8 of shape `(count, height, width, channels)`.

    Attributes:
        train: Grey levels, 0 to 255, for `dynamic_batches`.
        validation: Binary, 0 and 255, to choose a model.
        test: Binary, 0 and 255, for the number in a table.
        validation_indices: Indices of the validation images among the original training images.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    validation_indices: np.ndarray


def dynamic_split(data: Data, seed: int = BINARIZATION_SEED, split_seed: int = SPLIT_SEED) -> Split:
    """Split and binarize images as in published tables for Fashion-MNIST and MNIST.

    A sixth of the training images is set aside for validation: 50,000, 10,000 and 10,000 images
    in those tables. Both choices use NumPy's `RandomState`, whose numbers are the same in all
    versions. Source: the published code of
    Norouzi et al. 2020, "Exemplar VAE" (arXiv:2004.04795), after Tomczak & Welling 2018.

    Example:
        >>> split = dynamic_split(load("fashion_mnist"))
        >>> batches = dynamic_batches(split.train, 100, seed=0)

    Args:
        data: Grey images.
        seed: Seed of the binary validation and test images.
        split_seed: Seed of the choice of the validation images.

    Returns:
        The three sets.

    Raises:
        ValueError: If there are fewer than six training images.
    """
    validation = held_out_indices(len(data.train), data.name, split_seed)
    generator = random_state(seed)
    return Split(
        np.delete(data.train, validation, axis=0),
        binarize(data.train[validation], generator),
        binarize(data.test, generator),
        validation,
    )


def held_out_indices(count: int, name: str, split_seed: int = SPLIT_SEED) -> np.ndarray:
    """Return the indices of the validation examples, a sixth of `count`, in ascending order.

    Args:
        count: Number of training examples.
        name: Name of the data, for the message.
        split_seed: Seed of the choice.

    Raises:
        ValueError: If there are fewer than six.
    """
    if count < VALIDATION_SHARE:
        raise UsageError(
            f"Expected at least {VALIDATION_SHARE} training examples, to set a part aside. "
            f"Received: {count} in {name}"
        )
    order = np.random.RandomState(split_seed).permutation(count)
    return np.sort(order[-(count // VALIDATION_SHARE) :])


def random_state(seed: int = BINARIZATION_SEED) -> np.random.RandomState:
    """Return the generator that binarizes validation images first, then test images."""
    return np.random.RandomState(seed)


def binarize(images: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
    """Sample each pixel as 0 or 255, with its level / 255 as the probability of 255.

    Args:
        images: uint8 of shape `(count, height, width, channels)`.
        generator: The source of random numbers, which advances.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: If the images are not bytes.
    """
    check_images(images, "the images to binarize")
    return generator.binomial(1, images / 255.0).astype(np.uint8) * np.uint8(255)


def dynamic_batches(
    images: np.ndarray,
    batch_size: int,
    seed: int = 0,
    start_step: int = 0,
    epochs: int | None = None,
) -> tf.data.Dataset:
    """Make the batches of `training_batches` with each pixel sampled as 0 or 1.

    The order and the pixels depend on `(seed, step)` only. A run that stopped after k steps
    continues with `start_step=k` as if it had not stopped.

    Arguments and errors are those of `training_batches`.

    Returns:
        Batches of float32, `(batch, height, width, channels)`, zeros and ones.
    """
    import tensorflow as tf

    from keras_vae.backend.tensorflow_data import as_it_is

    def draw(step: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
        # Negative, because the order of epoch n uses the key (seed, n).
        uniform = tf.random.stateless_uniform(tf.shape(pixels), tf.stack([seed, -1 - step]))
        return tf.cast(uniform < pixels, tf.float32)

    batches = training_batches(images, batch_size, seed, start_step, epochs)
    binary = batches.enumerate(start_step).map(
        as_it_is(draw), num_parallel_calls=PARALLEL_BATCHES, deterministic=True
    )
    return binary.prefetch(BATCHES_AHEAD).with_options(pipeline_options())


def entropy_floor(images: np.ndarray) -> float:
    """Return the mean entropy of the binarization, in nats per image.

    No model of binarized images has a lower negative log-likelihood. A lower value is a sign of an
    error, such as an evaluation on grey levels. On test images the floor is 189.858 for
    Fashion-MNIST and 45.534 for MNIST.

    Args:
        images: Grey levels, uint8 of shape `(count, height, width, channels)`.

    Raises:
        ValueError: If the images are not bytes.
    """
    check_images(images, "the images to binarize")
    levels = np.arange(1, 255) / 255.0
    of_level = np.zeros(256)
    of_level[1:255] = -levels * np.log(levels) - (1.0 - levels) * np.log1p(-levels)
    counts = np.bincount(images.ravel(), minlength=256)
    return float(counts @ of_level / len(images))


def read_static(path: Path) -> Data:
    """Read MNIST in the fixed binarization of Larochelle & Murray 2011 ("static").

    Args:
        path: An .npz file with the arrays `train` and `valid`, uint8 of shape `(count, 98)`. They
            hold the 784 pixels of an image by rows, eight per byte, the first in the highest bit.

    Returns:
        Binary images of 28x28x1, 0 and 255; the array `valid` has the test images.

    Raises:
        ValueError: If the file holds something else.
    """
    arrays = load_arrays(path, ("train", "valid"))
    train, valid = (_unpack(arrays, name, path) for name in ("train", "valid"))
    return Data(path.stem, train, valid)


def _unpack(arrays: dict[str, np.ndarray], name: str, path: Path) -> np.ndarray:
    packed, width = arrays.get(name), STATIC_SIDE**2 // 8
    if packed is None or packed.dtype != np.uint8 or packed.shape != (len(packed), width):
        have = {key: f"{value.dtype} {value.shape}" for key, value in arrays.items()}
        raise UsageError(
            f"Expected arrays train and valid of bytes, shape (count, {width}), in {path}. "
            f"Received: {have}"
        )
    bits = np.unpackbits(packed, axis=1).reshape(-1, STATIC_SIDE, STATIC_SIDE, 1)
    return bits * np.uint8(255)
