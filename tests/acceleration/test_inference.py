"""`Compiled`: the answers of the model, compiled once, also after the weights have moved."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.acceleration import compiled

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).random((21, 6)).astype("float32")
Z = np.random.default_rng(1).standard_normal((21, 2)).astype("float32")


def made():
    keras.utils.set_random_seed(3)
    networks = kv.nets.dense((6,), 2, hidden=(5,), heads=2)
    return kv.VAE(*networks, likelihood="bernoulli", seed=0)


@pytest.fixture(scope="module")
def model():
    return made()


@pytest.fixture(scope="module")
def fast(model):
    return kv.Compiled(model, largest_batch=8)


def near(found, expected):
    found = keras.ops.convert_to_numpy(found)
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 3, 8, 21])
def test_each_verb_answers_as_the_model_does(model, fast, rows):
    near(fast.encode(X[:rows]), model.encode(X[:rows]))
    near(fast.decode(Z[:rows]), model.decode(Z[:rows]))
    near(fast.reconstruct(X[:rows]), model.reconstruct(X[:rows]))
    near(fast.score(X[:rows]), model.score(X[:rows]))
    near(fast.sample(rows, seed=4), model.sample(rows, seed=4))


def counted(monkeypatch, model, largest_batch):
    """A Compiled whose decoder is counted each time that Python runs it."""
    calls = []
    endpoint = model.endpoints()["decode"]

    def function(z):
        calls.append(z.shape[0])
        return endpoint.function(z)

    endpoints = {"decode": kv.Endpoint(function, endpoint.inputs)}
    monkeypatch.setattr(type(model), "endpoints", lambda self: endpoints)
    return kv.Compiled(model, largest_batch), calls


@pytest.mark.only_on("tensorflow", "jax")  # PyTorch compiles nothing.
def test_no_number_of_rows_is_compiled_twice(monkeypatch):
    fast, calls = counted(monkeypatch, made(), largest_batch=8)
    for _ in range(2):
        for rows in (1, 2, 3, 4, 5, 6, 7, 8, 9, 20):
            assert tuple(fast.decode(Z[:rows]).shape) == (rows, 6)
    assert calls == ([None] if BACKEND == "tensorflow" else [1, 2, 4, 8])


def test_weights_that_moved_are_seen(model):
    fast = kv.Compiled(model)
    before = keras.ops.convert_to_numpy(fast.decode(Z))
    bias = model.decoder.weights[-1]
    bias.assign(bias + 1.0)
    near(fast.decode(Z), model.decode(Z))
    assert np.abs(keras.ops.convert_to_numpy(fast.decode(Z)) - before).max() > 0.01


def test_a_sampler_that_was_fitted_later_is_used(model):
    fast = kv.Compiled(model)
    prior = keras.ops.convert_to_numpy(fast.sample(4, seed=1))
    model.fit_sampler(np.repeat(X, 4, axis=0), components=2)
    near(fast.sample(4, seed=1), model.sample(4, seed=1))
    assert np.abs(keras.ops.convert_to_numpy(fast.sample(4, seed=1)) - prior).max() > 1e-3
    model.sampler = None


def test_a_conditional_model_takes_its_condition():
    networks = kv.nets.conditional(kv.nets.dense, (6,), 2, 3, hidden=(5,))
    model = kv.ConditionalVAE(*networks, likelihood="bernoulli", seed=0)
    condition = np.eye(3, dtype="float32")[np.arange(5) % 3]
    fast = kv.Compiled(model, largest_batch=4)
    near(fast.decode([Z[:5], condition]), model.decode([Z[:5], condition]))
    near(fast.encode([X[:5], condition]), model.encode([X[:5], condition]))
    codes = model.sample_codes(5, 1, 1.0)
    near(fast.sample(5, seed=1, condition=condition), model.decode([codes, condition]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fast: fast.decode(Z[:0]), "at least one"),
        (lambda fast: fast.decode(X), "Expected z of shape"),
        (lambda fast: fast.encode([X, X]), r"Expected 1 array\(s\): x. Received: 2"),
        (lambda fast: fast.call("paint", Z), "Expected name to be .reconstruct., .encode."),
        (lambda fast: fast.score(255 * X), "Divide 8-bit pixels"),
        (lambda fast: compiled.Compiled(fast.model, 0), "largest_batch"),
    ],
)
def test_what_does_not_fit_is_refused(fast, call, message):
    with pytest.raises(ValueError, match=message):
        call(fast)
