"""Pairs of x and a condition have equal row counts, and lists are no arrays, wherever x goes."""

import functools

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import estimators
from keras_vae.errors import KerasVAEError
from tests.support.models import FEATURES, dense, uniform

X = uniform(8, *FEATURES)
CONDITION = np.eye(3, dtype="float32")[np.arange(8) % 3]
SERIES, MASK = uniform(8, 4, 2), np.ones((8, 4), "float32")
CODES = np.zeros((8, 2), "float32")


@functools.cache
def conditional():
    return kv.ConditionalVAE(
        *kv.nets.conditional(kv.nets.dense, FEATURES, 2, 3, hidden=(4,)), seed=0
    )


@functools.cache
def masked():
    return kv.LSTMVAE((4, 2), 2, units=(3,), masked=True, seed=0)


@functools.cache
def plain():
    return kv.VAE(*dense(2), seed=0)


ESTIMATORS = {
    name: getattr(estimators, name)
    for name in (
        "kl_per_dimension",
        "active_units",
        "mutual_information",
        "aggregate_kl",
        "total_correlation",
    )
}
OF_PAIRS = {
    **ESTIMATORS,
    **{
        f"{name} in batches": functools.partial(function, batch_size=3)
        for name, function in ESTIMATORS.items()
    },
    "encode": lambda model, x: model.encode(x),
    "posterior": lambda model, x: model.posterior(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "score": lambda model, x: model.score(x),
    "score map": lambda model, x: kv.AnomalyDetector(model).score_map(x),
    "decode": lambda model, x: model.decode((CODES[: len(x[0])], x[1])),
    "observation": lambda model, x: model.observation((CODES[: len(x[0])], x[1])),
}


@pytest.mark.parametrize("rows", [(8, 3), (8, 1), (3, 8)], ids=str)
@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_condition_of_another_count_is_refused(name, rows):
    of_x, of_condition = rows
    for model, x, other in ((conditional(), X, CONDITION), (masked(), SERIES, MASK)):
        with pytest.raises(KerasVAEError, match=f"with {of_x} rows, as many as .*Received: shape"):
            OF_PAIRS[name](model, (x[:of_x], other[:of_condition]))


@pytest.mark.parametrize(
    "call",
    [
        lambda: plain().encode(X.tolist()),
        lambda: plain().decode(CODES.tolist()),
        lambda: plain().observation(CODES.tolist()),
        lambda: plain().score(X.tolist()),
        lambda: plain().posterior(X.tolist()),
        lambda: conditional().decode((CODES.tolist(), CONDITION)),
        lambda: conditional().decode((CODES, CONDITION.tolist())),
        lambda: conditional().encode((X, CONDITION.tolist())),
        lambda: estimators.log_likelihood(plain(), X.tolist(), samples=2),
        lambda: estimators.elbo(plain(), X.tolist(), samples=2),
        lambda: estimators.kl_per_dimension(plain(), X.tolist()),
        lambda: kv.AnomalyDetector(plain()).score(X.tolist()),
        lambda: kv.AnomalyDetector(plain()).score_map(X.tolist()),
        lambda: kv.Compiled(plain()).encode(X.tolist()),
        lambda: kv.Compiled(plain()).decode(CODES.tolist()),
        lambda: kv.Compiled(plain()).score(X.tolist()),
        lambda: kv.inpaint(plain(), X.tolist(), X > 0.5),
    ],
)
def test_lists_are_refused_with_the_same_words(call):
    with pytest.raises(KerasVAEError, match=r"Expected [xz] of arrays or tensors.*numpy.asarray"):
        call()
