"""Configurations that nobody thought of train and reload, or are refused in documented words."""

import dataclasses

import keras
import numpy as np
import pytest
from hypothesis import given, settings

from tests.support.configurations import Configuration, Make, configurations
from tests.support.fuzz import QUIET, Fuzz, is_documented, try_out
from tests.support.models import FAST

# JAX compiles each configuration.
CASES = {"tensorflow": 100, "torch": 30, "jax": 3}[keras.backend.backend()]


# Keras warns of attention to one step and of a mixture of one.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@settings(max_examples=CASES, derandomize=True, **QUIET)
@given(configurations())
def test_any_configuration_trains_and_reloads_or_is_refused_in_documented_words(case):
    try_out(case)


# What fuzzing found, once repaired.

DENSE = Make("nets.dense", {"shape": (6,), "latent_dim": 3, "hidden": ()})
FOUND = {
    "a seed of NumPy": Configuration("Autoencoder", DENSE, {"seed": np.int64(2)}),
    "heads of NumPy": Configuration(
        "TransformerAutoencoder",
        None,
        {"shape": (4, 2), "latent_dim": 3, "width": 4, "blocks": 1, "attention_heads": np.int64(2)},
    ),
    "an LSTM in bfloat16": Configuration(
        "LSTMAutoencoder",
        None,
        {"shape": (2, 1), "latent_dim": 1, "units": (3,), "bidirectional": True},
        policy="bfloat16",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzing_found_works_now(name):
    assert try_out(FOUND[name]) == "works"


HEADS = Make("nets.dense", {"shape": (6,), "latent_dim": 3, "hidden": (), "heads": 2})
NARROW = Make("nets.dense", {"shape": (4, 1), "latent_dim": 3, "heads": 2})
HALF = Make("layers.HalfOcclusion", {})
LADDER = Make(
    "nets.conv_ladder",
    {
        "image_shape": (6, 5, 1),
        "latent_dim": 2,
        "latent_channels": 2,
        "filters": (2,),
        "levels": (1,),
    },
)
REFUSED = {
    "an occlusion of what is no image": (
        Configuration("DenoisingAutoencoder", DENSE, {"corruption": HALF}),
        "Expected images (batch, height, width, channels)",
    ),
    "a corruption that is no layer": (
        Configuration("DenoisingAutoencoder", DENSE, {"corruption": 2.5}),
        "Expected corruption to be a Keras layer",
    ),
    "a ladder's networks in a plain VAE": (Configuration("VAE", LADDER, {}), "Expected z of shape"),
    "a discriminator of other codes": (
        Configuration(
            "FactorVAE",
            HEADS,
            {"discriminator": Make("nets.dense_encoder", {"shape": (2,), "latent_dim": 1})},
        ),
        "Expected a discriminator from codes",
    ),
    "a discriminator of three codes for a model of one": (
        Configuration(
            "FactorVAE",
            dataclasses.replace(HEADS, arguments={**HEADS.arguments, "latent_dim": 1}),
            {"discriminator": Make("nets.dense_encoder", {"shape": (3,), "latent_dim": 1})},
        ),
        "Expected a discriminator from codes",
    ),
    "masked that is an array": (
        Configuration(
            "Autoencoder",
            Make("nets.lstm", {"shape": (4, 2), "latent_dim": 3, "masked": np.ones(2)}),
            {},
        ),
        "Expected masked to be True or False",
    ),
    "weights that are no mapping": (
        Configuration("VAE", HEADS, {"loss_weights": 1.0}),
        "Expected loss_weights to be a dictionary",
    ),
    "a weight that is no number": (
        Configuration("VAE", HEADS, {"beta": float("nan")}),
        "Expected the weight of 'kl' to be a finite number",
    ),
    "one class": (
        Configuration("VAE", NARROW, {"likelihood": "categorical"}),
        "Expected at least two classes",
    ),
    "half a seed": (Configuration("VAE", HEADS, {"seed": 2.5}), "Expected seed of at least 0"),
    "a number as a name": (
        Configuration("VAE", HEADS, {"name": 0}),
        "Expected name to be text",
    ),
    "heads that are an array": (
        Configuration(
            "Autoencoder",
            Make("nets.dense", {"shape": (6,), "latent_dim": 3, "heads": np.ones(2)}),
            {},
        ),
        "Expected heads to be 1",
    ),
    "no heads of attention": (
        Configuration("TransformerVAE", None, {"shape": (4, 2), "attention_heads": None}),
        "Expected attention_heads of at least 1, an integer",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_fuzzing_found_is_refused_in_documented_words_now(name):
    case, message = REFUSED[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        model = case.construct()
        model.compile("sgd", **FAST)
        model.fit(case.data(model), verbose=0)
    assert message in str(caught.value) and is_documented(caught.value)


# The program.


@pytest.mark.tensorflow
def test_the_program_finds_a_fault_and_prints_its_smallest_configuration(monkeypatch, capsys):
    def faulty(case):
        if case.rows == 1:
            raise KeyError("rows")
        return "works"

    monkeypatch.setattr("tests.support.fuzz.try_out", faulty)
    monkeypatch.setattr("tests.support.configurations.MODELS", ["Autoencoder", "IWAE", "VAE"])
    fuzz = Fuzz(60, 0)
    fuzz.run()
    assert [place[0] for place in fuzz.found] == ["KeyError"] and fuzz.counts.total() == 60
    out = capsys.readouterr().out
    assert "rows=1" in out and "model='Autoencoder'" in out and "arguments={}" in out
