"""The perceptual autoencoder: features whose distance is known, and the limits of its weights."""

import keras
import numpy as np
import pytest
from scipy import ndimage

import keras_vae as kv
from tests.support.models import array, values
from tests.support.objectives import loss_and_gradients, terms

X = np.random.default_rng(0).random((12, 6)).astype("float32")
PICTURES = np.random.default_rng(1).random((5, 7, 9, 2)).astype("float32")


def model_of(features, cls=kv.PerceptualAutoencoder, **kwargs):
    keras.utils.set_random_seed(3)
    given = () if features is None else (features,)
    return cls(*kv.nets.dense((6,), 2, (5,)), *given, seed=1, **kwargs)


def linear(units, activation=None):
    layer = keras.layers.Dense(units, activation, kernel_initializer="random_normal")
    return keras.Sequential([keras.Input((6,)), layer])


def test_with_features_that_are_the_event_both_terms_are_the_same():
    """But for the constant of the normal density, 6/2 * log(2 pi)."""
    found = terms(model_of(keras.layers.Identity()), X)
    constant = 3.0 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(found["perceptual"], found["reconstruction"] - constant, rtol=1e-4)


def test_the_distance_of_linear_features_is_its_closed_form():
    features = linear(4)
    model = model_of(features)
    kernel = array(features.weights[0]).astype("float64")
    error = (X - array(model.reconstruct(X))).astype("float64")
    wanted = 0.5 * np.square(error @ kernel).sum(axis=1)
    np.testing.assert_allclose(terms(model, X)["perceptual"], wanted, rtol=1e-4)


def test_features_of_several_layers_add_up():
    x = keras.Input((6,))
    wide, narrow = linear(5, "tanh"), linear(3, "tanh")
    both = terms(model_of(keras.Model(x, [wide(x), narrow(x)])), X)["perceptual"]
    each = [terms(model_of(part), X)["perceptual"] for part in (wide, narrow)]
    np.testing.assert_allclose(both, each[0] + each[1], rtol=1e-5)


@pytest.mark.slow
def test_features_stay_as_they_are_and_teach_the_networks():
    features = linear(4, "tanh")
    model = model_of(features, loss_weights={"reconstruction": 0.0})
    before = values(features.weights)
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(X, epochs=30, batch_size=6, verbose=0).history["perceptual"]
    assert history[-1] < 0.5 * history[0]
    np.testing.assert_array_equal(before[0], values(features.weights)[0])
    assert not {id(w) for w in features.weights} & {id(w) for w in model.trainable_weights}


def test_without_weight_it_is_the_plain_autoencoder():
    found = loss_and_gradients(model_of(linear(4), perceptual_weight=0.0), X)
    wanted = loss_and_gradients(model_of(None, kv.Autoencoder), X)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-6)
    for one, other in zip(found[1], wanted[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_normalization_in_features_keeps_its_statistics():
    features = keras.Sequential([keras.Input((6,)), keras.layers.BatchNormalization()])
    model = model_of(features)
    before = values(features.weights)
    model.compile("sgd")
    model.fit(X, epochs=1, verbose=0)
    for one, other in zip(before, values(features.weights), strict=True):
        np.testing.assert_array_equal(one, other)


def test_features_that_do_not_suit_the_events_are_refused_at_once():
    wrong = r"features of events of shape \(6,\).*Outlines, which takes others.*Expected images"
    with pytest.raises(ValueError, match=f"(?s){wrong}"):
        model_of(kv.layers.Outlines())
    network = keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"shape \(6,\).*Sequential, which takes \(None, 7\)"):
        model_of(network)
    with pytest.raises(TypeError, match=r"a model with several outputs"):
        model_of([network, network])
    with pytest.raises(TypeError, match="Expected features to be a Keras layer"):
        model_of("vgg16")


def test_outlines_are_those_of_another_program():
    """SciPy's correlation of each channel, in float64."""
    found = array(kv.layers.Outlines(edges=0.5, square=3)(PICTURES))
    shades = np.sqrt(PICTURES.astype("float64") + 1e-2) - np.sqrt(1e-2)
    right, down = np.array([[0, 0, 0], [-1, 0, 1], [0, 0, 0]]), np.zeros((3, 3))
    down[2, 1], down[0, 1] = 1, -1
    falling = np.array([[-1, 0, 0], [0, 0, 0], [0, 0, 1]])
    rising = np.array([[0, 0, -1], [0, 0, 0], [1, 0, 0]])
    for number, picture in enumerate(shades):
        assert found[number, :126] == pytest.approx(picture.ravel(), abs=1e-6)
        edges = found[number, 126:].reshape(3, 3, 2, 4)
        for channel in range(2):
            for direction, kernel in enumerate((right, down, falling, rising)):
                each = np.abs(ndimage.correlate(picture[..., channel], kernel, mode="constant"))
                # 7 rows are 3 squares with a row of nothing on both sides; that counts not.
                rows = [each[:2], each[2:5], each[5:]]
                means = [[part[:, i : i + 3].mean() for i in (0, 3, 6)] for part in rows]
                wanted = 0.5 * (np.sqrt(np.array(means) + 1e-2) - np.sqrt(1e-2))
                np.testing.assert_allclose(edges[..., channel, direction], wanted, atol=1e-5)


def test_outlines_have_a_finite_slope_at_black():
    keras.utils.set_random_seed(0)
    networks = kv.nets.conv((8, 8, 1), 2, (2,), 4)
    model = kv.PerceptualAutoencoder(*networks, likelihood="normal", seed=0)
    loss, gradients = loss_and_gradients(model, np.zeros((3, 8, 8, 1), "float32"))
    assert np.isfinite(loss) and all(np.isfinite(each).all() for each in gradients)


@pytest.mark.parametrize("arguments", [{"edges": np.nan}, {"square": 0}])
def test_wrong_outlines_are_refused(arguments):
    with pytest.raises(ValueError, match=f"Expected {next(iter(arguments))}"):
        kv.layers.Outlines(**arguments)
