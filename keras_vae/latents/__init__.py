"""Walks, neighbors and arithmetic in latent space.

Codes and images here are NumPy arrays; a code has shape `latent_shape`, of any rank. `paths` lead
from code to code, `walks` are decoded.
"""

from keras_vae.estimators.codes import active_units, kl_per_dimension
from keras_vae.latents.paths import lerp, slerp
from keras_vae.latents.walks import (
    as_numpy,
    attribute_vector,
    decode,
    interpolate,
    normal_grid,
    ordered_by_kl,
    traverse,
)
from keras_vae.metrics.neighbors import neighbors

__all__ = [
    "active_units",
    "as_numpy",
    "attribute_vector",
    "decode",
    "interpolate",
    "kl_per_dimension",
    "lerp",
    "neighbors",
    "normal_grid",
    "ordered_by_kl",
    "slerp",
    "traverse",
]
