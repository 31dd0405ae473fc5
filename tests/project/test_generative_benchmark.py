"""The comparison of generative models: its measures, and that each row can be measured."""

import keras
import numpy as np
import pytest

from benchmarks import generative, generative_models
from benchmarks.generative_models import MODELS, Images
from keras_vae import estimators
from tests.support.models import uniform

pytestmark = pytest.mark.tensorflow
LABELS = np.arange(96) % 10
IMAGES = Images(uniform(96, 28, 28, 1), LABELS, uniform(60, 28, 28, 1, seed=1), LABELS[:60])


def test_a_cluster_is_the_most_common_class_of_its_training_images():
    clusters, labels = np.array([0, 0, 0, 2, 2]), np.array([4, 1, 4, 1, 1])
    found = generative.classes_of_clusters(clusters, labels, np.array([2, 0, 1, 3]))
    np.testing.assert_array_equal(found, [1, 4, -1, -1])


def test_covariances_of_different_units_are_those_of_numpy():
    codes = uniform(50, 3)
    codes[:, 2] = 2 * codes[:, 0]
    variance = codes[:, 0].var(ddof=1)
    off = [np.cov(codes.T)[0, 1], 2 * variance, np.cov(codes.T)[1, 2]]
    assert generative.covariance_of_units(codes) == pytest.approx(np.sqrt(np.mean(np.square(off))))


def test_labels_are_known_of_as_many_images_of_each_class(monkeypatch):
    monkeypatch.setattr(generative_models, "LABELS_OF_CLASS", 2)
    known = Images(IMAGES.train, LABELS, IMAGES.test, IMAGES.test_labels).with_labels
    np.testing.assert_array_equal(np.sort(known), np.arange(20))


@pytest.mark.slow
def test_the_likelihood_of_m2_is_a_mean_over_classes():
    model = generative_models.make("M2", (28, 28, 1))
    x = IMAGES.test[:5]
    found = generative.bounds(model, x, 4)
    each = []
    for label in range(10):
        given = np.repeat(np.eye(10, dtype="float32")[label][None], 5, axis=0)
        each.append(estimators.log_likelihood(model, (x, given), 4))
    wanted = -np.log(np.mean(np.exp(np.array(each) - np.max(each)), axis=0)) - np.max(each)
    assert found["nll"] == pytest.approx(wanted.mean(), rel=1e-6)
    assert found["-elbo"] > found["nll"]


def test_a_table_has_empty_cells_for_what_has_no_meaning():
    text = generative.markdown([("AAE", {"own": 0.5, "seconds": 3.2})])
    cells = [cell.strip() for cell in text.splitlines()[-1].split("|")[1:-1]]
    assert cells == ["AAE", "", "", "0.500", "", "", "", "", "", "3"]


LEARNED = {"VaDE", "k-means", "M2", "classifier"}
BOUNDED = {"-elbo", "nll"}


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_each_row_has_the_numbers_that_its_model_has(name):
    found = generative.row(name, IMAGES, epochs=1, samples=3)
    wanted = {"seconds"} | ({"accuracy"} if name in LEARNED else set())
    if name not in generative.WITHOUT_MODEL:
        wanted |= {"MSE", "active", "covariance"}
        wanted |= set() if name in generative.WITHOUT_NOISE else BOUNDED
        wanted |= set() if name == "RAE-GP" else {"own"}
        wanted |= {"mixture"} if name in generative.WITH_MIXTURE else set()
    assert set(found) == wanted and np.isfinite(list(found.values())).all()
    keras.utils.clear_session()


def test_models_have_the_same_decoder():
    made = [generative_models.make(name, (28, 28, 1)) for name in ("VAE", "AAE")]
    shapes = [[tuple(v.shape) for v in model.decoder.trainable_variables] for model in made]
    assert shapes[0] == shapes[1]
