"""Steps of preprocessing, their densities against SciPy, and what is refused."""

import json

import keras
import numpy as np
import pytest
from scipy import stats

import keras_vae as kv
from keras_vae.layers import FillGaps
from keras_vae.preprocessing import Preprocessing, standardize
from tests.support.models import array, uniform

RAW = np.random.default_rng(0).normal([20, 1013, 0.01], [2, 5, 0.001], (40, 3)).astype("float32")
NAN = np.nan


def adapted(x=RAW, **kwargs):
    layer = keras.layers.Normalization(**kwargs)
    layer.adapt(x)
    return layer


def with_gaps(x=RAW):
    x = x.copy()
    x[::3, 0] = x[1::4, 2] = NAN
    return x


def vae(preprocess=None, likelihood="normal", shape=(3,), **kwargs):
    keras.utils.set_random_seed(2)
    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense(shape, 2, hidden=(4,), heads=2, decoder_heads=heads)
    return kv.VAE(*networks, likelihood=likelihood, preprocess=preprocess, seed=1, **kwargs)


# Steps.


@pytest.mark.parametrize(
    "layer",
    [
        adapted(),
        keras.layers.Normalization(axis=None, mean=2.0, variance=9.0),
        keras.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0]),
        keras.layers.Rescaling(1 / 127.5, offset=-1),
        keras.layers.Rescaling([0.1, 2.0, -3.0], offset=[0.0, 1.0, 2.0]),
        FillGaps(2.0),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_step_is_the_layer_and_has_an_inverse(layer):
    steps = Preprocessing.of(layer)
    wanted = array(layer(RAW))
    np.testing.assert_allclose(array(steps.forward(RAW)), wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(array(steps.inverse(steps.forward(RAW))), RAW, rtol=1e-6, atol=1e-4)
    twice = Preprocessing.from_config(json.loads(json.dumps(steps.get_config())))
    np.testing.assert_array_equal(array(twice.forward(RAW)), array(steps.forward(RAW)))


def test_steps_act_in_the_order_of_the_list():
    layers = [keras.layers.Rescaling(2.0), FillGaps([7.0, 8.0, 9.0]), keras.layers.Rescaling(3.0)]
    given = np.array([[1.0, NAN, -1.0]])
    found = array(Preprocessing(layers).forward(given))
    np.testing.assert_array_equal(found, [[6.0, 24.0, -6.0]])


def test_integers_are_numbers():
    steps = Preprocessing([keras.layers.Rescaling(1 / 255)])
    found = array(steps.forward(np.array([[0, 51, 255]], "uint8")))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, [[0, 0.2, 1]], rtol=1e-7)


def test_standardize_takes_the_statistics_of_known_values():
    x = with_gaps()
    x[:, 1] = 4.0
    layers = standardize(x)
    assert [type(layer).__name__ for layer in layers] == ["Normalization", "FillGaps"]
    found = array(Preprocessing(layers).forward(x))
    known = np.where(np.isnan(x), NAN, found)
    np.testing.assert_allclose(np.nanmean(known, 0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(known, 0), [1, 0, 1], rtol=1e-4)
    np.testing.assert_array_equal(found[np.isnan(x)], 0)
    assert len(standardize(RAW)) == 1 and len(standardize(RAW, gaps=True)) == 2


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (np.array([[NAN, 1.0], [NAN, NAN]]), r"no number in channel\(s\) \[0\]"),
        (np.array([[1.0, np.inf]]), "with 1 infinite values"),
        (RAW[:0], r"of shape \(0, "),
    ],
    ids=["empty channel", "infinity", "no rows"],
)
def test_standardize_refuses_empty_channels_and_infinity(bad, found):
    with pytest.raises(ValueError, match=f"Expected at least one number in each channel.*{found}"):
        standardize(bad)


# Densities of raw data.


def test_nats_are_those_of_the_raw_data():
    """N(mean, exp(log_var)) of standardized x is N(m + s * mean, s^2 exp(log_var)) of raw x."""
    model = vae(adapted(), "normal_per_element")
    mean, std = RAW.mean(0, dtype="float64"), RAW.std(0, dtype="float64")
    z = np.random.default_rng(1).normal(size=(40, 2)).astype("float32")
    inner = kv.distributions.NormalPerElement(*model.decoder(z))
    scale = std * np.exp(0.5 * array(inner.log_var))
    wanted = stats.norm(mean + std * array(inner.mean), scale).logpdf(RAW)
    p = model.observation(z)
    np.testing.assert_allclose(array(p.element_log_prob(RAW)), wanted, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(array(p.log_prob(RAW)), wanted.sum(1), rtol=1e-3, atol=1e-3)


def test_standardize_refuses_variances_that_float32_cannot_hold():
    x = np.random.default_rng(0).normal(size=(64, 3)) * [1.0, 1e-20, 0.0]
    with pytest.raises(ValueError, match=r"at least 1e-37\. Received: .* in channel\(s\) \[1\]"):
        kv.preprocessing.standardize(x)


def test_the_bound_is_that_of_standardized_data_minus_the_log_scales():
    """The same weights, on data that NumPy standardizes; the seed gives both the same noise."""
    mean, std = RAW.mean(0, dtype="float64"), RAW.std(0, dtype="float64")
    plain, raw = vae(), vae(adapted())
    for model, x in ((plain, ((RAW - mean) / std).astype("float32")), (raw, RAW)):
        model.compile("adam", run_eagerly=True)
        model.logs = model.evaluate(x, batch_size=16, verbose=0, return_dict=True)
    assert raw.logs["elbo"] == pytest.approx(plain.logs["elbo"] - np.log(std).sum(), abs=1e-3)
    assert raw.logs["kl"] == pytest.approx(plain.logs["kl"], rel=1e-3)


def test_the_likelihood_is_that_of_a_linear_gaussian_model_in_raw_units():
    """x = m + s (z w + noise), so p(x) = N(m, S (w w^T + I) S): SciPy's density."""
    layer = keras.layers.Normalization(mean=[3.0, -50.0], variance=[4.0, 100.0])
    z = keras.Input((1,))
    decoder = keras.Model(z, keras.layers.Dense(2)(z))
    x = keras.Input((2,))
    encoder = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(1)(x)])
    model = kv.VAE(encoder, decoder, likelihood="normal", preprocess=layer, seed=0)
    decoder.set_weights([np.array([[0.8, -0.5]]), np.zeros(2)])
    # The exact posterior, with which each importance weight is the likelihood.
    w, variance = np.array([[0.8], [-0.5]]), 1 / (1 + 0.8**2 + 0.5**2)
    encoder.set_weights([variance * w, np.zeros(1), 0 * w, np.log([variance])])
    given = np.array([[3.0, -50.0], [6.0, -40.0], [1.0, -70.0]], "float32")
    scale = np.diag([2.0, 10.0])
    covariance = scale @ (np.outer([0.8, -0.5], [0.8, -0.5]) + np.eye(2)) @ scale
    wanted = stats.multivariate_normal([3.0, -50.0], covariance).logpdf(given)
    found = kv.estimators.log_likelihood(model, given, samples=3, seed=0)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("likelihood", ["bernoulli", "discretized_logistic"])
def test_probabilities_do_not_change_with_the_unit(likelihood):
    x = np.random.default_rng(2).integers(0, 256, (5, 3)).astype("uint8")
    plain, raw = vae(None, likelihood), vae(keras.layers.Rescaling(1 / 255), likelihood)
    assert raw.data_range == (0.0, 255.0)
    scaled = x.astype("float32") / 255
    np.testing.assert_allclose(array(raw.score(x)), array(plain.score(scaled)), rtol=1e-4)
    wanted = 255 * array(plain.reconstruct(scaled))
    np.testing.assert_allclose(array(raw.reconstruct(x)), wanted, rtol=1e-4)


def test_a_density_on_an_interval_changes_with_the_unit():
    x = np.random.default_rng(2).integers(0, 256, (5, 3)).astype("uint8")
    likelihood = "continuous_bernoulli"
    plain, raw = vae(None, likelihood), vae(keras.layers.Rescaling(1 / 255), likelihood)
    wanted = array(plain.score(x.astype("float32") / 255)) + 3 * np.log(255)
    np.testing.assert_allclose(array(raw.score(x)), wanted, rtol=1e-4)


# Gaps.


def test_gaps_count_nothing_and_are_answered():
    model = vae(standardize(with_gaps()))
    x = with_gaps()
    filled = model.preprocess.fill_raw(x)
    assert not np.isnan(filled).any()
    assert np.isfinite(array(model.reconstruct(x))).all()
    np.testing.assert_array_equal(array(model.encode(x)), array(model.encode(filled)))
    each = array(model.observation(model.encode(x)).element_log_prob(x))
    np.testing.assert_array_equal(each == 0, np.isnan(x))
    known = array(model.observation(model.encode(x)).element_log_prob(filled))
    np.testing.assert_allclose(each[~np.isnan(x)], known[~np.isnan(x)], rtol=1e-6)


def test_gaps_have_no_gradient():
    """A channel that is never known does not move its output; the others move as without it."""
    model = vae([adapted(), FillGaps(0.0)])
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    before = array(model.decoder.weights[-1])
    model.train_on_batch(np.where([False, True, False], NAN, RAW).astype("float32"))
    moved = array(model.decoder.weights[-1]) != before
    assert moved.tolist() == [True, False, True]


@pytest.mark.parametrize("verb", ["reconstruct", "encode", "predict"])
def test_rows_without_a_number_are_answered_with_nan(verb):
    model = vae(standardize(with_gaps()))
    x = with_gaps()[:4]
    x[1], x[2, 1] = NAN, np.inf
    found = array(getattr(model, verb)(keras.ops.convert_to_tensor(x)))
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, False]


def test_data_with_rows_of_gaps_alone_are_refused():
    model = vae(standardize(with_gaps()))
    model.compile("sgd", run_eagerly=True)
    x = with_gaps()
    x[3] = NAN
    for verb in (model.fit, model.evaluate, model.score):
        with pytest.raises(ValueError, match=r"Expected a number in each row of x.*1 row"):
            verb(x)
    x[3] = np.inf
    with pytest.raises(ValueError, match="Expected finite values in x"):
        model.fit(x)
    assert np.isfinite(model.fit(with_gaps(), verbose=0).history["loss"][0])


@pytest.mark.parametrize("masked", [True, "features"])
def test_the_encoder_gets_the_mask_without_gaps(masked):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 1.0]), FillGaps(0.0)]
    model = kv.LSTMAutoencoder((5, 2), 2, masked=masked, units=(3,), preprocess=layers, seed=0)
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    x[:, 2] = x[0, 1, 0] = NAN
    ones = np.ones(x.shape[: 2 if masked is True else 3], "float32")
    without = ones * (~np.isnan(x) if masked == "features" else ~np.isnan(x).all(axis=2))
    found = array(model.encode((x, ones)))
    np.testing.assert_allclose(found, array(model.encode((x, without))), rtol=1e-5)
    filled = model.preprocess.fill_raw(x)
    np.testing.assert_allclose(found, array(model.encode((filled, without))), rtol=1e-5)
    assert np.abs(found - array(model.encode((filled, ones)))).max() > 1e-4
    again = array(model.reconstruct((x, ones)))
    assert np.isfinite(again).all() and (again[:, 2] != 0).all()
    steps = array(model.present_steps((x, ones)))
    np.testing.assert_allclose(steps, (~np.isnan(x)).mean(axis=2).sum(axis=1))


# Errors.


def test_an_adaption_afterwards_does_not_change_the_model():
    layer = adapted()
    model = vae(layer)
    before = array(model.encode(RAW))
    layer.adapt(2 * RAW)
    np.testing.assert_array_equal(array(model.encode(RAW)), before)


BAD = {
    "not adapted": (keras.layers.Normalization(), ValueError, "layer.adapt"),
    "built alone": (lambda: built(), ValueError, "layer.adapt"),
    "constant": (lambda: adapted(np.ones((4, 3))), ValueError, "variance above 0"),
    "gaps": (lambda: adapted(with_gaps()), ValueError, "standardize"),
    "inverted": (lambda: adapted(invert=True), ValueError, "invert=True"),
    "axis": (keras.layers.Normalization(axis=1, mean=1.0, variance=1.0), ValueError, "build"),
    "scale": (keras.layers.Rescaling(0.0), ValueError, "other than 0"),
    "twice": ([FillGaps(0.0), FillGaps(1.0)], ValueError, "one FillGaps"),
    "another layer": (keras.layers.Dense(3), TypeError, "Normalization or Rescaling"),
    "another shape": (lambda: adapted(RAW[:, :2]), ValueError, "Expected preprocess for events"),
}


def built():
    layer = keras.layers.Normalization()
    layer.build((None, 3))
    return layer


@pytest.mark.parametrize("name", BAD)
def test_what_has_no_inverse_is_refused(name):
    made, error, message = BAD[name]
    with pytest.raises(error, match=message):
        vae(made() if callable(made) and not isinstance(made, keras.layers.Layer) else made)


def test_what_the_likelihood_does_not_take_is_refused():
    with pytest.raises(ValueError, match=r"the same numbers for all elements"):
        vae(adapted(), "bernoulli")
    with pytest.raises(ValueError, match=r"Expected no preprocess.*classes"):
        vae(keras.layers.Rescaling(0.5), "categorical")


def test_the_range_of_raw_data_is_checked_in_its_unit():
    model = vae(keras.layers.Rescaling(1 / 255), "bernoulli")
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match=r"x in \[0, 255\].*preprocess \(affine\).*up to|to 300"):
        model.fit(np.full((4, 3), 300.0), verbose=0)


def test_a_model_is_not_given_another_preprocess_later():
    model = vae(adapted())
    with pytest.raises(ValueError, match="Expected preprocess in the constructor"):
        model.preprocess = None


def test_a_saved_model_takes_raw_numbers(tmp_path):
    model = vae(standardize(with_gaps()))
    model.compile("adam", run_eagerly=True)
    model.fit(with_gaps(), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for verb in ("reconstruct", "encode", "score"):
        found, wanted = (array(getattr(m, verb)(with_gaps())) for m in (again, model))
        np.testing.assert_array_equal(found, wanted)
    assert again.get_config()["preprocess"] == model.get_config()["preprocess"]


def test_a_classifier_takes_raw_numbers():
    model = vae([adapted(), FillGaps(0.0)])
    classifier = kv.classifier_from(model, num_classes=2)
    x = with_gaps()
    probabilities = classifier.predict(x, verbose=0)
    assert np.isfinite(probabilities).all()
    twin = keras.models.model_from_json(classifier.to_json())
    twin.set_weights(classifier.get_weights())
    np.testing.assert_allclose(twin.predict(x, verbose=0), probabilities, rtol=1e-5)


@pytest.mark.parametrize("value", ["mean", np.nan, [1.0, np.inf], None])
def test_gaps_are_filled_with_finite_numbers_only(value):
    with pytest.raises(ValueError, match="Expected finite values to fill gaps with. Received: "):
        FillGaps(value)


def test_channels_that_float32_cannot_tell_apart_are_refused():
    seconds = 1.7e9 + np.arange(60) % 7
    x = np.stack([np.linspace(0, 1, 60), seconds], axis=1)
    with pytest.raises(ValueError, match=r"Received: channel\(s\) \[1\].*steps of 128"):
        kv.preprocessing.standardize(x)
    kv.preprocessing.standardize(x - [0, 1.7e9])


def test_pixels_that_are_divided_by_255_twice_bring_a_warning(recwarn):
    def fit(x, layer):
        networks = kv.nets.dense((6,), 2, (3,))
        model = kv.Autoencoder(*networks, likelihood="bernoulli", preprocess=layer)
        model.compile("sgd", run_eagerly=True)
        model.fit(x, batch_size=10, epochs=1, verbose=0)
        return model

    x = uniform(10, 6)
    divide = keras.layers.Rescaling(1 / 255)
    with pytest.warns(UserWarning, match=r"pixels from 0 to 255.*Received: values up to 0\.\d+"):
        fit(x, divide)
    recwarn.clear()
    model = fit(255 * x, divide)
    model.fit(x, batch_size=10, epochs=1, verbose=0)  # A trained model knows what it gets.
    fit(x, None)
    fit(2 * x - 1, keras.layers.Rescaling(0.5, 0.5))
    assert not [one for one in recwarn if "pixels from 0 to 255" in str(one.message)]
