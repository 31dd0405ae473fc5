"""Exported detectors decide as they do in Keras, by a threshold that is in the file."""

import itertools

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support import serving
from tests.support.models import CASES, MASKED, array

pytestmark = pytest.mark.tensorflow

IMAGES = serving.images(40)
MASKED_CASE = next(case for case in CASES if case.id == "transformer_autoencoder_masked")


def detector(score="likelihood", **kwargs):
    if score == "likelihood":
        kwargs["samples"] = 4
    made = kv.AnomalyDetector(serving.model("ConvVAE"), score, **kwargs)
    if score == "latent":
        made.adapt(IMAGES)
    made.fit_threshold(IMAGES[:30], false_positive_rate=0.3)
    # No example has the score of the threshold: rounding would decide.
    made.threshold = kv.anomalies.Threshold(float(np.float32(made.threshold.value) * 1.001))
    return made


@pytest.mark.long
@pytest.mark.parametrize("score", ["elbo", "likelihood", "latent"])
def test_the_cpp_loader_serves_score_decision_and_threshold(score):
    made = detector(score)
    names = ("score", "score_map")
    path = made.export(serving.folder() / f"detector-{score}", endpoints=names)
    answers = serving.run_cpp(path, {"score": {"x": IMAGES}, "score_map": {"x": IMAGES}}, score)
    found = answers["score"]
    assert found["is_anomaly"].dtype == "int32" and set(found["is_anomaly"]) == {0, 1}
    np.testing.assert_array_equal(found["is_anomaly"], made.is_anomaly(IMAGES))
    np.testing.assert_allclose(found["score"], made.predict(IMAGES, verbose=0), rtol=1e-5)
    np.testing.assert_array_equal(found["threshold"], np.full(40, made.threshold.value, "float32"))
    wanted = array(made.score_map(IMAGES))
    np.testing.assert_allclose(answers["score_map"]["score_map"], wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize(
    ("score", "quantize"), [("elbo", None), ("latent", None), ("elbo", "dynamic")]
)
def test_a_device_decides_as_keras_does_and_the_metadata_say_by_what(score, quantize, tmp_path):
    from keras_vae.export.litert.writer import read_metadata, verify
    from tests.support.litert_files import run

    made, path = detector(score), tmp_path / "detector.tflite"
    options = {"quantize": quantize, "endpoints": ("score",), "calibration": IMAGES}
    made.export(path, format="litert", **options)
    found = run(path, "score", x=IMAGES)
    clear = np.abs(made.predict(IMAGES, verbose=0) / made.threshold.value - 1) > 1e-3
    assert clear.sum() > 30 and set(found["is_anomaly"]) == {0, 1}
    np.testing.assert_array_equal(found["is_anomaly"][clear], made.is_anomaly(IMAGES)[clear])
    np.testing.assert_array_equal(found["threshold"], np.full(40, made.threshold.value, "float32"))
    about = read_metadata(path)["anomaly"]
    assert about["score"] == score and about["model"] == "ConvVAE"
    assert about["threshold"]["value"] == made.threshold.value
    verify(made, path, IMAGES)


def in_keras(made, x):
    """The answer of `score` to x in Keras, by the way that it was computed."""
    import tensorflow as tf

    yield "eager", made.decide(tf.constant(x))
    # `made.predict` refuses such data before it comes to this.
    scores = keras.Model.predict(made, x, verbose=0)
    yield "predict", {"score": scores, "is_anomaly": ~(scores <= np.float32(made.threshold.value))}
    yield "graph", tf.function(made.decide)(tf.constant(x))
    yield "XLA", tf.function(made.decide, jit_compile=True)(tf.constant(x))


def in_files(made, x, folder):
    """The answer of `score` to x in each kind of file."""
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    from keras_vae.export.runtimes import cpp_loader

    path = made.export(folder / "detector", endpoints=["score"])
    with cpp_loader.SavedModel(path) as loaded:
        yield "C++", loaded.run("score", {"x": x})
    yield "SavedModel", tf.saved_model.load(str(path)).signatures["score"](x=tf.constant(x))
    for quantize in (None, "dynamic"):
        file, options = folder / f"{quantize}.tflite", {"batch_size": len(x), "quantize": quantize}
        made.export(file, format="litert", endpoints=["score"], calibration=IMAGES, **options)
        yield f"LiteRT, {quantize}", Interpreter(str(file)).get_signature_runner("score")(x=x)


# tests/export/test_artifacts.py asks the files of a detector for each score.
@pytest.mark.slow
@pytest.mark.parametrize("score", kv.anomalies.detector.SCORES)
def test_what_is_not_finite_is_an_anomaly_however_it_is_computed(score):
    made = detector(score)
    x = IMAGES[:5].copy()
    x[1, 2, 2, 0], x[2] = np.nan, np.nan
    x[3, 2, 2, 0], x[4, 2, 2, 0] = np.inf, -np.inf
    for way, answer in in_keras(made, x):
        np.testing.assert_array_equal(answer["is_anomaly"][1:], [1, 1, 1, 1], err_msg=way)
        np.testing.assert_array_equal(np.isnan(answer["score"]), [0, 1, 1, 1, 1], err_msg=way)


def test_a_score_that_is_no_number_is_an_anomaly_in_a_graph(monkeypatch):
    """Optimizers of graphs rewrite comparisons. x is finite, so the score alone decides."""
    import tensorflow as tf

    monkeypatch.setitem(
        kv.anomalies.detector.SCORES, "elbo", lambda _, x: keras.ops.sqrt(x[:, 0, 0, 0])
    )
    made = kv.AnomalyDetector(serving.model("ConvVAE"), "elbo")
    made.threshold = kv.anomalies.Threshold(2.0)
    x = np.repeat(IMAGES[:1], 4, axis=0)
    x[:, 0, 0, 0] = [-1.0, 1.0, 4.0, 9.0]
    answer = tf.function(made.decide)(tf.constant(x))
    np.testing.assert_array_equal(answer["score"], [np.nan, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(answer["is_anomaly"], [1, 0, 0, 1])


@pytest.mark.slow
def test_ties_and_extremes_are_decided_alike_in_every_format(tmp_path, monkeypatch):
    # The score is a pixel, so that it has the same bits everywhere. That of -7 is no number.
    monkeypatch.setitem(
        kv.anomalies.detector.SCORES,
        "elbo",
        lambda _, x: keras.ops.where(x[:, 0, 0, 0] == -7.0, np.nan, x[:, 0, 0, 0]),
    )
    made = detector("elbo")
    tie, largest = np.float32(0.7), np.finfo("float32").max
    made.threshold = kv.anomalies.Threshold(float(tie))
    cases = {tie: 0, np.nextafter(tie, np.float32(1)): 1, np.nextafter(tie, np.float32(0)): 0}
    cases |= {largest: 1, -largest: 0, -0.0: 0, -7.0: 1, np.inf: 1, -np.inf: 1, np.nan: 1}
    x = np.repeat(IMAGES[:1], len(cases), axis=0)
    x[:, 0, 0, 0] = list(cases)
    for way, answer in itertools.chain(in_keras(made, x), in_files(made, x, tmp_path)):
        wanted = list(cases.values())
        np.testing.assert_array_equal(answer["is_anomaly"], wanted, err_msg=way)
        pixels = x[:, 0, 0, 0]
        score = np.where(np.isfinite(pixels) & (pixels != -7.0), pixels, np.nan)
        np.testing.assert_array_equal(answer["score"], score, err_msg=way)
        np.testing.assert_array_equal(answer.get("threshold", tie), tie, err_msg=way)


@pytest.mark.slow
def test_masked_sequences_are_served_with_their_mask(tmp_path):
    import tensorflow as tf

    made = kv.AnomalyDetector(MASKED_CASE.make())
    made.fit_threshold(MASKED, quantile=0.7)
    path = made.export(tmp_path / "masked", endpoints=("score", "score_map"))
    loaded = tf.saved_model.load(str(path))
    x, mask = map(tf.constant, MASKED)
    found = loaded.signatures["score"](x=x, mask=mask)
    np.testing.assert_allclose(found["score"], made.predict(MASKED, verbose=0), rtol=1e-5)
    each = loaded.signatures["score_map"](x=x, mask=mask)["score_map"].numpy()
    assert not each[MASKED[1] == 0].any()


def test_a_detector_without_threshold_is_not_exported(tmp_path):
    made = kv.AnomalyDetector(serving.model("ConvVAE"))
    with pytest.raises(ValueError, match="Expected a detector with a threshold"):
        made.export(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_int8_scores_are_refused_because_they_end_at_the_calibration(tmp_path):
    with pytest.raises(ValueError, match="Expected scores of floats.*Use 'dynamic'"):
        detector("elbo").export(
            tmp_path / "a.tflite", format="litert", quantize="int8", calibration=IMAGES
        )


def test_a_decision_that_does_not_follow_from_its_score_is_a_difference():
    from keras_vae.export.verification.comparison import differences

    made = detector("elbo")
    wanted = {"score": {k: array(v) for k, v in made.decide(IMAGES).items()}}
    assert differences(made, wanted, wanted)["score"]["is_anomaly"].largest == 0
    flipped = {"score": {**wanted["score"], "is_anomaly": 1 - wanted["score"]["is_anomaly"]}}
    assert differences(made, wanted, flipped)["score"]["is_anomaly"].largest == 1
