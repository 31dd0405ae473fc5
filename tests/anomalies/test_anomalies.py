"""Detectors: their scores against closed forms and SciPy, their data, their files."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.spatial
import scipy.stats

import keras_vae as kv
from tests.support import linear
from tests.support.models import CASES, FEATURES, MASKED, array, dense, first, uniform

X = uniform(60, *FEATURES)
ALL = {case.id: case for case in CASES}


def vae(score="elbo", **kwargs):
    keras.utils.set_random_seed(7)
    return kv.AnomalyDetector(kv.VAE(*dense(2), seed=1), score, **kwargs)


def made(name, score="reconstruction", **kwargs):
    return kv.AnomalyDetector(ALL[name].make(), score, **kwargs)


def test_the_scores_of_a_model_are_its_own():
    detector = vae("reconstruction")
    terms = detector.model.score_terms(X)
    np.testing.assert_allclose(detector.predict(X, verbose=0), array(terms["reconstruction"]), 1e-5)
    wanted = array(terms["reconstruction"]) + array(terms["kl"])
    np.testing.assert_allclose(vae("elbo").predict(X, verbose=0), wanted, rtol=1e-5)


def test_the_likelihood_of_an_example_does_not_depend_on_its_batch():
    detector = vae("likelihood", samples=8, seed=3)
    whole = detector.predict(X, verbose=0)
    np.testing.assert_allclose(detector.predict(X, batch_size=7, verbose=0), whole, rtol=1e-5)
    np.testing.assert_allclose(array(detector(X[5:6])), whole[5:6], rtol=1e-5)
    assert np.abs(vae("likelihood", samples=8, seed=4).predict(X, verbose=0) - whole).max() > 1e-4


def exact_vae(wider=0.0):
    """A VAE whose q(z | x) is p(z | x), its log variances raised by `wider`; and its p(x)."""
    model, loading = linear.vae(), np.zeros((2, 4))
    loading[[0, 1], [1, 3]] = 0.5, 2.0
    precision = 1 + np.diag(loading @ loading.T)
    log_var = wider - np.log(precision)
    parts = [loading.T / precision, np.zeros(2), np.zeros((4, 2)), log_var, loading, np.zeros(4)]
    for variable, part in zip(model.trainable_variables, parts, strict=True):
        variable.assign(part)
    return model, scipy.stats.multivariate_normal(cov=np.eye(4) + loading.T @ loading)


def test_a_posterior_that_is_exact_needs_one_sample():
    """Every weight is then p(x), a Gaussian of known covariance."""
    model, density = exact_vae()
    detector = kv.AnomalyDetector(model, "likelihood", samples=1)
    np.testing.assert_allclose(array(detector(linear.X)), -density.logpdf(linear.X), rtol=1e-5)


def test_many_samples_find_the_likelihood_of_a_posterior_that_is_not():
    """The weights are bounded, as q is wider than p(z | x): 4000 are within 0.02 nats."""
    model, density = exact_vae(wider=0.5)
    detector = kv.AnomalyDetector(model, "likelihood", samples=4000)
    wanted = -density.logpdf(linear.X)
    np.testing.assert_allclose(array(detector(linear.X)), wanted, atol=0.02)
    bound = kv.AnomalyDetector(model, "elbo").predict(linear.X, verbose=0)
    assert np.abs(bound - wanted).min() > 0.05


def test_latent_distances_are_those_of_scipy():
    detector = vae("latent")
    detector.adapt(X)
    codes = array(detector.model.encode(X)).astype("float64")
    mean, inverse = codes.mean(0), np.linalg.inv(np.cov(codes.T))
    wanted = [scipy.spatial.distance.mahalanobis(z, mean, inverse) for z in codes]
    np.testing.assert_allclose(detector.predict(X, verbose=0), wanted, rtol=1e-4)


@pytest.mark.parametrize("k", [1, 4])
def test_neighbors_are_those_of_a_tree(k):
    detector = vae("latent", neighbors=k)
    detector.adapt(X[:40])
    codes = array(detector.model.encode(X))
    wanted = scipy.spatial.KDTree(codes[:40]).query(codes, [k])[0][:, 0]
    np.testing.assert_allclose(detector.predict(X, verbose=0), wanted, rtol=1e-4, atol=1e-6)
    detector.adapt(X, examples=20)
    assert detector.reference.codes.shape == (20, 3)


def test_codes_of_a_dimension_that_collapsed_have_a_distance():
    codes = np.random.default_rng(0).standard_normal((50, 3))
    codes[:, 1] = 0.0
    reference = kv.anomalies.references.fit_reference(codes)
    distances = array(reference.distance(keras.ops.convert_to_tensor(codes, dtype="float32")))
    expected = scipy.spatial.distance.mahalanobis(
        codes[0, ::2], codes.mean(0)[::2], np.linalg.inv(np.cov(codes[:, ::2].T))
    )
    assert distances[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["vae_normal_learned_scale", "conv_vae", "fsq", "conditional_vae"])
def test_a_score_map_sums_to_the_score_and_has_the_shape_of_an_example(name):
    detector, x = made(name), ALL[name].x
    each = array(detector.score_map(x))
    assert each.shape == keras.tree.flatten(x)[0].shape
    total = each.reshape(len(each), -1).sum(1)
    np.testing.assert_allclose(total, array(detector.score(x)), rtol=1e-4)


def test_the_map_of_a_normal_likelihood_is_half_the_squared_error():
    detector = made("autoencoder")
    error = X - array(detector.model(X))
    wanted = 0.5 * error**2 + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(array(detector.score_map(X)), wanted, rtol=1e-4, atol=1e-5)


def test_padded_steps_have_no_score_and_change_none():
    detector = made("lstm_vae_masked", "elbo")
    x, mask = MASKED
    other = np.where(mask[..., None] > 0, x, 7.0).astype("float32")
    each, steps = array(detector.score_map(MASKED)), array(detector.score_steps(MASKED))
    assert steps.shape == mask.shape and not steps[mask == 0].any() and not each[mask == 0].any()
    np.testing.assert_allclose(steps, each.sum(2), rtol=1e-5)
    assert np.abs(steps[mask == 1]).min() > 0
    np.testing.assert_array_equal(array(detector.score_map((other, mask))), each)
    scores = detector.predict(MASKED, verbose=0)
    np.testing.assert_allclose(detector.predict((other, mask), verbose=0), scores, rtol=1e-6)


def test_decisions_are_of_scores_above_the_threshold():
    detector = vae()
    found = detector.fit_threshold(X, quantile=0.5)
    scores = detector.predict(X, verbose=0)
    assert found is detector.threshold and found.value == np.sort(scores)[29]
    np.testing.assert_array_equal(detector.is_anomaly(X), scores > found.value)
    answers = {name: array(value) for name, value in detector.decide(X).items()}
    assert answers["is_anomaly"].dtype == "int32" and answers["threshold"].shape == (60,)
    np.testing.assert_array_equal(answers["is_anomaly"], array(answers["score"]) > found.value)


def test_a_score_that_is_no_number_is_an_anomaly():
    detector = vae()
    detector.fit_threshold(X, quantile=1.0)
    answers = detector.decide(keras.ops.full((1, 6), np.nan, "float32"))
    assert array(answers["is_anomaly"]).tolist() == [1]


class Batches(keras.utils.PyDataset):
    """X in two batches, with targets."""

    def __len__(self):
        return 2

    def __getitem__(self, number):
        rows = X[25:] if number else X[:25]
        return rows, rows


def test_batches_give_the_threshold_of_the_array():
    whole, parts = vae(), vae()
    whole.fit_threshold(X, false_positive_rate=0.1)
    parts.fit_threshold(Batches(), false_positive_rate=0.1)
    assert parts.threshold.value == pytest.approx(whole.threshold.value, rel=1e-6)


DETECTORS = {
    "elbo": lambda: vae(),
    "likelihood": lambda: vae("likelihood", samples=3, seed=5),
    "mahalanobis": lambda: vae("latent"),
    "neighbors": lambda: vae("latent", neighbors=2),
    "masked": lambda: made("transformer_autoencoder_masked"),
}
RELOAD = """
import sys, keras, numpy as np, keras_vae
folder = sys.argv[1]
for name in sys.argv[2:]:
    detector = keras.saving.load_model(f"{folder}/{name}.keras")
    parts = list(np.load(f"{folder}/{name}.npz").values())
    x = parts[0] if len(parts) == 1 else tuple(parts)
    scores, bad = detector.predict(x, verbose=0), detector.is_anomaly(x)
    np.savez(f"{folder}/{name}.after.npz", scores=scores, bad=bad, value=detector.threshold.value)
"""


@pytest.mark.long
def test_files_keep_scores_and_thresholds_for_a_fresh_process(tmp_path):
    wanted = {}
    for name, make in DETECTORS.items():
        detector, x = make(), MASKED if name == "masked" else X
        if detector.score_name == "latent":
            detector.adapt(x)
        detector.fit_threshold(x, false_positive_rate=0.2)
        detector.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", *keras.tree.flatten(x))
        bad = detector.is_anomaly(x)
        wanted[name] = (detector.predict(x, verbose=0), bad, detector.threshold.value)
    command = [sys.executable, "-c", RELOAD, str(tmp_path), *DETECTORS]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, (scores, bad, value) in wanted.items():
        found = np.load(tmp_path / f"{name}.after.npz")
        np.testing.assert_allclose(found["scores"], scores, rtol=1e-5)
        assert found["value"] == value and 0 < bad.sum() < len(bad)
        np.testing.assert_array_equal(found["bad"], bad)


def test_the_configuration_makes_an_equal_detector():
    config = vae("latent", neighbors=3).get_config()
    twin = kv.AnomalyDetector.from_config(json.loads(json.dumps(config, default=dict)))
    assert (twin.score_name, twin.neighbors, twin.samples) == ("latent", 3, 16)


def test_weights_stay_those_of_the_model():
    detector = vae()
    detector.fit_threshold(X, quantile=0.9)
    assert len(detector.weights) == len(detector.model.weights)


# Bad input.

NO_STEP = (MASKED[0], np.zeros_like(MASKED[1]))


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (vae, X[:0], "at least one example"),
        (vae, X[:, :5], r"Expected x of shape \('batch', 6\)"),
        (vae, np.full_like(X, np.nan), "finite values in x"),
        (vae, X + 9, r"Expected x in \[0, 1\]"),
        (vae, X[:20], "at least 99 held-out examples.*Received: 20"),
        (DETECTORS["masked"], NO_STEP, "with a 1 in each row"),
        (DETECTORS["mahalanobis"], X, r"(?s)knows the codes.*adapt\(training_data\)"),
    ],
)
def test_what_no_threshold_can_be_of_is_refused(make, x, message):
    detector = make()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        detector.fit_threshold(x, false_positive_rate=0.01)
    assert detector.threshold is None


@pytest.mark.parametrize("asked", [{}, {"quantile": 0.9, "tail": 0.01}])
def test_one_rule_is_asked_for(asked):
    with pytest.raises(ValueError, match="Expected one of quantile=.*Received: (none|quantile)"):
        vae().fit_threshold(X, **asked)


def test_decisions_need_a_threshold(tmp_path):
    detector = vae()
    for act in (detector.is_anomaly, detector.decide):
        with pytest.raises(ValueError, match=r"(?s)with a threshold.*fit_threshold"):
            act(X)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: vae("distance"), ValueError, "one of .*latent.*Received: 'distance'"),
        (lambda: vae("latent", neighbors=0), ValueError, "at least 1. Received: .*neighbors=0"),
        (lambda: made("autoencoder", "elbo"), TypeError, "with a posterior.*reconstruction"),
        (lambda: made("fsq", "latent"), TypeError, "real numbers.*Received: FSQ.*int32"),
        (lambda: vae().adapt(X), ValueError, "Expected score='latent'. Received: 'elbo'"),
        (lambda: vae("latent", neighbors=9).adapt(first(8, X)), ValueError, "at least 9 codes"),
    ],
)
def test_what_a_detector_cannot_do_is_refused(act, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        act()
