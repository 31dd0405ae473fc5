"""Advice about data, before a training that could only be poor."""

import numpy as np

from keras_vae.training.data.sources.base import Data

# A feature of standardized numbers has a root mean square of 1.
USUAL = (0.1, 10.0)


def advise_scale(data: Data) -> str | None:
    """Return advice for series whose features are far from standardized; None for others."""
    if data.kind != "series":
        return None
    size = np.sqrt(np.nanmean(np.square(data.train, dtype="float64"), axis=(0, 1)))
    if USUAL[0] <= size.min() and size.max() <= USUAL[1]:
        return None
    return (
        f"Advice: the features of {data.name} have root mean squares from {size.min():.3g} to "
        f"{size.max():.3g}. Models train well with about 1. (Standardize each feature: "
        "--standardize does so inside of the model, which then takes raw numbers.)"
    )
