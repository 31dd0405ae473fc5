"""Pictures of models with preprocessing, whose data have units of their own, and real histories."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import FAST, uniform

BYTES = (60 + 120 * uniform(12, 8, 8, 3)).astype("uint8")
RESCALED = {
    "levels of a likelihood in [0, 1]": ("bernoulli", keras.layers.Rescaling(1 / 255)),
    "levels from -1 to 1": ("normal", keras.layers.Rescaling(1 / 127.5, offset=-1)),
}


def model(likelihood, preprocess, kind=kv.VAE, **options):
    heads = {"heads": 2} if kind is kv.VAE else {}
    networks = kv.nets.dense((8, 8, 3), 2, (4,), **heads)
    return kind(*networks, likelihood=likelihood, preprocess=preprocess, seed=0, **options)


def drawn(figure):
    return np.asarray(figure.axes[0].images[0].get_array())


FIGURES = {
    "reconstructions": lambda m: kv.plots.reconstructions(m, BYTES),
    "samples": lambda m: kv.plots.samples(m, 2, 2),
    "traversal": lambda m: kv.plots.traversal(m, BYTES),
    "manifold": lambda m: kv.plots.manifold(m, 3),
    "interpolation": lambda m: kv.plots.interpolation(m, BYTES[:2], BYTES[2:4], 3),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_model_of_8_bit_levels_is_drawn_as_one_of_the_same_pixels(name):
    """The weights are shared, so the outputs are, but for the unit."""
    raw = model("bernoulli", keras.layers.Rescaling(1 / 255))
    plain = kv.VAE(raw.encoder, raw.decoder, likelihood="bernoulli", seed=0)
    found = drawn(FIGURES[name](raw))
    of_plain = {
        "reconstructions": lambda: kv.plots.reconstructions(plain, BYTES / 255),
        "traversal": lambda: kv.plots.traversal(plain, BYTES / 255),
        "interpolation": lambda: kv.plots.interpolation(
            plain, BYTES[:2] / 255, BYTES[2:4] / 255, 3
        ),
    }
    wanted = drawn(of_plain.get(name, lambda: FIGURES[name](plain))())
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.ptp(found[found < 1.0]) > 0.01


@pytest.mark.parametrize("name", RESCALED)
def test_inputs_have_their_pixels(name):
    figure = drawn(kv.plots.reconstructions(model(*RESCALED[name]), BYTES[:1]))
    pixels = figure[: 8 * 8 : 8, : 8 * 8 : 8]  # Each is drawn 8 times as large.
    np.testing.assert_allclose(pixels, BYTES[0] / 255, atol=1e-6)


def test_a_corruption_has_its_size_in_the_unit_of_the_networks():
    noisy = model(
        "bernoulli",
        keras.layers.Rescaling(1 / 255),
        kv.DenoisingAutoencoder,
        corruption=keras.layers.GaussianNoise(0.1, seed=0),
    )
    figure = drawn(kv.plots.reconstructions(noisy, BYTES))
    given, corrupted = figure[:64], figure[68:132]
    assert 0.05 < np.std((corrupted - given)[:, :64]) < 0.15


@pytest.mark.parametrize(("given", "epochs"), [([1, 3], [1, 3]), ([2, 3, 7], [2, 3]), (2, [2, 4])])
def test_validations_of_a_fit_stand_at_their_epochs(given, epochs):
    trained = model("bernoulli", keras.layers.Rescaling(1 / 255))
    trained.compile("sgd", **FAST)
    history = trained.fit(
        BYTES, epochs=4, validation_data=(BYTES,), validation_freq=given, verbose=0
    )
    for figure in (
        kv.plots.loss_curves(history),
        kv.plots.loss_curves(history.history, validation_freq=given),
    ):
        (line,) = (a for a in figure.axes[0].lines if a.get_label() == "validation")
        assert [*line.get_xdata()] == epochs
