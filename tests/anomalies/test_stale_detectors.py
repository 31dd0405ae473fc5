"""A detector says when its model has changed since `adapt` or `fit_threshold`."""

import dataclasses
import warnings
from pathlib import Path

import keras
import pytest

import keras_vae as kv
from tests.support.models import FEATURES, dense, uniform

X = uniform(60, *FEATURES)
CHANGED = "The weights of the model have changed"


def detector_of(score="latent", **kwargs):
    keras.utils.set_random_seed(7)
    model = kv.VAE(*dense(2), seed=1)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return kv.AnomalyDetector(model, score, **kwargs)


def fitted(score="latent", **kwargs):
    detector = detector_of(score, **kwargs)
    if score == "latent":
        detector.adapt(X)
    detector.fit_threshold(X, quantile=0.9)
    return detector


def train(detector):
    detector.model.train_on_batch(X)


CALLS = {
    "predict": lambda d: d.predict(X, verbose=0),
    "predict of batches": lambda d: d.predict(iter([X, X]), steps=2),
    "predict_on_batch": lambda d: d.predict_on_batch(X),
    "score": lambda d: d.score(X),
    "is_anomaly": lambda d: d.is_anomaly(X),
    "fit_threshold": lambda d: d.fit_threshold(X, quantile=0.9),
    "export": lambda d: d.export(Path(__file__), "litert"),
}


@pytest.mark.parametrize("call", CALLS)
def test_codes_of_other_weights_are_named(call):
    detector = fitted(neighbors=3) if call == "score" else fitted()
    train(detector)
    with pytest.warns(UserWarning, match=f"{CHANGED}.*adapt.*fit_threshold") as seen:
        try:
            CALLS[call](detector)
        except FileExistsError:
            assert call == "export"
    assert len(seen) == 1


@pytest.mark.parametrize("score", ["reconstruction", "likelihood"])
def test_a_threshold_of_other_weights_is_named_where_it_decides(score):
    detector = fitted(score)
    train(detector)
    detector.predict(X, verbose=0)  # Scores of this model are those of its weights.
    with pytest.warns(UserWarning, match=rf"{CHANGED}.*Call detector.fit_threshold"):
        detector.is_anomaly(X)
    detector.fit_threshold(X, quantile=0.9)
    detector.is_anomaly(X)


def test_a_threshold_of_other_codes_is_named():
    detector = fitted()
    detector.adapt(X[:30])
    detector.predict(X, verbose=0)
    with pytest.warns(UserWarning, match="codes of adapt have changed.*Call detector.fit_thres"):
        detector.is_anomaly(X)


def test_loaded_weights_count_as_changed():
    detector = fitted("reconstruction")
    detector.model.set_weights([w + 1 for w in detector.model.get_weights()])
    with pytest.warns(UserWarning, match=CHANGED):
        detector.is_anomaly(X)


def test_weights_that_are_set_count_as_changed():
    detector = detector_of("reconstruction")  # Untrained: all its biases are 0.
    detector.fit_threshold(X, quantile=0.9)
    detector.model.set_weights([3 * weight for weight in detector.model.get_weights()])
    with pytest.warns(UserWarning, match=CHANGED):
        detector.is_anomaly(X)


def test_numbers_of_your_own_are_not_questioned():
    detector = fitted()
    detector.threshold, detector.reference = 3.0, dataclasses.replace(detector.reference)
    train(detector)
    detector.is_anomaly(X)


def test_adapting_again_ends_the_warnings():
    detector = fitted()
    train(detector)
    detector.adapt(X)
    detector.fit_threshold(X, quantile=0.9)
    detector.is_anomaly(X)


def test_what_leaves_the_model_as_it_is_leaves_the_detector():
    detector = fitted("elbo")
    detector.model.evaluate(X, verbose=0)
    detector.model.sample(2)
    detector.model.loss_weights["kl"] = 0.5
    detector.is_anomaly(X)


@pytest.mark.parametrize("trained", [False, True])
def test_files_keep_which_weights_they_were(trained, tmp_path):
    detector = fitted()
    if trained:
        train(detector)
    detector.save(tmp_path / "d.keras")
    again = kv.load(tmp_path / "d.keras")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        again.is_anomaly(X)
    assert len(seen) == trained
    if not trained:
        train_weights = [w + 1 for w in again.model.get_weights()]
        again.model.set_weights(train_weights)
        with pytest.warns(UserWarning, match=CHANGED):
            again.is_anomaly(X)


def test_weights_of_a_file_without_this_note_are_not_questioned(tmp_path):
    detector = fitted("reconstruction")
    store = {}
    detector.save_own_variables(store)
    del store["taken_from"]
    detector.load_own_variables(store)
    train(detector)
    detector.is_anomaly(X)
