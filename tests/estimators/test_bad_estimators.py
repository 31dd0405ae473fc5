"""What estimators refuse, in this package's words."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import estimators
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

X = uniform(6, *FEATURES)
MODEL = kv.VAE(*dense(2), seed=1)
PLANE = kv.VAE(*kv.nets.dense(FEATURES, 2, (5,), heads=2), seed=1)
OF_CODES = [estimators.mutual_information, estimators.aggregate_kl, estimators.total_correlation]


@pytest.mark.parametrize("estimate", OF_CODES)
@pytest.mark.parametrize(
    "given",
    [
        {"samples": 2.5},
        {"samples": "a"},
        {"samples": True},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": None},
        {"seed": 2**32},
        {"batch_size": 0},
    ],
    ids=str,
)
def test_bad_numbers_are_refused_by_name(estimate, given):
    (name,) = given
    with pytest.raises(KerasVAEError, match=f"^Expected {name}.*Received: {name}="):
        estimate(MODEL, X, **given)


def quadrature(**kwargs):
    return estimators.quadrature_log_likelihood(PLANE, X[:1], **kwargs)


def likelihood(**kwargs):
    return estimators.log_likelihood(MODEL, X[:1], **{"samples": 4, **kwargs})


BAD = {
    "no batch": (lambda: estimators.kl_per_dimension(MODEL, X, 0), "batch_size of at least 1"),
    "half": (lambda: estimators.active_units(MODEL, X, 2.5), "batch_size of at least 1, an int"),
    "NaN": (lambda: estimators.kl_per_dimension(MODEL, X * np.nan), "finite values in x"),
    "nothing": (lambda: estimators.kl_per_dimension(MODEL, X[:0]), "at least one example"),
    "text": (lambda: estimators.kl_per_dimension(MODEL, "a"), "x of arrays or tensors"),
    "half a seed": (lambda: likelihood(seed=1.5), "seed, an integer"),
    "no seed": (lambda: likelihood(seed=None), "seed, an integer"),
    "text for a flag": (lambda: likelihood(return_standard_error="no"), "return_standard_error"),
    "one number": (lambda: estimators.measure_likelihood(MODEL, X, 4), "samples to be a sequence"),
    "text to average": (lambda: estimators.log_mean_exp(["a"]), "real numbers in values"),
    "no such axis": (lambda: estimators.log_mean_exp([1.0], axis=3), "axis of 1 axes"),
    "half an axis": (lambda: estimators.log_mean_exp([1.0], axis=0.5), "axis of at least -1, an"),
    "one size": (lambda: estimators.bits_per_dim(3.0, 28), "event_shape to be a sequence"),
    "any size": (lambda: estimators.bits_per_dim(3.0, (None, 2)), "each of event_shape"),
    "sizes below 0": (lambda: estimators.bits_per_dim(3.0, (-2, -2)), "each of event_shape"),
    "half a level": (lambda: estimators.bits_per_dim(3.0, (2,), 2.5), "levels of at least 1, an"),
    "NaN levels": (lambda: estimators.bits_per_dim(3.0, (2,), np.nan), "levels of at least 1"),
    "text for nats": (lambda: estimators.bits_per_dim("a", (2,)), "real numbers in nats"),
    "half a point": (lambda: quadrature(points=2.5), "points of at least 2, an integer"),
    "text as a limit": (lambda: quadrature(limit="a"), "limit to be a finite number"),
    "NaN as a limit": (lambda: quadrature(limit=np.nan), "limit to be a finite number"),
    "no limit": (lambda: quadrature(limit=np.inf), "limit to be a finite number"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_estimated_is_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        call()


def test_bits_of_a_list_are_those_of_an_array():
    nats = [3.0, 5.0]
    found = estimators.bits_per_dim(nats, (2,))
    np.testing.assert_array_equal(found, estimators.bits_per_dim(np.array(nats), (2,)))
