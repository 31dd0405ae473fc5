"""Masks of each value of a sequence: what is missing has no say, what is present has all of it."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.models.test_sequences import (
    FEATURES,
    KINDS,
    MASK,
    TIME,
    X,
    every_kind,
    make,
    shared,
)
from tests.support.models import FAST, array
from tests.support.objectives import loss_and_gradients

HOLES = (np.random.default_rng(5).random((4, TIME, FEATURES)) < 0.7).astype("float32")
HOLES[0] = 0.0  # One value alone.
HOLES[0, 2, 1] = 1.0


def filled_with(value):
    return np.where(HOLES > 0, X, value).astype("float32")


@every_kind
def test_a_missing_value_changes_no_code_no_term_and_no_gradient(kind):
    found = []
    for value in (0.0, 1e4):
        model, x = make(kind, "features"), filled_with(value)
        loss, gradients = loss_and_gradients(model, [x, HOLES])
        answers = [model.encode([x, HOLES]), model.score([x, HOLES]), loss]
        found.append([*map(array, answers), *map(array, gradients)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@every_kind
def test_a_term_is_the_sum_over_the_values_that_are_present(kind):
    model = shared(kind, "features")
    z = model.encode([X, HOLES])
    mean = array(model.decoder([z, keras.ops.convert_to_tensor(HOLES)]))
    nats = 0.5 * (X - mean) ** 2 + 0.5 * np.log(2 * np.pi)
    terms = model.score_terms([X, HOLES])
    np.testing.assert_allclose(
        array(terms["reconstruction"]), (nats * HOLES).sum((1, 2)), rtol=1e-5
    )
    again = array(model.reconstruct([X, HOLES]))
    assert not again[HOLES == 0].any() and np.abs(again[HOLES > 0]).min() > 0


@pytest.mark.parametrize("kind", ["LSTMAutoencoder", "TransformerAutoencoder"])
def test_a_missing_value_is_told_from_one_that_is_zero(kind):
    model, x = shared(kind, "features"), X.copy()
    x[:, 0, 0] = 0.0
    some = np.ones_like(HOLES)
    some[:, 0, 0] = 0.0
    known, missing = (array(model.encode([x, mask])) for mask in (np.ones_like(HOLES), some))
    assert np.abs(known - missing).max() > 1e-3


@pytest.mark.parametrize("kind", ["LSTMAutoencoder", "TransformerAutoencoder"])
def test_a_step_without_any_value_is_padding(kind):
    """The same networks, told of the end by a mask of steps, give the same codes."""
    model = shared(kind, "features")
    mask = np.repeat(MASK[..., None], FEATURES, axis=2)
    code = array(model.encode([X, mask]))
    x = np.concatenate([X * mask, mask], axis=2)
    options = {name: value for name, value in KINDS[kind].items() if name != "blocks"}
    wide = getattr(kv, kind)((TIME, 2 * FEATURES), 3, masked=True, seed=0, **options)
    for mine, its in zip(wide.encoder.weights, model.encoder.weights, strict=True):
        mine.assign(its)
    np.testing.assert_allclose(code, array(wide.encode([x, MASK])), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("masked", "mask", "message"),
    [
        ("features", MASK, r"mask of shape \('batch', 5, 2\).*Received: \(4, 5\).*Repeat it"),
        (True, HOLES, r"mask of shape \('batch', 5\).*Received: \(4, 5, 2\).*masked='features'"),
        ("features", np.zeros_like(HOLES), "a 1 in each row. Received: 4 row"),
        ("features", HOLES * 0.5, "a mask of 0 and 1"),
    ],
)
def test_other_masks_are_refused(masked, mask, message):
    model = make("LSTMAutoencoder", masked)
    model.compile("sgd")
    for verb in (model.encode, lambda x: model.fit(x, verbose=0), model.predict):
        with pytest.raises(ValueError, match=f"(?s){message}"):
            verb((X, mask))


def test_other_kinds_of_masks_are_refused():
    with pytest.raises(ValueError, match="masked to be True, False or 'features'.*'channels'"):
        make("LSTMVAE", "channels")
    with pytest.raises(ValueError, match="tokens, which have no features. Received: masked='feat"):
        kv.LSTMVAE((4,), 2, vocabulary_size=5, masked="features")


@pytest.mark.slow
def test_training_compiled_models_and_files_take_masks_of_features(tmp_path):
    model = make("TransformerVAE", "features")
    model.compile("adam", **FAST)
    model.fit((X, HOLES), epochs=1, batch_size=4, verbose=0)
    wanted = array(model.score([X, HOLES]))
    fast = kv.Compiled(model)
    np.testing.assert_allclose(array(fast.score([X, HOLES])), wanted, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = kv.load(tmp_path / "model.keras")
    np.testing.assert_allclose(array(again.score([X, HOLES])), wanted, rtol=1e-6)
    assert model.sample(3, seed=0, condition=HOLES[1]).shape == (3, TIME, FEATURES)


@pytest.mark.long
@pytest.mark.tensorflow
@every_kind
def test_files_take_masks_of_features(kind, tmp_path):
    import tensorflow as tf

    from tests.support.litert_files import run

    detector = kv.AnomalyDetector(make(kind, "features"))
    detector.fit_threshold((X, HOLES), quantile=0.5)
    wanted, steps = detector.predict((X, HOLES), verbose=0), array(detector.score_map([X, HOLES]))
    folder = detector.export(tmp_path / "model", endpoints=("score", "score_map"))
    signatures = tf.saved_model.load(str(folder)).signatures
    x, mask = tf.constant(X), tf.constant(HOLES)
    np.testing.assert_allclose(signatures["score"](x=x, mask=mask)["score"], wanted, rtol=1e-4)
    each = signatures["score_map"](x=x, mask=mask)["score_map"]
    np.testing.assert_allclose(each, steps, rtol=1e-4, atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["score"](x=x, mask=mask * 0)
    file = detector.export(tmp_path / "m.tflite", format="litert", endpoints=("score",))
    np.testing.assert_allclose(run(file, "score", x=X, mask=HOLES)["score"], wanted, rtol=1e-3)
