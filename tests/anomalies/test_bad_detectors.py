"""What detectors, thresholds and tails refuse: in this package's words, and before any work."""

import re

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.anomalies import ParetoTail, Threshold, fit_pareto, references, thresholds
from keras_vae.errors import UsageError
from tests.support.models import FEATURES, dense, uniform

X = uniform(40, *FEATURES)
MODEL = kv.VAE(*dense(2), seed=1)


def detector(score="reconstruction", **kwargs):
    return kv.AnomalyDetector(MODEL, score, **kwargs)


def refused(calls):
    return pytest.mark.parametrize(("call", "message"), calls.values(), ids=list(calls))


def check(call, message):
    with pytest.raises((ValueError, TypeError), match=f"(?s)^Expected .*{message}"):
        call()


SETTINGS = {
    "samples": (lambda: detector(samples=400), "no samples for score='rec.*samples=400.*'likel"),
    "neighbors": (lambda: detector("elbo", neighbors=3), "no neighbors for.*choose score='latent'"),
    "a seed": (lambda: detector("latent", seed=9), "no seed for score='latent'.*seed=9"),
    "no seed": (lambda: detector("likelihood", seed=None), "seed of at least 0, an integer.*None"),
    "another keyword": (lambda: detector(sample=3), "arguments that AnomalyDetector has.*sample"),
    "a name": (lambda: detector(name="a/b"), "name to be text without '/'"),
    "a list": (lambda: detector(["elbo"]), r"score to be one of .*Received: \['elbo'\]"),
    "a number": (lambda: kv.AnomalyDetector(3), "an autoencoder of keras_vae. Received: int"),
    "a detector": (lambda: kv.AnomalyDetector(detector()), "an autoencoder.*AnomalyDetector"),
    "a network": (lambda: kv.AnomalyDetector(MODEL.encoder), "an autoencoder of keras_vae"),
}


@refused(SETTINGS)
def test_settings_without_use_and_models_of_another_kind_are_refused(call, message):
    check(call, message)


def test_settings_without_use_in_the_configuration_of_an_older_file_are_left_out():
    config = {**detector("elbo").get_config(), "samples": 400, "neighbors": 3, "seed": 9}
    twin = kv.AnomalyDetector.from_config(config)
    assert (twin.score_name, twin.samples, twin.neighbors, twin.seed) == ("elbo", 16, None, 0)


UNTRAINABLE = {
    "compile": (lambda: detector().compile("adam"), r"Received: compile\(\).*detector.model.comp"),
    "fit": (lambda: detector().fit(X), r"Received: fit\(\).*detector\.model\.fit\(x\)"),
    "train_on_batch": (lambda: detector().train_on_batch(X), r"train_on_batch\(\).*model\.fit"),
    "evaluate": (lambda: detector().evaluate(X), r"evaluate\(\).*detector\.predict.*is_anomaly"),
    "test_on_batch": (lambda: detector().test_on_batch(X), r"test_on_batch\(\).*is_anomaly"),
}


@refused(UNTRAINABLE)
def test_a_detector_has_nothing_to_train(call, message):
    check(call, message)


def test_a_file_of_a_detector_that_an_older_version_compiled_is_read(tmp_path):
    found = detector()
    keras.Model.compile(found, "adam")
    found.save(tmp_path / "detector.keras")
    again = keras.saving.load_model(tmp_path / "detector.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), found.predict(X, verbose=0), rtol=1e-6)


BATCHES = (X[:4] for _ in range(2))
PREDICTED = {
    "no rows at a time": (lambda: detector().predict(X, batch_size=0), "batch_size of at least 1"),
    "fewer": (lambda: detector().predict(X, batch_size=-3), "batch_size of at least 1"),
    "half a row": (lambda: detector().predict(X, batch_size=2.5), "batch_size of at least 1, an i"),
    "steps": (lambda: detector().predict(X, steps=-1), "steps of at least 1"),
    "no steps of a source": (lambda: detector().predict(iter([X]), steps=0), "steps of at least 1"),
    "callbacks": (
        lambda: detector().predict(BATCHES, callbacks=[keras.callbacks.Callback()]),
        "no callbacks with a source",
    ),
    "a threshold": (
        lambda: detector().fit_threshold(X, quantile=0.9, batch_size=0),
        "batch_size of at least 1",
    ),
    "a batch of another shape": (
        lambda: detector().predict_on_batch(X[:, :3]),
        r"x of shape \('batch', 6\)",
    ),
    "a batch of NaN": (lambda: detector().predict_on_batch(X * np.nan), "finite values in x"),
    "codes not seen": (lambda: detector("latent").predict_on_batch(X), r"adapt\(training_data\)"),
    "codes not seen yet": (lambda: detector("latent").predict(X), r"adapt\(training_data\)"),
}


@refused(PREDICTED)
def test_what_cannot_be_scored_is_refused(call, message):
    check(call, message)


def test_decisions_check_the_batch_size_too():
    found = detector()
    found.threshold = 1.0
    check(lambda: found.is_anomaly(X, batch_size=0), "batch_size of at least 1")


def test_a_batch_is_scored_as_all():
    scores = detector().predict(X, verbose=0)
    np.testing.assert_allclose(detector().predict_on_batch(X[:4]), scores[:4], rtol=1e-5)


ADAPTED = {
    "no codes": (lambda: detector("latent", neighbors=2).adapt(X, 0), "examples of at least 1"),
    "minus": (lambda: detector("latent", neighbors=2).adapt(X, -5), "examples of at least 1"),
    "half": (lambda: detector("latent", neighbors=2).adapt(X, 2.5), "examples of .*an integer"),
    "few": (
        lambda: detector("latent", neighbors=20).adapt(X, examples=5),
        "examples of at least 20, as many as neighbors. Received: examples=5",
    ),
    "without use": (lambda: detector("latent").adapt(X, 5), "no examples for the Mahalanobis"),
    "a vector": (lambda: references.fit_reference(np.ones(5)), r"codes \(count, ...\)"),
    "text": (lambda: references.fit_reference([["a"]]), "real numbers in codes"),
    "no neighbors": (lambda: references.fit_reference(np.ones((5, 2)), 0), "neighbors of at least"),
    "a number": (
        lambda: setattr(detector("latent"), "reference", 4.0),
        "a reference that detector.adapt.*Received: float",
    ),
}


@refused(ADAPTED)
def test_what_no_reference_can_be_of_is_refused(call, message):
    check(call, message)


CHOSEN = {
    "level": (
        lambda: detector().fit_threshold(X, quantile=0.9, level=0.5),
        "no level with quantile=.*level=0.5.*tail=",
    ),
    "level of a rate": (
        lambda: detector().fit_threshold(X, false_positive_rate=0.1, level=0.98),
        "no level with false_positive_rate=",
    ),
    "text": (lambda: thresholds.quantile([1.0], "a"), "quantile to be a finite number"),
    "True": (lambda: thresholds.quantile([1.0], True), "quantile to be a finite number"),
    "text as a rate": (lambda: thresholds.false_positive_rate([1.0], "a"), "a finite number"),
    "text as a level": (lambda: thresholds.tail([1.0], 0.001, "a"), "level to be a finite number"),
    "text as scores": (lambda: thresholds.quantile(["a"], 0.5), "real numbers in scores"),
    "huge scores": (lambda: thresholds.quantile([1e300], 0.5), "float32 holds.*1e\\+300"),
}


@refused(CHOSEN)
def test_what_chooses_no_threshold_is_refused(call, message):
    check(call, message)
    assert detector().threshold is None


@pytest.mark.parametrize(
    "value",
    ["100", None, True, np.array(3.0), np.nan, np.inf, -np.inf, 1e39, 10**400],
    ids=lambda value: repr(value)[:20],
)
def test_a_threshold_is_a_finite_number_of_float32(value):
    with pytest.raises((ValueError, TypeError), match=r"^Expected .*threshold.*Received: thresh"):
        Threshold(value)


THRESHOLDS = {
    "method": (lambda: Threshold(1.0, "bla"), "method to be 'given'"),
    "asked": (lambda: Threshold(1.0, "quantile", 3.0), "asked between 0 and 1"),
    "examples": (lambda: Threshold(1.0, examples=-3), "examples of at least 0"),
    "text": (lambda: setattr(detector(), "threshold", "a"), "threshold to be a finite number"),
    "NaN": (lambda: setattr(detector(), "threshold", np.nan), "threshold to be a finite number"),
    "an object": (lambda: setattr(detector(), "threshold", detector), "threshold to be a finite"),
}


@refused(THRESHOLDS)
def test_what_is_no_threshold_is_refused(call, message):
    check(call, message)


def test_a_number_becomes_a_threshold_and_none_removes_it():
    found = detector()
    found.threshold = 12
    assert found.threshold == Threshold(12.0)
    found.threshold = None
    assert found.threshold is None


@pytest.mark.parametrize("shift", [-1e-7, 1e-7])
def test_a_threshold_shows_the_number_that_scores_are_compared_with(shift):
    found = detector()
    score = float(found.predict(X[:1], verbose=0)[0])
    found.threshold = score * (1 + 1e-2 * shift)  # Less than half a step of float32 away.
    shown = found.threshold.value
    assert shown == np.float32(shown) == found.metadata()["anomaly"]["threshold"]["value"]
    assert found.is_anomaly(X[:1])[0] == (score > shown)
    assert float(found.decide(X[:1])["threshold"][0]) == shown


TAILS = {
    "text": (lambda: fit_pareto(["a"] * 20), "real numbers in excesses"),
    "a shape": (lambda: ParetoTail(np.nan, 1.0), "shape to be a finite number"),
    "a scale": (lambda: ParetoTail(0.1, 0.0), "scale above 0. Received: scale=0.0"),
    "never": (lambda: ParetoTail(0.1, 1.0).excess(0.0), "probability above 0"),
    "more than always": (lambda: ParetoTail(0.1, 1.0).excess(2.0), "probability between 0 and 1"),
}


@refused(TAILS)
def test_what_is_no_tail_is_refused(call, message):
    check(call, message)


SCORES = {
    "score": lambda made, x: made.score(x),
    "score map": lambda made, x: made.score_map(x),
    "score steps": lambda made, x: made.score_steps(x),
}
ARRAYS = {
    "pixels to 255": (X * 255, r"x in \[0, 1\].*Divide 8-bit pixels"),
    "NaN": (X * np.nan, "finite values in x"),
    "no rows": (X[:0], "at least one"),
}


@pytest.mark.parametrize("given", ARRAYS)
@pytest.mark.parametrize("way", SCORES)
def test_arrays_that_predict_refuses_have_no_score_either(way, given):
    x, message = ARRAYS[given]
    check(lambda: SCORES[way](detector(), x), message)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_an_older_file_with_an_infinite_threshold_loads_and_says_how_to_fit_it(tmp_path, value):
    detector = kv.AnomalyDetector(kv.VAE(*dense(2), seed=1))
    detector.threshold = 3.0
    object.__setattr__(detector.threshold, "value", value)
    detector.save(tmp_path / "d.keras")
    loaded = kv.load(tmp_path / "d.keras")
    assert loaded.threshold is None
    message = f"file has the threshold {re.escape(str(value))}.*fit_threshold"
    with pytest.raises(UsageError, match=message):
        loaded.is_anomaly(np.zeros((2, *FEATURES), "float32"))
    loaded.threshold = 3.0
    assert loaded.require_threshold().value == 3.0
