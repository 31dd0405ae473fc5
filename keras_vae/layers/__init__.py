"""Layers for networks of your own: corruptions, sparse activations, and features of images.

`corruption` holds what is active in training only, `outlines` features of images, and `gaps` the
rules of missing values.
"""

from keras_vae.layers.corruption import (
    HalfOcclusion,
    MaskingNoise,
    PatchOcclusion,
    RectangleOcclusion,
    SaltAndPepperNoise,
    keep_top_k,
)
from keras_vae.layers.gaps import FillGaps
from keras_vae.layers.outlines import Outlines

__all__ = [
    "FillGaps",
    "HalfOcclusion",
    "MaskingNoise",
    "Outlines",
    "PatchOcclusion",
    "RectangleOcclusion",
    "SaltAndPepperNoise",
    "keep_top_k",
]
