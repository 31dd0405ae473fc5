"""Models under `keras.config.set_floatx("float64")`: they train, or are refused with the reason."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import UsageError
from keras_vae.samplers.files import KINDS
from keras_vae.samplers.training import SamplerTraining
from tests.support.models import array

X = np.random.default_rng(0).random((12, 6)).astype("float32")


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(before)


def quantized():
    encoder, decoder = kv.nets.dense((6,), 4, (5,))
    model = kv.VQVAE(encoder, decoder, 8, likelihood="normal", seed=0)
    model.compile("sgd", run_eagerly=True)
    return model


def vae(**given):
    return kv.VAE(*kv.nets.dense((6,), 2, (5,), heads=2), likelihood="normal", seed=0, **given)


def test_a_codebook_is_trained():
    model = quantized()
    assert np.isfinite(model.train_on_batch(X, return_dict=True)["loss"])


@pytest.mark.parametrize("name", KINDS)
def test_the_loss_of_a_prior_is_in_float32(name):
    kind = KINDS[name]
    shape, book = ((2,), None) if kind.is_real else ((2, 2), 8)
    size = kind.size_for(shape, book, 2, **{**kind.defaults, "width": 8, "blocks": 1})
    sampler = kind(size, kind.initial_weights(size, 0))
    codes = X[:4, :2] if kind.is_real else np.arange(16, dtype="int32").reshape(4, 2, 2) % 8
    losses = SamplerTraining(sampler, 0)({"codes": codes, "labels": np.arange(4) % 2})
    assert np.isfinite(array(losses)).all() and array(losses).dtype == "float32"


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_priors_are_fitted_and_drawn(name):
    model = vae() if KINDS[name].is_real else quantized()
    small = {"width": 8, "blocks": 1, "epochs": 1, "verbose": 0}
    model.fit_prior(X, np.arange(12) % 2, prior=name, **small)
    assert np.isfinite(array(model.sample(3, seed=0, condition=1))).all()


def test_a_mixture_as_prior_has_a_density():
    networks = kv.nets.dense((6,), 2, (5,), heads=2)
    model = kv.LearnedPriorVAE(*networks, kv.priors.MixturePrior(3), likelihood="normal", seed=0)
    assert np.isfinite(array(model.score(X))).all()


def test_counts_are_scored_and_drawn():
    networks = kv.nets.dense((6,), 2, (5,), heads=2, decoder_heads=2)
    model = kv.VAE(*networks, likelihood="beta_binomial_16", seed=0)
    p = model.observation(model.encode(np.rint(16 * X)))
    assert np.isfinite(array(p.log_prob(np.rint(16 * X)))).all()
    assert array(p.sample(seed=0)).max() <= 16


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("litert", "x.tflite"),
        ("tf_saved_model", "x"),
        ("onnx", "x.onnx"),
        ("openvino", "x"),
        ("torch", "x.pt2"),
    ],
)
def test_exports_are_refused_with_the_way_to_float32(format, name, tmp_path):
    model = kv.ConvVAE((8, 8, 1), latent_dim=2, filters=(4,), likelihood="bernoulli", seed=0)
    with pytest.raises(UsageError, match=r"in float64, as after.*save_weights and load_weights"):
        model.export(tmp_path / name, format=format, endpoints=["decode"])
    assert not list(tmp_path.iterdir())
