"""Scores of sequences with missing steps or values can be compared with each other."""

import functools
import json
import zipfile

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.support.models import array

X = np.random.default_rng(0).random((40, 6, 2)).astype("float32")
STEPS = (np.arange(6) < np.random.default_rng(1).integers(1, 7, 40)[:, None]).astype("float32")
VALUES = (np.random.default_rng(2).random(X.shape) < 0.6).astype("float32")
VALUES[:, 0, 0] = 1.0
MASKS = {True: STEPS, "features": VALUES}


@functools.cache
def model(masked):
    """One model for all tests, which leave it as it is."""
    keras.utils.set_random_seed(0)
    sizes = {"width": 8, "blocks": 1, "attention_heads": 2}
    return kv.TransformerVAE((6, 2), 2, masked=masked, seed=0, **sizes)


def detector(masked=True, score="reconstruction", **kwargs):
    return kv.AnomalyDetector(model(masked), score, **kwargs)


@pytest.mark.parametrize("masked", MASKS)
@pytest.mark.parametrize("score", ["reconstruction", "elbo", "likelihood"])
def test_scores_of_masked_models_are_per_present_step(masked, score):
    data, mask = (X, MASKS[masked]), MASKS[masked]
    per_step = detector(masked, score)
    whole = detector(masked, score, per="example")
    steps = mask.reshape(40, -1).sum(1) / (2 if masked == "features" else 1)
    assert (per_step.per, whole.per) == ("step", "example")
    wanted = array(whole.score(data)) / steps
    np.testing.assert_allclose(array(per_step.score(data)), wanted, rtol=1e-5)
    if score == "elbo":
        np.testing.assert_allclose(per_step.predict(data, verbose=0), wanted, rtol=1e-5)


def test_scores_do_not_follow_from_the_number_of_steps():
    """An untrained model finds all steps alike: their number decides sums, and no mean."""
    counts = STEPS.sum(1)
    one, other = (array(detector(per=per).score((X, STEPS))) for per in ("example", "step"))
    assert np.corrcoef(counts, one)[0, 1] > 0.95
    assert abs(np.corrcoef(counts, other)[0, 1]) < 0.5


def test_a_step_with_missing_features_scores_like_a_whole_one():
    found = array(detector("features").score_steps((X, VALUES)))
    each = array(detector("features").score_map((X, VALUES)))
    shares = VALUES.mean(2)
    assert not found[shares == 0].any() and not each[VALUES == 0].any()
    kept = shares > 0
    np.testing.assert_allclose(found[kept], each.sum(2)[kept] / shares[kept], rtol=1e-5)
    sums = array(detector("features", per="example").score_steps((X, VALUES)))
    np.testing.assert_allclose(sums, each.sum(2), rtol=1e-5)


@pytest.mark.parametrize("steps", [False, True], ids=["windows", "steps"])
@pytest.mark.parametrize("masked", MASKS)
def test_units_of_missing_values_change_no_score(masked, steps):
    """In hPa, volts or amperes: scores differ by the same constant, whatever is missing."""
    mean, scale = np.array([1000.0, 0.2]), np.array([1e3, 1e-2])
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Normalization(mean=mean, variance=scale**2), kv.layers.FillGaps(0.0)]
    sizes = {"width": 8, "blocks": 1, "attention_heads": 2}
    raw = kv.TransformerVAE((6, 2), 2, masked=masked, preprocess=layers, seed=0, **sizes)
    raw.set_weights(model(masked).get_weights())
    gaps = np.where(MASKS[masked].reshape(40, 6, -1) > 0, X * scale + mean, np.nan)
    other = kv.AnomalyDetector(raw)
    name = "score_steps" if steps else "score"
    one, two = (
        array(getattr(found, name)(data))
        for found, data in (
            (detector(masked), (X, MASKS[masked])),
            (other, (gaps.astype("float32"), MASKS[masked])),
        )
    )
    known = MASKS[masked].reshape(40, 6, -1).max(2) > 0 if steps else np.ones(40, bool)
    assert not two[~known].any()
    np.testing.assert_allclose((two - one)[known], np.log(scale).sum(), atol=2e-3)


def test_files_of_older_versions_score_per_example(tmp_path):
    made = detector()
    made.save(tmp_path / "new.keras")
    assert kv.load(tmp_path / "new.keras").per == "step"
    with (
        zipfile.ZipFile(tmp_path / "new.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                config = json.loads(content)
                del config["config"]["per"]
                content = json.dumps(config).encode()
            old.writestr(name, content)
    found = kv.load(tmp_path / "old.keras")
    assert found.per == "example"
    wanted = array(detector(per="example").score((X, STEPS)))
    np.testing.assert_allclose(array(found.score((X, STEPS))), wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: detector(per="value"), "per to be 'example' or 'step'. Received: per='value'"),
        (lambda: detector(False, per="step"), "takes a mask .masked=True.*of a TransformerVAE"),
        (lambda: detector(score="latent", per="step"), "nats.*score='latent'"),
    ],
)
def test_scores_per_step_need_steps_and_nats(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("score", ["reconstruction", "latent"])
def test_other_scores_are_per_example(score):
    assert detector(False, score).per == "example"
    assert detector(True, "latent").per == "example"


def auroc(masked, parts):
    """Train on the first part, and tell faulty windows in the last from others."""
    from tests.support.sensors import WINDOW

    keras.utils.set_random_seed(0)
    sizes = {"width": 16, "blocks": 1, "attention_heads": 2}
    model = kv.TransformerAutoencoder((WINDOW, 5), 8, masked=masked, seed=0, **sizes)
    model.compile(keras.optimizers.Adam(5e-3))
    (train, _), (new, faulty) = parts
    model.fit(train, epochs=12, batch_size=32, verbose=0)
    scores = kv.AnomalyDetector(model).predict(new, verbose=0)
    return kv.metrics.auroc(scores[~faulty], scores[faulty])


@pytest.mark.long
@pytest.mark.tensorflow
def test_faults_of_sensors_are_found_in_spite_of_holes():
    from tests.support import sensors

    recording = sensors.record()
    whole = auroc(False, sensors.windows(recording.whole, recording.faulty))
    for masked in (True, "features"):
        holed = auroc(masked, sensors.windows(recording.holed, recording.faulty, masked))
        assert holed >= 0.97 and holed >= whole - 0.02, (masked, holed, whole)
