"""Output heads, from features to codes or to the parameters of a distribution."""

import numbers
from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from keras_vae.errors import UsageError
from keras_vae.typing import Tensor
from keras_vae.validation import arguments

# Part of Keras's variance with which weights of z_log_var start. The variance is an exponential of
# it: at a part of 1, one step of Adam at many inputs makes a divergence of millions of nats.
SMALL = 0.01


def codes(features: Tensor, make: Callable[[str], layers.Layer], heads: int) -> Any:
    """Return the outputs of an encoder, each a layer `make(name)` applied to `features`.

    The kernel of z_log_var starts small.

    Args:
        features: Features of x.
        make: Function from the name of an output to its layer.
        heads: Number of outputs: 1 for `z`, 2 for `z_mean` and `z_log_var`.

    Returns:
        A tensor, or a list of two tensors.

    Raises:
        ValueError: If `heads` is not 1 or 2.
    """
    is_integer = isinstance(heads, numbers.Integral) and not isinstance(heads, bool)
    if not is_integer or heads not in (1, 2):
        raise UsageError(
            "Expected heads to be 1, for a plain code, or 2, for z_mean and z_log_var. "
            f"Received: {heads!r}."
        )
    names = ["z"] if heads == 1 else ["z_mean", "z_log_var"]
    made = [make(name) for name in names]
    for layer in made[1:]:
        layer.kernel_initializer = keras.initializers.VarianceScaling(SMALL, "fan_avg", "uniform")
    outputs = [layer(features) for layer in made]
    return outputs[0] if heads == 1 else outputs


def split(parameters: Tensor, heads: int) -> Any:
    """Split the last axis of a tensor into `heads` outputs of a decoder.

    One wide layer that is split is much faster than one layer for each output.

    Returns:
        `parameters` itself if `heads` is 1, else a list of equal parts.
    """
    return parameters if heads == 1 else ops.split(parameters, heads, axis=-1)


def with_heads(network: keras.Model, latent_dim: int, heads: int = 2) -> keras.Model:
    """Return an encoder made of any functional network, such as one of `keras.applications`.

    Example:
        >>> backbone = keras.applications.MobileNetV3Small(
        ...     input_shape=(64, 64, 3),
        ...     weights=None,
        ...     include_top=False,
        ...     include_preprocessing=False,
        ... )
        >>> encoder = keras_vae.nets.with_heads(backbone, latent_dim=32)

    A pretrained network of `keras.applications` expects its own range of pixels. MobileNetV3
    takes 0 to 255, or -1 to 1 with `include_preprocessing=False`. Models here take pixels in
    [0, 1], so put a `keras.layers.Rescaling` in front of pretrained weights.

    Args:
        network: Functional model with one input and one output; feature maps are flattened.
        latent_dim: Size of the code.
        heads: 2 for z_mean and z_log_var, 1 for a plain code.

    Returns:
        A model from the input of `network` to `heads` outputs of shape `(batch, latent_dim)`.

    Raises:
        ValueError: If `network` has not one input and one output, or `heads` is not 1 or 2.
    """
    ends = [getattr(network, "inputs", None) or [], getattr(network, "outputs", None) or []]
    if [len(end) for end in ends] != [1, 1]:
        raise UsageError(
            "Expected a functional model with one input and one output. Received: "
            f"{type(network).__name__} with {len(ends[0])} and {len(ends[1])}. "
            "(keras.Model(inputs, outputs) makes one.)"
        )
    latent_dim = arguments.integer("latent_dim", latent_dim)
    features = layers.Flatten("channels_last", name="features")(network.outputs[0])
    z = codes(features, lambda name: layers.Dense(latent_dim, name=name), heads)
    return keras.Model(network.inputs[0], z, name=f"{network.name}_encoder")
