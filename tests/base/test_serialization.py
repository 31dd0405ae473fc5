"""A file holds all of a model: loaded in a fresh process, it answers and trains on as before."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import BATCH, CASES, FAST, FEATURES, dense, first
from tests.support.reload import state_and_answers

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).random((BATCH, *FEATURES)).astype("float32")

IMAGES = np.repeat(X[:, :, None, None], 5, axis=2)


def with_random_layers():
    """A dropout in the network: Keras saves no state of random numbers, so the model must."""
    encoder, decoder = dense(heads=2)
    noisy = keras.Sequential([keras.Input(FEATURES), keras.layers.Dropout(0.4, seed=5)])
    outputs = encoder(noisy(encoder.inputs[0]))
    return kv.VAE(keras.Model(encoder.inputs[0], outputs), decoder, seed=1)


def half_precision():
    """Networks that a model makes itself must have its precision again."""
    return kv.ConvVAE((6, 5, 1), latent_dim=2, filters=(2,), hidden=4, dtype="mixed_float16")


def frozen():
    """The optimizer has no state for the encoder."""
    encoder, decoder = dense()
    encoder.trainable = False
    return kv.Autoencoder(encoder, decoder)


def frozen_inside():
    """A constructor that makes the networks cannot know that one was frozen later."""
    model = kv.ConvVAE((6, 5, 1), latent_dim=2, filters=(2,), hidden=4)
    model.encoder.trainable = False
    return model


def with_sampler():
    """What was fitted after training is part of a model too."""
    model = kv.Autoencoder(*dense(), seed=1)
    model.fit_sampler(X, components=2)
    return model


MODELS = {case.id: (case.make, first(BATCH, case.x)) for case in CASES} | {
    "with_random_layers": (with_random_layers, X),
    "half_precision": (half_precision, IMAGES),
    "frozen": (frozen, X),
    "frozen_inside": (frozen_inside, IMAGES),
    "with_sampler": (with_sampler, X),
    "likelihood_class": (
        lambda: kv.Autoencoder(*dense(), likelihood=kv.distributions.Laplace),
        X,
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """For each model what it answers and how it trains on, here and in one fresh process."""
    folder = tmp_path_factory.mktemp("models")
    here = {}
    for name, (make, x) in MODELS.items():
        model = make()
        model.compile(keras.optimizers.Adam(0.01), **FAST)
        for _ in range(2):
            model.train_on_batch(x)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", *keras.tree.flatten(x))
        here[name] = state_and_answers(model, x)
    command = [
        sys.executable,
        "-W",
        "error::UserWarning",
        "-m",
        "tests.support.reload",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return here, {name: dict(np.load(folder / f"{name}.after.npz")) for name in MODELS}


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_process_gives_the_same_answers_and_the_same_next_step(files, name):
    here, there = files[0][name], files[1][name]
    assert set(there) == set(here)
    assert str(there.pop("config")) == str(here.pop("config"))
    for key, wanted in here.items():
        np.testing.assert_allclose(there[key], wanted, rtol=1e-5, atol=1e-6, err_msg=key)
    assert any(np.any(here[k] != here[k.replace("before", "after")]) for k in keys(here, "before"))


def keys(state, prefix):
    return [key for key in state if key.startswith(prefix)]


def test_a_model_in_half_precision_makes_its_networks_in_it():
    assert half_precision().encoder.layers[1].compute_dtype == "float16"
    assert keras.config.dtype_policy().name == "float32"


def test_frozen_layers_stay_those_of_networks_with_several_inputs():
    """A reloaded model has more layers for these inputs."""
    model = kv.LadderVAE(*kv.nets.conv_ladder((8, 8, 1), 2, 1, (2, 2), (1, 1)))
    model.decoder.trainable = False
    again = kv.LadderVAE.from_config(model.get_config())
    shapes = [[v.shape for v in each.trainable_variables] for each in (model, again)]
    assert shapes[0] == shapes[1] and len(shapes[0]) == len(model.encoder.weights)
