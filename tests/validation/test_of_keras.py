"""Arguments of Keras's own methods that Keras would drop, misread, or fail on without a word."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

X = uniform(6, *FEATURES)
MODEL = kv.VAE(*dense(2), seed=1)
MODEL.compile("sgd", run_eagerly=keras.backend.backend() == "tensorflow")


def fit(x=X, **options):
    MODEL.fit(x, verbose=0, **options)


class Endless:
    """A data set of TensorFlow that repeats."""

    def __iter__(self):
        raise AssertionError("Nothing is taken from data without an end.")

    def cardinality(self):
        return -1


class Query:
    """A query of polars."""

    def __getitem__(self, name):
        raise TypeError("A query has no values.")

    def collect(self):
        raise AssertionError("A query is collected by its owner.")


class Picture:
    """A picture of Pillow."""

    def getbands(self):
        return ("L",)


BAD = {
    "an argument that fit has not": (
        lambda: fit(epoch=2),
        r"arguments of fit among x, y, .*Received: epoch. \(Did you mean 'epochs'\?\)",
    ),
    "one that evaluate has not": (
        lambda: MODEL.evaluate(X, stepz=2),
        r"arguments of evaluate .*'steps'",
    ),
    "one that predict has not": (lambda: MODEL.predict(X, y=X), "arguments of predict .*: y"),
    "one that compile has not": (
        lambda: MODEL.compile("sgd", jit=True),
        "arguments of compile .*Received: jit",
    ),
    "too many arguments": (
        lambda: MODEL.predict(X, 1, 0, 1, None, 5),
        "the arguments of keras.Model.predict.*too many",
    ),
    "a word as shuffle": (lambda: fit(shuffle="no"), "shuffle to be True or False"),
    "a number as return_dict": (
        lambda: MODEL.evaluate(X, return_dict=0),
        "return_dict to be True or False",
    ),
    "half a first epoch": (lambda: fit(initial_epoch=0.5), "initial_epoch of at least 0"),
    "a first epoch before all": (lambda: fit(initial_epoch=-1), "initial_epoch of at least 0"),
    "no epochs": (lambda: fit(epochs=None), "epochs of at least 0, an integer"),
    "half a validation": (
        lambda: fit(validation_data=(X,), validation_steps=2.5),
        "validation_steps of at least 1, an integer",
    ),
    "validation at each half epoch": (
        lambda: fit(validation_data=(X,), validation_freq=0.5),
        "validation_freq of at least 1, an integer",
    ),
    "validation before all epochs": (
        lambda: fit(validation_data=(X,), validation_freq=[0, 2]),
        "each of validation_freq of at least 1",
    ),
    "two kinds of validation data": (
        lambda: fit(validation_data=(X,), validation_split=0.5),
        "validation_split or validation_data.*both",
    ),
    "validation data in lists": (
        lambda: fit(validation_data=X.tolist()),
        r"validation_data of x, \(x, y\) or .*list of 6 parts.*numpy.asarray",
    ),
    "a word as jit_compile": (
        lambda: MODEL.compile("sgd", jit_compile="yes"),
        "jit_compile to be True or False",
    ),
    "a number as run_eagerly": (
        lambda: MODEL.compile("sgd", run_eagerly=1),
        "run_eagerly to be True or False",
    ),
    "no steps at once": (
        lambda: MODEL.compile("sgd", steps_per_execution=0),
        "steps_per_execution of at least 1",
    ),
    "data without an end": (lambda: fit(Endless()), "data that end.*Endless that repeats"),
    "validation without an end": (
        lambda: fit(validation_data=Endless()),
        "data that end.*Endless that repeats",
    ),
    "a query": (lambda: fit(Query()), r"arrays or a source.*Query, a query. \(Give x.collect"),
    "pictures": (
        lambda: fit([Picture(), Picture()]),
        "x of arrays or tensors.*Of 8-bit images: numpy.stack",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_what_keras_would_misread_is_refused_by_name(call, message):
    before = MODEL.get_weights()
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}") as caught:
        call()
    assert "Received" in str(caught.value)
    for old, new in zip(before, MODEL.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_validation_at_listed_epochs_is_that_of_keras():
    found = MODEL.fit(
        X, epochs=3, validation_data=(X,), validation_freq=[1, 3], shuffle=np.True_, verbose=False
    )
    assert len(found.history["val_loss"]) == 2
