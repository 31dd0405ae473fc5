"""Vectors to integers and back.

`base` states what a quantizer is. `quantizers` has a learned codebook and fixed levels, and
`residual` several codebooks in a row. `kmeans` gives codebooks their start.
"""

from keras_vae.quantization.base import Quantizer
from keras_vae.quantization.quantizers import FiniteScalarQuantizer, VectorQuantizer
from keras_vae.quantization.residual import ResidualVectorQuantizer

__all__ = [
    "FiniteScalarQuantizer",
    "Quantizer",
    "ResidualVectorQuantizer",
    "VectorQuantizer",
]
