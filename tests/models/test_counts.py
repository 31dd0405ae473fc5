"""Models of counts and positive numbers: what encoders see, what is refused, what is learned."""

import itertools

import keras
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import keras_vae as kv
from tests.support.models import FAST, FEATURES, counts, dense

ROWS = 50
X = counts(ROWS, *FEATURES, seed=1)


def array(x):
    return keras.ops.convert_to_numpy(x)


def vae(likelihood="negative_binomial", **kwargs):
    keras.utils.set_random_seed(0)
    heads = kv.distributions.get(likelihood).heads
    return kv.VAE(*dense(2, heads), likelihood=likelihood, seed=0, **kwargs)


@pytest.mark.parametrize("likelihood", ["poisson", "gamma"])
def test_the_encoder_sees_the_logarithm_of_1_plus_x(likelihood):
    model = vae(likelihood)
    expected = model.encoder(np.log1p(X.astype("float64")).astype("float32"))[0]
    np.testing.assert_allclose(array(model.encode(X)), array(expected), rtol=1e-5, atol=1e-6)


def test_other_likelihoods_give_the_encoder_x_itself():
    model = vae("student_t")
    np.testing.assert_array_equal(array(model.encode(X)), array(model.encoder(X)[0]))


def test_a_million_is_a_count_in_half_precision_too():
    model = vae(dtype="mixed_float16")
    many = np.full((2, *FEATURES), 1e6, "float32")  # Beyond float16.
    assert np.isfinite(array(model.encode(many))).all()
    assert np.isfinite(array(model(many))).all()
    model.compile("adam", **FAST)
    assert np.isfinite(model.evaluate(many, verbose=0, return_dict=True)["loss"])


def fit(model, x):
    model.compile("adam", **FAST)
    return model.fit(x, epochs=1, verbose=0)


def test_a_decoder_adds_the_logarithm_of_an_exposure_that_is_the_condition():
    keras.utils.set_random_seed(0)
    encoder, decoder = kv.nets.dense((3,), 2, (4,), heads=2, decoder_heads=2)
    x, z, offset = keras.Input((3,)), keras.Input((2,)), keras.Input((1,))
    log_mean, log_dispersion = decoder(z)
    model = kv.ConditionalVAE(
        keras.Model([x, offset], encoder(x)),
        keras.Model([z, offset], [log_mean + offset, log_dispersion]),
        likelihood="negative_binomial",
        seed=0,
    )
    rows, codes = counts(5, 3, seed=2), np.ones((5, 2), "float32")
    exposure = np.array([[0.1], [1.0], [3.0], [50.0], [2e4]])
    p = model.observation((codes, np.log(exposure).astype("float32")))
    mean, size = (
        np.exp(sign * array(part)) for sign, part in zip((1, -1), decoder(codes), strict=True)
    )
    true = scipy.stats.nbinom(size, size / (size + exposure * mean))
    np.testing.assert_allclose(array(p.mean), exposure * mean, rtol=1e-4)
    np.testing.assert_allclose(array(p.log_prob(rows)), true.logpmf(rows).sum(1), rtol=1e-4)
    fit(model, (rows, np.log(exposure)))


def test_integers_are_counts():
    x = np.minimum(X, 255)
    scores = array(vae().score(x))
    for dtype in ("int64", "uint8", "float64"):
        np.testing.assert_array_equal(array(vae().score(x.astype(dtype))), scores)


REFUSED = {
    "logarithms": (
        np.log1p(X),
        "Expected whole numbers in x, for the 'negative_binomial' likelihood",
    ),
    "shares": (X / X.sum(axis=1, keepdims=True), "Expected whole numbers"),
    "one half": (np.where(X == X.max(), 0.5, X), "such as 0.5"),
    "negative": (X - 1, "from -1"),
    "NaN": (np.where(X == X.max(), np.nan, X), "NaN"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_numbers_are_refused_before_training(name):
    x, message = REFUSED[name]
    model = vae()
    before = [w.copy() for w in model.get_weights()]
    for verb in (fit, lambda m, x: m.evaluate(x, verbose=0)):
        with pytest.raises(ValueError, match=message):
            verb(model, x)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_more_successes_than_trials_and_zero_amounts_are_refused():
    with pytest.raises(ValueError, match=r"\[0, 20\]"):
        fit(vae("beta_binomial_20"), np.minimum(X, 21))
    fit(vae("beta_binomial_20"), np.minimum(X, 20))
    with pytest.raises(ValueError, match="support of the 'gamma' likelihood"):
        fit(vae("gamma"), X)
    fit(vae("gamma"), X + 0.25)


def test_counts_are_not_scaled_and_their_gaps_are_filled():
    with pytest.raises(ValueError, match="of counts"):
        vae(preprocess=keras.layers.Rescaling(1 / 255))
    holes = np.where(np.arange(X.size).reshape(X.shape) % 7 == 0, np.nan, X)
    model = vae(preprocess=kv.layers.FillGaps(0.0))
    assert np.isfinite(fit(model, holes).history["loss"]).all()
    filled = np.log1p(np.nan_to_num(holes)).astype("float32")
    expected = array(model.encoder(filled)[0])
    np.testing.assert_allclose(array(model.encode(holes)), expected, rtol=1e-5, atol=1e-6)


# Known answers: with a decoder that ignores its code, the likelihood is that of each column alone.


def fitted(likelihood, x, steps=400):
    """The parameters of p(x) of a model whose decoder has biases alone."""
    z = keras.Input((1,))
    heads = kv.distributions.get(likelihood).heads
    layers = [
        keras.layers.Dense(x.shape[1], kernel_initializer="zeros", kernel_regularizer=None)
        for _ in range(heads)
    ]
    decoder = keras.Model(z, [layer(0.0 * z) for layer in layers])
    encoder = kv.nets.dense_encoder(x.shape[1:], 1, (), 1)
    model = kv.Autoencoder(encoder, decoder, likelihood=likelihood, seed=0)
    decay = keras.optimizers.schedules.CosineDecay(0.1, steps)
    model.compile(keras.optimizers.Adam(decay), jit_compile=False)
    same = ((x,) for _ in itertools.count())
    model.fit(same, steps_per_epoch=steps, shuffle=False, verbose=0)
    return [array(layer.bias)[0] for layer in layers]


@pytest.mark.slow
def test_poisson_learns_the_mean():
    x = np.random.default_rng(0).poisson(7.0, (200, 1)).astype("float32")
    (log_rate,) = fitted("poisson", x)
    assert np.exp(log_rate) == pytest.approx(x.mean(), rel=1e-3)


@pytest.mark.slow
def test_negative_binomial_learns_the_mean_and_the_dispersion_of_maximum_likelihood():
    x = np.random.default_rng(0).negative_binomial(2.0, 0.1, (400, 1)).astype("float32")

    def loss(arguments):
        mean, size = np.exp(arguments[0]), np.exp(-arguments[1])
        return -scipy.stats.nbinom(size, size / (size + mean)).logpmf(x).sum()

    expected = scipy.optimize.minimize(loss, [np.log(x.mean()), 0.0], method="Nelder-Mead").x
    assert fitted("negative_binomial", x) == pytest.approx(expected, abs=5e-3)


@pytest.mark.slow
def test_student_t_finds_the_scale_beside_outliers():
    rng = np.random.default_rng(0)
    x = rng.standard_t(3.0, (600, 1)).astype("float32") * 0.5 + 4.0
    freedom, location, scale = scipy.stats.t.fit(x)
    found = fitted("student_t", x, 600)
    assert found == pytest.approx([location, np.log(scale), np.log(freedom)], abs=0.05)
