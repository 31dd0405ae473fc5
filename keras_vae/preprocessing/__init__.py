"""Preprocessing inside a model: raw numbers go in, and raw numbers come out.

`pipeline` holds what a model keeps of its `preprocess` argument, a list of `steps` that
`keras_layers` reads from layers of Keras. `density` is p(x | z) of raw numbers, and
`standardizing` makes the usual layers from training data.
"""

from keras_vae.preprocessing.pipeline import Preprocessing
from keras_vae.preprocessing.standardizing import standardize

__all__ = ["Preprocessing", "standardize"]
