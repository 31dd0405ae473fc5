"""A model whose training diverged is named as such, and not its data, its step or a converter."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import estimators
from keras_vae.errors import UsageError
from tests.support.models import FEATURES, dense, uniform

X = uniform(6, *FEATURES)
USES = {
    "interpolate": lambda model, path: kv.latents.interpolate(model, X[:2], X[2:4]),
    "traverse": lambda model, path: kv.latents.traverse(model, X[0], [0]),
    "active units": lambda model, path: estimators.active_units(model, X),
    "KL": lambda model, path: estimators.kl_per_dimension(model, X),
    "information": lambda model, path: estimators.mutual_information(model, X),
    "compress": lambda model, path: kv.compression.compress(model, X, step=0.5),
    "LiteRT": lambda model, path: model.export(path / "m.tflite", format="litert"),
    "SavedModel": lambda model, path: model.export(path / "m"),
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", USES)
def test_weights_that_are_not_finite_are_named(name, value, tmp_path):
    model = kv.VAE(*dense(2), seed=1)
    kernel = model.encoder.trainable_weights[0]
    kernel.assign(np.full(kernel.shape, value, "float32"))
    with pytest.raises(UsageError, match="a VAE with finite weights.*kernel.*diverged"):
        USES[name](model, tmp_path)
