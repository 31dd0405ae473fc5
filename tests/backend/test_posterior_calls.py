"""Ladders and flows outside of graphs: compiled once, with the answers of layers one by one."""

import numpy as np
import pytest

from tests.support.small_models import (
    FEATURES,
    IMAGE,
    conv_ladder_vae,
    directed_flow_vae,
    iaf_vae,
    ladder_vae,
)

calls = pytest.importorskip("keras_vae.backend.tensorflow_calls", reason="needs TensorFlow")

pytestmark = pytest.mark.tensorflow

RANDOM = np.random.default_rng(0)
KINDS = {
    "ladder": (ladder_vae, FEATURES),
    "conv ladder": (conv_ladder_vae, IMAGE),
    "planar": (directed_flow_vae(flow_kind="planar"), FEATURES),
    "autoregressive": (iaf_vae, FEATURES),
}


def model_and_data(kind):
    """A model with random weights, biases and zeros of new layers among them, and five rows."""
    construct, shape = KINDS[kind]
    model = construct()
    model.build((None, *shape))
    for weight in model.trainable_weights:
        weight.assign(0.3 * RANDOM.normal(size=weight.shape))
    return model, RANDOM.random((5, *shape), "float32")


def one_by_one(monkeypatch, call):
    with monkeypatch.context() as patch:
        patch.setattr(calls, "_is_eager", lambda parts: False)
        return np.asarray(call())


def near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind == "conv ladder" else ()) for kind in KINDS],
)
def test_verbs_answer_as_layers_one_by_one(kind, monkeypatch):
    model, x = model_and_data(kind)
    verbs = model.encode, model.reconstruct, model.score
    expected = [one_by_one(monkeypatch, lambda verb=verb: verb(x)) for verb in verbs]
    for verb, rows in zip(verbs, expected, strict=True):
        near(verb(x), rows)
    drawn = one_by_one(monkeypatch, lambda: model.posterior(x).sample(0))
    near(model.posterior(x).sample(0), drawn)
    compiled = []
    monkeypatch.setattr(calls._Calls, "compile", lambda *given: compiled.append(given))
    for verb, rows in zip(verbs, expected, strict=True):
        near(verb(x[:2]), rows[:2])
    assert not compiled  # Each function takes any number of rows.


@pytest.mark.parametrize("kind", ["ladder", "planar"])
def test_a_posterior_in_training_is_not_compiled(kind, monkeypatch):
    model, x = model_and_data(kind)
    drawn = np.asarray(model.posterior(x).sample(0))
    outputs = model.encoder_outputs(x)
    monkeypatch.setattr(model, "encoder_outputs", lambda x, training: outputs)
    monkeypatch.setattr(calls, "_call", lambda *given: pytest.fail("compiled"))
    near(model.posterior(x, training=True).sample(0), drawn)
