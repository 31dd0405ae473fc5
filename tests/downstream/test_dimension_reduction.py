"""The transformer of scikit-learn: its own checks, principal components, pipelines, files."""

import functools
import pickle
import random

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import keras_vae as kv
from keras_vae.downstream.dimension_reduction import AutoencoderTransformer
from tests.support.models import FAST

GENERATOR = np.random.default_rng(0)
# Five features of two hidden causes and some noise.
X = GENERATOR.normal(size=(120, 2)) @ GENERATOR.normal(size=(2, 5))
X = X + 0.1 * GENERATOR.normal(size=X.shape) + 1.0


def quick(**kwargs):
    """As little training as there can be."""
    arguments = {"hidden": (), "epochs": 1, "batch_size": 64, "random_state": 0, **kwargs}
    return AutoencoderTransformer(**arguments)


@pytest.fixture(autouse=True)
def eager(request, monkeypatch):
    """Nothing here is of graphs, which take longer than a few steps."""
    if "error_of_principal_components" not in request.node.name:
        compile_eager = functools.partialmethod(kv.Autoencoder.compile, **FAST)
        monkeypatch.setattr(kv.Autoencoder, "compile", compile_eager)


@pytest.mark.long
# None of scikit-learn's checks is expected to fail.
@parametrize_with_checks([quick()])
def test_scikit_learn_finds_nothing_wrong(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # One check runs only where this is set.
    check(estimator)


@pytest.mark.long
def test_a_linear_one_reaches_the_error_of_principal_components():
    x = StandardScaler().fit_transform(X)
    fitted = quick(epochs=120, learning_rate=0.01, batch_size=32).fit(x)
    pca = PCA(2).fit(x)
    best = np.mean((pca.inverse_transform(pca.transform(x)) - x) ** 2)
    assert best <= -fitted.score(x) < 1.1 * best
    rebuilt = fitted.inverse_transform(fitted.transform(x))
    assert -fitted.score(x) == pytest.approx(np.mean((rebuilt - x) ** 2), rel=1e-4)


def test_names_of_the_new_features_and_frames():
    fitted = quick(n_components=3).fit(X)
    names = ["autoencodertransformer0", "autoencodertransformer1", "autoencodertransformer2"]
    assert fitted.get_feature_names_out().tolist() == names
    assert fitted.transform(X).shape == (120, 3) and set(fitted.history_) >= {"loss"}


@pytest.mark.long
def test_it_works_in_a_pipeline_and_its_size_can_be_searched():
    pipeline = make_pipeline(StandardScaler(), quick(epochs=15, learning_rate=0.04))
    found = GridSearchCV(pipeline, {"autoencodertransformer__n_components": [1, 4]}, cv=2).fit(X)
    assert found.best_params_ == {"autoencodertransformer__n_components": 4}
    best = found.best_estimator_
    assert best.inverse_transform(best.transform(X)).shape == X.shape


def test_a_clone_has_the_arguments_and_none_of_the_training():
    fitted = quick(n_components=3).fit(X)
    other = clone(fitted)
    assert other.get_params() == fitted.get_params() and not hasattr(other, "model_")
    np.testing.assert_allclose(other.fit_transform(X), fitted.transform(X), rtol=1e-4, atol=1e-6)


def vae(features, size):
    return kv.VAE(*kv.nets.dense((features,), size, (4,), heads=2), likelihood="normal", seed=0)


@pytest.mark.parametrize("build", [None, vae])
def test_a_pickle_answers_as_before(build):
    fitted = quick(build=build).fit(X)
    other = pickle.loads(pickle.dumps(fitted))
    assert isinstance(other.model_, kv.VAE if build else kv.Autoencoder)
    np.testing.assert_allclose(other.transform(X), fitted.transform(X), rtol=1e-6)
    np.testing.assert_allclose(other.score(X), fitted.score(X), rtol=1e-6)


def test_another_autoencoder_gives_the_mean_of_its_codes():
    fitted = quick(build=vae, n_components=3).fit(X)
    codes = keras.ops.convert_to_numpy(fitted.model_.encode(X.astype("float32")))
    np.testing.assert_allclose(fitted.transform(X), codes, rtol=1e-4, atol=1e-5)


def test_a_code_does_not_depend_on_the_rows_beside_it():
    fitted = quick().fit(X)
    alone = np.concatenate([fitted.transform(X[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(alone, fitted.transform(X)[:5])


def test_the_seeds_of_python_and_numpy_are_left_alone():
    random.seed(4)
    np.random.seed(4)
    wanted = random.random(), np.random.random()
    random.seed(4)
    np.random.seed(4)
    quick().fit(X)
    assert (random.random(), np.random.random()) == wanted


BAD = {
    "no size": (lambda: quick(n_components=0).fit(X), "n_components of at least 1.*0"),
    "half an epoch": (lambda: quick(epochs=0.5).fit(X), "epochs of at least 1.*0.5"),
    "data of another kind": (
        lambda: quick(likelihood="bernoulli").fit(X * 10),
        r"x in \[0, 1\], the support of the 'bernoulli' likelihood",
    ),
    "codes of another size": (
        lambda: quick().fit(X).inverse_transform(X),
        "codes of 2 numbers. Received: 5",
    ),
    "no model": (lambda: quick(build=lambda f, c: None).fit(X), "build to give an autoenc.*None"),
    "a model of another size": (
        lambda: quick(build=lambda f, c: vae(f, c + 1)).fit(X),
        r"\(5,\) and codes \(2,\). Received: \(5,\) and \(3,\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused(name):
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=f"Expected .*{message}"):
        call()
