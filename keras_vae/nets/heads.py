"""Output heads: the step from features to codes, or to the parameters of a distribution."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Tensor = Any


def outputs(features: Tensor, make: Callable[[str], layers.Layer], names: list[str]) -> Any:
    """One layer of `make(name)` on `features` for each name; a list only if there are several."""
    heads = [make(name)(features) for name in names]
    return heads[0] if len(heads) == 1 else heads


def code_names(heads: int) -> list[str]:
    """Layer names of an encoder's heads."""
    return {1: ["z"], 2: ["z_mean", "z_log_var"]}.get(heads) or [
        f"z_{index}" for index in range(heads)
    ]


def with_heads(network: keras.Model, latent_dim: int, heads: int = 2) -> keras.Model:
    """An encoder from any functional network, for instance one of `keras.applications`.

    Example:
        >>> backbone = keras.applications.MobileNetV3Small(
        ...     input_shape=(64, 64, 3), weights=None, include_top=False
        ... )
        >>> encoder = keras_vae.nets.with_heads(backbone, latent_dim=32)

    Args:
        network: Functional model with one output; feature maps are flattened.
        latent_dim: Size of the code.
        heads: 2 for z_mean and z_log_var, 1 for a plain code.

    Returns:
        A model from the inputs of `network` to `heads` outputs of shape `(batch, latent_dim)`.
    """
    features = layers.Flatten(name="features")(network.output)
    codes = outputs(features, lambda name: layers.Dense(latent_dim, name=name), code_names(heads))
    return keras.Model(network.inputs[0], codes, name=f"{network.name}_encoder")
