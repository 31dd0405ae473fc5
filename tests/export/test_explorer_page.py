"""The description of a model for the explorer page: what is refused, and places on the map."""

from types import SimpleNamespace

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.export.explorer.page import describe

pytestmark = pytest.mark.tensorflow


def images(count=5, shape=(4, 4, 1)):
    test = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    return SimpleNamespace(name="noise", test=test, test_labels=None, label_names=None)


def vae(shape=(4, 4, 1), latent_dim=2):
    return kv.VAE(*kv.nets.dense(shape, latent_dim, (8,), heads=2), seed=0)


@pytest.mark.parametrize("latent_dim, count, points", [(1, 5, 600), (2, 5, 1), (3, 1, 600)])
def test_each_image_has_two_finite_numbers_as_its_place(latent_dim, count, points):
    about = describe(vae(latent_dim=latent_dim), images(count), points)
    places = np.array([point["at"] for point in about["points"]])
    assert places.shape == (min(count, points), 2) and np.isfinite(places).all()


def test_places_are_those_of_the_two_main_directions():
    model, data = vae(latent_dim=3), images()
    places = np.array([point["at"] for point in describe(model, data, 600)["points"]])
    mean = np.asarray(model.encode(data.test / np.float32(255)))
    wanted = np.linalg.eigvalsh(np.cov(mean.T))[::-1][:2]
    np.testing.assert_allclose(np.var(places, axis=0, ddof=1), wanted, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("name", ["z_mean", "z_log_var"])
def test_a_model_without_finite_codes_is_refused(name):
    model = vae()
    kernel = model.encoder.get_layer(name).kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(
        ValueError, match="Expected .*finite weights.*Received: NaN or infinity.*[Tt]rain"
    ):
        describe(model, images(), 600)


@pytest.mark.parametrize("shape", [(6, 1), (4, 4, 2), (5,)])
def test_a_model_of_something_else_than_images_is_refused(shape):
    with pytest.raises(ValueError, match="Expected a VAE of grey or color images"):
        describe(vae(shape), images(shape=shape), 600)
