"""The one network of all comparisons, and its number of operations.

28x28x1 images, convolutions of 32 and 64 channels (3x3, stride 2, ReLU), a dense layer of 128, 16
latents; a dense layer of 3136, transposed convolutions of 32 and 1 channels. Bernoulli logits,
Adam with a rate of 0.001, batches of 128.
"""

import math
from collections.abc import Sequence

from keras_vae.errors import UsageError

IMAGE_SHAPE = (28, 28, 1)
FILTERS = (32, 64)
HIDDEN = 128
LATENT = 16
BATCH = 128
RATE = 1e-3
PARAMETERS = 496_545


def forward_flops(
    image_shape: Sequence[int] = IMAGE_SHAPE,
    filters: Sequence[int] = FILTERS,
    hidden: int = HIDDEN,
    latent: int = LATENT,
) -> tuple[int, int]:
    """Return the operations of the matrix products of one example: of all layers, of the first.

    A multiplication and an addition count as two. Biases and activations are left out.
    """
    (height, width, _), counts = image_shape, [image_shape[2], *filters]
    layers = []
    for before, after in zip(counts, counts[1:], strict=False):
        height, width = math.ceil(height / 2), math.ceil(width / 2)
        layers.append(2 * 9 * before * after * height * width)
    flat = height * width * counts[-1]
    dense = 2 * (flat * hidden + hidden * 2 * latent + latent * flat)
    # A transposed convolution does what the convolution between the same maps does.
    return 2 * sum(layers) + dense, layers[0]


def training_flops(**network: object) -> int:
    """Return the operations of one training step per example.

    They are three times those of the forward pass, without the gradient of the images.
    """
    forward, first = forward_flops(**network)  # type: ignore[arg-type]
    return 3 * forward - first


def check_parameters(count: int) -> None:
    """Raise ValueError unless a peer has the network's number of parameters."""
    if count != PARAMETERS:
        raise UsageError(f"Expected a network of {PARAMETERS:,} parameters. Received: {count:,}.")
