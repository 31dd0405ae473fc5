"""Layers: corruptions, which act in training only, sparse activations and image features."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.errors import UsageError
from keras_vae.layers.outlines import Outlines as Outlines
from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks, value_checks


class _Corruption(keras.layers.Layer):
    """Base class of layers that change their input in training and pass it on otherwise."""

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = arguments.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Return `x`, corrupted if `training`."""
        return self.corrupt(x) if training else x

    def corrupt(self, x: Tensor) -> Tensor:
        """Corrupt `x`, and return the same shape."""
        raise NotImplementedError(f"{type(self).__name__} must define corrupt(x).")

    def uniform(self, shape: Any) -> Tensor:
        """Sample uniform numbers in [0, 1)."""
        return keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input shape, which corruptions keep."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable("keras_vae")
class MaskingNoise(_Corruption):
    """A corruption that sets each element to 0 with probability `rate`, without rescaling.

    Source: Vincent et al. 2010.

    Example:
        >>> corrupt = keras_vae.layers.MaskingNoise(0.5)
        >>> corrupted = corrupt(images, training=True)

    Args:
        rate: Probability that an element is corrupted, in [0, 1].
        seed: Seed of the corruption.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """

    def __init__(self, rate: float = 0.5, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = arguments.fraction("rate", rate)

    def corrupt(self, x: Tensor) -> Tensor:
        """Set about `rate` of the elements of `x` to 0."""
        return x * ops.cast(self.uniform(ops.shape(x)) >= self.rate, x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("keras_vae")
class SaltAndPepperNoise(_Corruption):
    """A corruption that sets each element, with probability `rate`, to 0 or to 1, equally often.

    Source: Vincent et al. 2010.

    Example:
        >>> corrupt = keras_vae.layers.SaltAndPepperNoise(0.2)
        >>> corrupted = corrupt(images, training=True)

    Args:
        rate: Probability that an element is corrupted, in [0, 1].
        seed: Seed of the corruption.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """

    def __init__(self, rate: float = 0.2, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.rate = arguments.fraction("rate", rate)

    def corrupt(self, x: Tensor) -> Tensor:
        """Set about `rate` of the elements of `x` to 0 or 1."""
        u = self.uniform(ops.shape(x))
        x = ops.where(u < 0.5 * self.rate, ops.zeros_like(x), x)
        return ops.where(u >= 1.0 - 0.5 * self.rate, ops.ones_like(x), x)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable("keras_vae")
class RectangleOcclusion(_Corruption):
    """A corruption that covers one rectangle of each image, at a random place, with `fill`.

    Example:
        >>> corrupt = keras_vae.layers.RectangleOcclusion(14, 14)
        >>> corrupted = corrupt(images, training=True)

    Args:
        height: Height of the rectangle, in pixels; at most that of the image.
        width: Width of the rectangle, in pixels; at most that of the image.
        fill: Value of the covered pixels.
        seed: Seed of the places.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If the rectangle is empty, or, when called, larger than the image.
    """

    def __init__(
        self,
        height: int = 14,
        width: int = 14,
        fill: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.height = arguments.integer("height", height)
        self.width = arguments.integer("width", width)
        self.fill = arguments.real("fill", fill)

    def corrupt(self, x: Tensor) -> Tensor:
        """Cover one rectangle of each image `(batch, height, width, channels)`."""
        data_checks.check_images(self, x)
        batch = ops.shape(x)[0]
        rows = self._inside(batch, x.shape[1], self.height)
        columns = self._inside(batch, x.shape[2], self.width)
        covered = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
        return ops.where(covered, ops.full_like(x, self.fill), x)

    def _inside(self, batch: Any, size: int, length: int) -> Tensor:
        """Return booleans `(batch, size)` that are True on a random run of `length`."""
        if length > size:
            raise UsageError(
                f"Expected a rectangle no larger than the image. Received: {length} of {size}."
            )
        start = ops.floor(self.uniform((batch, 1)) * (size - length + 1))
        position = ops.arange(size, dtype="float32")[None]
        return ops.logical_and(position >= start, position < start + length)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"height": self.height, "width": self.width, "fill": self.fill}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("keras_vae")
class HalfOcclusion(_Corruption):
    """A corruption that covers one half of each image with `fill`.

    Upper, lower, left and right half are equally likely.

    If the number of rows or columns is odd, the middle one stays.

    Example:
        >>> corrupt = keras_vae.layers.HalfOcclusion()
        >>> corrupted = corrupt(images, training=True)

    Args:
        fill: Value of the covered pixels.
        seed: Seed of the choice.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If `fill` is not finite, or x has no shape of images.
    """

    def __init__(self, fill: float = 0.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.fill = arguments.real("fill", fill)

    def corrupt(self, x: Tensor) -> Tensor:
        """Cover one half of each image `(batch, height, width, channels)`."""
        data_checks.check_images(self, x)
        side = ops.floor(4.0 * self.uniform((ops.shape(x)[0], 1, 1, 1)))
        rows = ops.arange(x.shape[1], dtype="float32")[None, :, None, None]
        columns = ops.arange(x.shape[2], dtype="float32")[None, None, :, None]
        across = _half(columns, side - 2.0, x.shape[2])
        covered = ops.where(side < 2.0, _half(rows, side, x.shape[1]), across)
        return ops.where(covered, ops.full_like(x, self.fill), x)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "fill": self.fill}


def _half(position: Tensor, second: Tensor, size: int) -> Tensor:
    """Return True for positions of the first half, or of the second half where `second` is 1."""
    return ops.where(second < 0.5, position < size // 2, position >= size - size // 2)


@keras.saving.register_keras_serializable("keras_vae")
class PatchOcclusion(_Corruption):
    """A corruption that covers each square patch of an image, in all channels, at random.

    Example:
        >>> corrupt = keras_vae.layers.PatchOcclusion(patch=4, rate=0.5)
        >>> corrupted = corrupt(images, training=True)

    Args:
        patch: Side of a patch, in pixels; it divides height and width.
        rate: Probability that a patch is covered.
        fill: Value of the covered pixels.
        seed: Seed of the choice.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`.

    Raises:
        ValueError: If `rate` is no probability, or, when called, the patches do not tile the image.
    """

    def __init__(
        self,
        patch: int = 4,
        rate: float = 0.5,
        fill: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.patch = arguments.integer("patch", patch)
        self.rate, self.fill = arguments.fraction("rate", rate), arguments.real("fill", fill)

    def corrupt(self, x: Tensor) -> Tensor:
        """Cover some patches of each image `(batch, height, width, channels)`."""
        data_checks.check_images(self, x)
        height, width = x.shape[1:3]
        if height % self.patch or width % self.patch:
            raise UsageError(
                f"Expected a patch that divides the height and width of images, {height} and "
                f"{width}. Received: patch={self.patch!r}."
            )
        grid = (ops.shape(x)[0], height // self.patch, width // self.patch, 1)
        covered = self.uniform(grid) < self.rate
        covered = ops.repeat(ops.repeat(covered, self.patch, axis=1), self.patch, axis=2)
        return ops.where(covered, ops.full_like(x, self.fill), x)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"patch": self.patch, "rate": self.rate, "fill": self.fill}
        return {**super().get_config(), **own}


def keep_top_k(z: Tensor, k: int) -> Tensor:
    """Set all but the `k` largest activations of each row of codes `(batch, ...)` to 0.

    Activations equal to the k-th largest are all kept.

    Source: Makhzani & Frey 2013 (arXiv:1312.5663), section 2.1.

    Example:
        >>> np.array(keras_vae.layers.keep_top_k(np.array([[3.0, -4.0, 1.0]]), k=2))
        array([[3., 0., 1.]])

    Args:
        z: Codes, `(batch, ...)`.
        k: Number of activations to keep in a row, at least 1 and at most their number.

    Raises:
        ValueError: If `k` is out of range, or `z` has no row axis.
        TypeError: If `k` is no integer, or `z` is no array or tensor.
    """
    k = arguments.integer("k", k)
    z = z if hasattr(z, "shape") else arguments.array("z", z)
    if isinstance(z, np.ndarray):
        value_checks.check_kind("z", z.dtype)
    if len(z.shape) < 2 or math.prod(z.shape[1:]) < k:
        raise UsageError(
            f"Expected z of shape (batch, ...) with at least k={k} activations in a row. Received: "
            f"shape {tuple(z.shape)}."
        )
    flat = ops.reshape(z, (-1, math.prod(z.shape[1:])))
    threshold = ops.top_k(flat, k)[0][:, -1]
    threshold = ops.reshape(threshold, (-1, *(1 for _ in z.shape[1:])))
    return ops.where(z >= threshold, z, ops.zeros_like(z))
