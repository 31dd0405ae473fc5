"""Image features without a trained network: shades and edges."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_vae.typing import Tensor
from keras_vae.validation import arguments, data_checks

# Differences across a pixel, from left to right, downwards and along the two diagonals.
DIRECTIONS = (((1, 2), (1, 0)), ((2, 1), (0, 1)), ((2, 2), (0, 0)), ((2, 0), (0, 2)))
SMALL = 1e-2  # Added under square roots, whose slope at 0 is infinite.


@keras.saving.register_keras_serializable("keras_vae")
class Outlines(keras.layers.Layer):
    """A layer from images to vectors of shades and edges.

    These describe content better than pixels do. Shades are square roots of pixels. Edges are
    absolute differences of shades across each pixel in four directions, averaged over squares, and
    their square roots. They are a coarse relative of histograms of oriented gradients (Dalal &
    Triggs 2005, CVPR), cheap and differentiable. A square root reduces the contrast between faint
    and strong.

    Use it as the first layer of an encoder, or as `features` of `keras_vae.PerceptualAutoencoder`.

    Example:
        >>> keras_vae.layers.Outlines()(images).shape  # 784 shades, 4 * 49 edges
        TensorShape([64, 980])

    Args:
        edges: Weight of edges relative to shades. In Fashion-MNIST both vary equally at 3.
        square: Side of the squares, in pixels.
        **kwargs: `name` and `dtype` of `keras.layers.Layer`; float32 under any global policy.

    Raises:
        ValueError: If a number is out of range, or, when called, for anything but images
            `(batch, height, width, channels)`. Pixels below 0 count as 0.
    """

    def __init__(self, edges: float = 3.0, square: int = 4, **kwargs: Any) -> None:
        # The slope of a root near 0 is too steep for half precision.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.edges = arguments.real("edges", edges)
        self.square = arguments.integer("square", square)
        self.built = True

    def call(self, x: Tensor) -> Tensor:
        """Return shades and edges of images, `(batch, features)`.

        There are height * width * channels shades and squares * channels * 4 edges.
        """
        data_checks.check_images(self, x)
        shades = _root(ops.relu(x))
        last = {"padding": "same", "data_format": "channels_last"}
        differences = ops.depthwise_conv(shades, _kernel(x.shape[-1], x.dtype), **last)
        means = ops.average_pool(ops.abs(differences), self.square, self.square, **last)
        flat = [ops.reshape(part, (-1, np.prod(part.shape[1:]))) for part in (shades, _root(means))]
        return ops.concatenate([flat[0], self.edges * flat[1]], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "edges": self.edges, "square": self.square}


def _root(x: Tensor) -> Tensor:
    """Return the square root of numbers from 0 on, with a finite slope at 0."""
    return ops.sqrt(x + SMALL) - SMALL**0.5


def _kernel(channels: int, dtype: str) -> Tensor:
    """Return the kernel of a depthwise convolution, `(3, 3, channels, 4)`."""
    kernel = np.zeros((3, 3, channels, len(DIRECTIONS)))
    for number, (end, start) in enumerate(DIRECTIONS):
        kernel[*end, :, number], kernel[*start, :, number] = 1.0, -1.0
    return ops.convert_to_tensor(kernel, dtype)
