"""The error of principal components, next to that of a model's reconstructions."""

import math

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.kinds import count_of
from keras_vae.training.data.loading import Data
from keras_vae.training.evaluation.base import Measure, pixels
from keras_vae.typing import LatentModel


def check(model: LatentModel, data: Data) -> None:
    """Raise ValueError for missing numbers, and for codes longer than components can be."""
    count, most = size_of(model), min(len(data.train), math.prod(data.image_shape))
    can_have = data.kind in ("rows", "series")
    gaps = can_have and bool(np.isnan(data.train).any() or np.isnan(data.test).any())
    if gaps or count > most:
        raise UsageError(
            f"Expected complete data, and codes of at most {most} elements, for --pca. Received: "
            f"{'missing numbers' if gaps else f'codes of {count} elements'} for {data.name}. "
            "(Leave --pca out.)"
        )


def size_of(model: LatentModel) -> int:
    """Return the number of elements of a code."""
    return math.prod(model.latent_shape)


def error(model: LatentModel, data: Data) -> dict[str, Measure]:
    """Return the squared error of as many principal components as the code has elements.

    Args:
        model: A `keras_vae.Autoencoder`.
        data: Training examples, whose components they are, and test examples, which are measured.
    """
    from sklearn.decomposition import PCA

    train, test = (pixels(part) for part in (data.train, data.test))
    train, test = (part.reshape(len(part), -1) for part in (train, test))
    fitted = PCA(size_of(model), random_state=0).fit(train)
    found = np.square(fitted.inverse_transform(fitted.transform(test)) - test, dtype="float64")
    components = count_of(size_of(model), "principal components")
    meaning = f"of {components} of the training {data.kind}"
    return {"mse_pca": Measure(float(found.mean()), "", meaning)}
