"""Networks that end in an activation where logits or logarithms are meant are refused."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_vae as kv
from keras_vae.distributions import FAMILIES

FEATURES = (6,)


def encoder(activation=None):
    x = keras.Input(FEATURES)
    return keras.Model(x, [layers.Dense(2)(x), layers.Dense(2, activation)(x)])


def functional(end):
    z = keras.Input((2,))
    return keras.Model(z, end(z))


ENDS = {
    "an argument": (lambda z: layers.Dense(6, "sigmoid")(z), "sigmoid"),
    "a layer": (lambda z: layers.Activation("sigmoid")(layers.Dense(6)(z)), "sigmoid"),
    "a layer of its name": (lambda z: layers.ReLU()(layers.Dense(6)(z)), "relu"),
    "an op": (lambda z: ops.sigmoid(layers.Dense(6)(z)), "sigmoid"),
    "another range": (lambda z: layers.Dense(6, "tanh")(z), "tanh"),
    "before a reshape": (
        lambda z: layers.Reshape((6,))(layers.Reshape((2, 3))(layers.Dense(6, "softmax")(z))),
        "softmax",
    ),
    "a model in a model": (
        lambda z: functional(lambda z: layers.Dense(6, "sigmoid")(z))(z),
        "sigmoid",
    ),
    "a sequence": (
        lambda z: keras.Sequential([layers.Dense(4), layers.Dense(6, "sigmoid")])(z),
        "sigmoid",
    ),
    "a wrapper": (
        lambda z: layers.Flatten()(
            layers.TimeDistributed(layers.Dense(3, "sigmoid"))(layers.RepeatVector(2)(z))
        ),
        "sigmoid",
    ),
}


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous_bernoulli", "categorical"])
@pytest.mark.parametrize("end", ENDS)
def test_a_decoder_of_probabilities_is_refused_where_logits_are_meant(end, likelihood):
    make, name = ENDS[end]
    decoder = functional(make)
    with pytest.raises(ValueError, match=rf"logits.*ends in {name}.*Remove the activation"):
        kv.VAE(encoder(), decoder, likelihood=likelihood)
    assert kv.VAE(encoder(), decoder, likelihood="normal").built


def test_a_layer_alone_is_refused():
    with pytest.raises(ValueError, match="ends in sigmoid"):
        kv.VAE(encoder(), layers.Dense(6, "sigmoid"), likelihood="bernoulli")


@pytest.mark.parametrize("activation", [None, "linear", "leaky_relu", "log_softmax"])
def test_ends_of_any_sign_are_accepted(activation):
    decoder = functional(lambda z: layers.Dense(6, activation)(z))
    assert kv.VAE(encoder(), decoder, likelihood="categorical").built


SCALED = [n for n in FAMILIES if FAMILIES[n].heads > 1 and not n.startswith("zero_inflated")]


@pytest.mark.parametrize("end", ["sigmoid", "tanh", "softplus"])
def test_odds_of_additional_zeros_are_logits(end):
    ends = None, None, end
    decoder = functional(lambda z: [layers.Dense(6, end)(z) for end in ends])
    with pytest.raises(ValueError, match=f"output zero_logits.*ends in {end}"):
        kv.VAE(encoder(), decoder, likelihood="zero_inflated_negative_binomial")


@pytest.mark.parametrize("end", ["softplus", "exponential"])
def test_rates_are_logarithms(end):
    with pytest.raises(ValueError, match=f"output log_rate.*ends in {end}"):
        kv.VAE(encoder(), layers.Dense(6, end), likelihood="poisson")


@pytest.mark.parametrize("likelihood", SCALED)
def test_scales_that_cannot_be_below_1_are_refused(likelihood):
    heads = FAMILIES[likelihood].heads

    def decoder(last, first=None):
        ends = [first, *[None] * (heads - 2), last]
        return functional(lambda z: [layers.Dense(6, end)(z) for end in ends])

    with pytest.raises(ValueError, match="output log_.*ends in softplus"):
        kv.VAE(encoder(), decoder("softplus"), likelihood=likelihood)
    assert kv.VAE(encoder(), decoder("tanh"), likelihood=likelihood).built


@pytest.mark.parametrize("activation", ["softplus", "relu", "exponential", "sigmoid"])
def test_an_encoder_of_variances_is_refused(activation):
    decoder = functional(lambda z: layers.Dense(6)(z))
    with pytest.raises(ValueError, match=f"z_log_var.*ends in {activation}"):
        kv.VAE(encoder(activation), decoder)


def test_an_encoder_that_samples_itself_is_told_to_leave_that_out():
    x = keras.Input(FEATURES)
    three = keras.Model(x, [layers.Dense(2)(x) for _ in range(3)])
    with pytest.raises(ValueError, match=r"Received: 3 of shapes.*Leave out z"):
        kv.VAE(three, functional(lambda z: layers.Dense(6)(z)))


def test_a_file_of_such_a_model_loads(monkeypatch, tmp_path):
    from keras_vae.validation import activations

    decoder = functional(lambda z: layers.Dense(6, "sigmoid")(z))
    with activations.trust_networks():
        model = kv.VAE(encoder(), decoder, likelihood="bernoulli")
    model.save(tmp_path / "model.keras")
    z = np.ones((3, 2), "float32")
    found = kv.load(tmp_path / "model.keras").decode(z)
    np.testing.assert_allclose(found, ops.convert_to_numpy(model.decode(z)), rtol=1e-6)


@pytest.mark.parametrize("make", [kv.nets.dense, kv.nets.conv], ids=["dense", "conv"])
def test_networks_of_this_package_give_logits(make):
    shape = (6,) if make is kv.nets.dense else (4, 4, 1)
    assert kv.VAE(*make(shape, 2, heads=2), likelihood="bernoulli").built
