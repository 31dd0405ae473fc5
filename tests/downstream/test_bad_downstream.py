"""What classifiers, inpainting and the scikit-learn transformer refuse, in this package's words."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

X = uniform(6, *FEATURES)
MASK = np.arange(6) < 3
MODEL = kv.VAE(*dense(2), seed=1)


def classifier(num_classes=2, **kwargs):
    return kv.classifier_from(MODEL, num_classes, **kwargs)


def inpaint(x=X, mask=MASK, **kwargs):
    return kv.inpaint(MODEL, x, mask, **kwargs)


def fit(**kwargs):
    from keras_vae.downstream.dimension_reduction import AutoencoderTransformer

    return AutoencoderTransformer(**{"epochs": 1, **kwargs}).fit(X)


BAD = {
    "one width": (lambda: classifier(hidden=64), "hidden to be a sequence.*hidden=64"),
    "True as a width": (lambda: classifier(hidden=[True]), "each of hidden"),
    "half a class": (lambda: classifier(3.0), "num_classes of at least 2, an integer"),
    "text as dropout": (lambda: classifier(dropout="a"), "dropout to be a finite number"),
    "True as dropout": (lambda: classifier(dropout=True), "dropout to be a finite number"),
    "text for a flag": (lambda: classifier(freeze="no"), "freeze to be True or False"),
    "a path as a name": (lambda: classifier(name="a/b"), "name to be text without '/'"),
    "no name": (lambda: classifier(name=""), "name to be text without '/'"),
    "half a step": (lambda: inpaint(steps=2.5), "steps of at least 1, an integer"),
    "True steps": (lambda: inpaint(steps=True), "steps of at least 1, an integer"),
    "text to start": (lambda: inpaint(start="a"), "start to be a finite number"),
    "NaN to start": (lambda: inpaint(start=np.nan), "start to be a finite number"),
    "many to start": (lambda: inpaint(start=np.ones(6)), "start to be a finite number"),
    "no batch": (lambda: inpaint(batch_size=0), "batch_size of at least 1"),
    "less than a batch": (lambda: inpaint(batch_size=-1), "batch_size of at least 1"),
    "half a batch": (lambda: inpaint(batch_size=2.5), "batch_size of at least 1, an integer"),
    "text to fill": (lambda: inpaint(X.astype(str)), "real numbers in x"),
    "nothing to fill": (lambda: inpaint(X[:0]), "at least one example"),
    "None to fill": (lambda: inpaint(None), "x of arrays or tensors"),
    "one width to reduce": (lambda: fit(hidden=64), "hidden to be a sequence"),
    "True to reduce to": (lambda: fit(n_components=True), "n_components of at least 1, an integer"),
    "text as a rate": (lambda: fit(learning_rate="a"), "learning_rate to be a finite number"),
    "NaN as a rate": (lambda: fit(learning_rate=np.nan), "learning_rate to be a finite number"),
    "a rate below 0": (lambda: fit(learning_rate=-1), "learning_rate above 0"),
    "a number to build": (lambda: fit(build=3), "build to be a function.*build=3"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_use_can_be_made_of_is_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        call()


def test_integers_of_numpy_are_integers():
    found = classifier(np.int64(3), hidden=(np.int64(4),))
    assert found.output_shape == (None, 3)
