"""Flows with random weights, for tests."""

import numpy as np


def shaken(layer, scale=0.4, seed=0):
    """`layer` with random weights, so that it is no identity."""
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(size=variable.shape, scale=scale))
    return layer
