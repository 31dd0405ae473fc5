"""Vectors to integers and back.

`base` states what a quantizer is. `quantizers` has a learned codebook and fixed levels, `residual`
and `grouped` several codebooks, `sim_vq` a frozen one, and `signs` those without. `gradients` are
the ways around the choice of a code, and `kmeans` gives codebooks their start.
"""

from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.grouped import GroupedResidualVectorQuantizer
from keras_vae.quantization.quantizers import FiniteScalarQuantizer, VectorQuantizer
from keras_vae.quantization.residual import ResidualVectorQuantizer
from keras_vae.quantization.signs import BinarySphericalQuantizer, LookupFreeQuantizer
from keras_vae.quantization.sim_vq import SimVectorQuantizer

__all__ = [
    "BinarySphericalQuantizer",
    "FiniteScalarQuantizer",
    "GroupedResidualVectorQuantizer",
    "LookupFreeQuantizer",
    "Quantizer",
    "ResidualVectorQuantizer",
    "SimVectorQuantizer",
    "VectorQuantizer",
]
