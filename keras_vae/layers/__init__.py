"""Layers for networks of your own: corruptions, sparse activations, and features of images.

`corruption` holds what is active in training only, `outlines` features of images.
"""

from keras_vae.layers.corruption import (
    HalfOcclusion,
    MaskingNoise,
    PatchOcclusion,
    RectangleOcclusion,
    SaltAndPepperNoise,
    keep_top_k,
)
from keras_vae.layers.outlines import Outlines

__all__ = [
    "HalfOcclusion",
    "MaskingNoise",
    "Outlines",
    "PatchOcclusion",
    "RectangleOcclusion",
    "SaltAndPepperNoise",
    "keep_top_k",
]
