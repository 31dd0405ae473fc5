"""SemiSupervisedVAE: its bounds by enumeration of classes, and the conditional VAE as a limit."""

import keras
import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp, softmax

import keras_vae as kv
from tests.support.models import array
from tests.support.objectives import loss_and_gradients, terms

CLASSES = 3
X = (np.random.default_rng(2).random((12, 6)) > 0.5).astype("float32")
LABELS = np.array([0, 1, 2, -1] * 3)
GIVEN = np.where(LABELS[:, None] < 0, 0.0, np.eye(CLASSES)[LABELS]).astype("float32")
UNLABELED, EVERY = 0 * GIVEN, np.eye(CLASSES, dtype="float32")[np.abs(LABELS)]


def model(**kwargs):
    keras.utils.set_random_seed(3)
    networks = kv.nets.conditional(kv.nets.dense, (6,), 2, CLASSES, hidden=(8,))
    classifier = kv.nets.dense_encoder((6,), CLASSES, hidden=(5,))
    return kv.SemiSupervisedVAE(*networks, classifier, seed=4, **kwargs)


def bernoulli(logits, x):
    """log p(x) of each row, with the sigmoid in float64."""
    p = expit(np.asarray(logits, "float64"))
    return (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=-1)


def known(shift=0.0, **kwargs):
    """A model that ignores z, with p(x | c) known, and its true posterior as the classifier.

    The classifier of independent bits is linear: the difference of its logits is that of the
    parameters of p(x | c), plus the log normalizers.
    """
    parameters = np.random.default_rng(1).normal(size=(CLASSES, 6)).astype("float32")
    x, z, c = keras.Input((6,)), keras.Input((2,)), keras.Input((CLASSES,))
    zero = 0.0 * x[:, :2] + 0.0 * c[:, :2]
    bits = keras.layers.Dense(6, use_bias=False)
    decoder = keras.Model([z, c], bits(c) + 0.0 * z[:, :1])
    bits.set_weights([parameters])
    linear = keras.layers.Dense(CLASSES)
    classifier = keras.Model(x, linear(x))
    bias = -np.log1p(np.exp(parameters)).sum(axis=1) + shift * np.arange(CLASSES)
    linear.set_weights([parameters.T, bias])
    networks = keras.Model([x, c], [zero, zero]), decoder
    return kv.SemiSupervisedVAE(*networks, classifier, seed=0, **kwargs), parameters


def log_joint(parameters):
    """log p(x, c), `(batch, classes)`."""
    return bernoulli(parameters[None], X[:, None]) - np.log(CLASSES)


def bound(found):
    return found["reconstruction"] + found["kl"]


def test_with_the_true_posterior_of_classes_the_bound_is_the_marginal():
    """Kingma et al. 2014, equation 7, for a decoder without z: U(x) = -log p(x)."""
    true, parameters = known()
    wanted = -logsumexp(log_joint(parameters), axis=1)
    np.testing.assert_allclose(bound(terms(true, (X, UNLABELED), X)), wanted, rtol=1e-5)
    found = bound(terms(known(shift=1.0)[0], (X, UNLABELED), X))
    assert (found > wanted + 1e-3).all()


def test_the_bound_of_a_labeled_example_is_its_joint():
    """Equation 6: L(x, c) = -log p(x, c), here exactly."""
    true, parameters = known()
    found = terms(true, (X, EVERY), X)
    wanted = -log_joint(parameters)[np.arange(12), np.abs(LABELS)]
    np.testing.assert_allclose(bound(found), wanted, rtol=1e-5)
    log_q = log_joint(parameters) - logsumexp(log_joint(parameters), axis=1, keepdims=True)
    wanted = -log_q[np.arange(12), np.abs(LABELS)]
    np.testing.assert_allclose(found["classification"], wanted, rtol=1e-4)


def test_the_terms_are_sums_over_the_classes():
    """In NumPy, with the noise of the model: one for each example and class."""
    one = model()
    pairs = np.repeat(X, CLASSES, axis=0), np.tile(np.eye(CLASSES, dtype="float32"), (12, 1))
    mean, log_var = (array(part).astype("float64") for part in one.encoder(list(pairs)))
    noise = array(keras.random.normal(mean.shape, seed=keras.random.SeedGenerator(4)))
    z = (mean + np.exp(0.5 * log_var) * noise).astype("float32")
    logits = array(one.decoder([z, pairs[1]]))
    reconstruction = -bernoulli(logits, pairs[0]).reshape(12, CLASSES)
    kl = 0.5 * (mean**2 + np.exp(log_var) - log_var - 1).sum(axis=1).reshape(12, CLASSES)
    scores = array(one.classifier(X)).astype("float64")
    missing = LABELS[:, None] < 0
    weights = np.where(missing, softmax(scores, axis=1), GIVEN)
    log_q = log_softmax(scores, axis=1)
    kl = kl + np.log(CLASSES) + np.where(missing, log_q, 0.0)
    found = terms(one, (X, GIVEN), X)
    wanted = (weights * reconstruction).sum(axis=1)
    np.testing.assert_allclose(found["reconstruction"], wanted, rtol=1e-4)
    np.testing.assert_allclose(found["kl"], (weights * kl).sum(axis=1), rtol=1e-4)
    wanted = np.where(missing[:, 0], 0.0, -(GIVEN * log_q).sum(axis=1))
    np.testing.assert_allclose(found["classification"], wanted, rtol=1e-4)


def test_with_every_label_and_known_codes_it_is_the_conditional_vae():
    """The bounds differ by log K, and noise is drawn for other rows, so here it is none."""
    one = model(classification_weight=0.0)
    kernel, bias = one.encoder.trainable_variables[-2:]  # Of z_log_var.
    kernel.assign(0.0 * kernel)
    bias.assign(0.0 * bias - 20.0)
    plain = kv.ConditionalVAE(one.encoder, one.decoder, seed=4)
    found, gradients = loss_and_gradients(one, (X, EVERY))
    wanted, expected = loss_and_gradients(plain, (X, EVERY))
    assert found == pytest.approx(wanted + np.log(CLASSES), rel=1e-5)
    for first, second in zip(gradients, expected, strict=False):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)
    assert all(np.abs(rest).max() == 0.0 for rest in gradients[len(expected) :])


def test_a_missing_label_moves_the_classifier_by_the_bound_alone():
    one = model(loss_weights={"reconstruction": 0.0, "kl": 0.0})
    _, gradients = loss_and_gradients(one, (X, UNLABELED))
    assert all(np.abs(gradient).max() == 0.0 for gradient in gradients)
    one = model(classification_weight=0.0)
    _, gradients = loss_and_gradients(one, (X, UNLABELED))
    assert all(np.abs(gradient).max() > 1e-6 for gradient in gradients)


def test_classify_gives_probabilities_which_stand_for_a_missing_label():
    one = model()
    found = array(one.classify(X))
    np.testing.assert_allclose(found, softmax(array(one.classifier(X)), axis=1), rtol=1e-5)
    filled = np.where(LABELS[:, None] < 0, found, GIVEN)
    for verb in (one.encode, one.reconstruct, one.score):
        np.testing.assert_allclose(array(verb((X, GIVEN))), array(verb((X, filled))), rtol=1e-5)
    answer = one.endpoints()["classify"].function(X)
    np.testing.assert_allclose(array(answer["probabilities"]), found, rtol=1e-6)
    assert np.isnan(array(one.classify(np.full((1, 6), np.nan, "float32")))).all()


@pytest.mark.parametrize("row", [[1.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
def test_a_condition_that_is_no_label_is_refused(row):
    one, bad = model(), GIVEN.copy()
    bad[3] = row
    one.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="Expected a condition of one-hot rows.*Received: "):
        one.fit((X, bad), verbose=0)


@pytest.mark.tensorflow
def test_a_bad_label_in_a_later_batch_of_a_data_set_is_refused():
    import tensorflow as tf

    one, bad = model(), GIVEN.copy()
    bad[9] = 2.0
    one.compile("sgd", run_eagerly=True)
    batches = tf.data.Dataset.from_tensor_slices(((X, bad),)).batch(4)
    with pytest.raises(ValueError, match="Expected a condition of one-hot rows.*of the data"):
        one.fit(batches, verbose=0)


def test_a_classifier_of_other_classes_is_refused():
    networks = kv.nets.conditional(kv.nets.dense, (6,), 2, CLASSES, hidden=(8,))
    for other in (kv.nets.dense_encoder((6,), 4), kv.nets.dense_encoder((5,), CLASSES)):
        with pytest.raises(ValueError, match=r"Expected a classifier from .* to logits"):
            kv.SemiSupervisedVAE(*networks, other)
