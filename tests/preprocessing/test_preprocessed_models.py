"""A model with preprocessing, asked in raw numbers, is the model without, asked in its own."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.preprocessing import Preprocessing
from tests.support.models import CASES, ROWS, array, each, event, first

# Terms with a log-likelihood in them.
LIKELIHOODS = {"reconstruction", "iwae", "hidden", "visible"}
REFUSING = [case for case in CASES if case.id.endswith(("_tokens", "_negative_binomial"))]
# The preprocessing of a table follows from its schema, and is no argument.
TAKING = [case for case in CASES if case not in REFUSING and case.id != "tabular_vae"]


def preprocessing_for(case):
    """Steps that the likelihood takes, with an inverse that float32 holds well."""
    if not case.make().family.continuous:
        return Preprocessing([keras.layers.Rescaling(1 / 8, offset=-1.5)])
    channels = event(case.x).shape[-1]
    mean, variance = np.linspace(-2, 3, channels), np.linspace(0.5, 4, channels)
    return Preprocessing([keras.layers.Normalization(mean=mean, variance=variance)])


def pair(case):
    """The model of a case, and one of the same weights with preprocessing."""
    plain = case.make()
    config = plain.get_config()
    steps = preprocessing_for(case)
    config["preprocess"] = keras.saving.serialize_keras_object(steps)
    raw = type(plain).from_config(config)
    for one, other in zip(raw.variables, plain.variables, strict=True):
        one.assign(other)
    return plain, raw, steps


def to_raw(x, steps):
    parts = keras.tree.flatten(x)
    parts[0] = array(steps.inverse(parts[0]))
    return keras.tree.pack_sequence_as(x, parts)


def nats(model, steps, shape):
    """log |det| of the map from raw numbers to those of the networks, of one event."""
    if not model.family.continuous:
        return 0.0
    return float(np.broadcast_to(steps.log_slope, shape).sum())


@each(TAKING, ("autoencoder", "conv_vae", "vae_normal", "lstm_vae_masked", "vq_vae"))
def test_answers_and_scores_follow_from_those_of_the_model_without(case):
    plain, raw, steps = pair(case)
    x = first(5, case.x)
    given = to_raw(x, steps)
    np.testing.assert_allclose(array(raw.encode(given)), array(plain.encode(x)), atol=1e-5)
    wanted = array(steps.inverse(plain.reconstruct(x)))
    if isinstance(x, tuple) and x[1].shape == event(x).shape[:2]:
        wanted = wanted * x[1][..., None]  # 0 in padding, also in raw numbers.
    np.testing.assert_allclose(array(raw.reconstruct(given)), wanted, rtol=1e-4, atol=1e-4)
    count = nats(plain, steps, event(x).shape[1:])
    change = count * np.ones(len(event(x)))
    if isinstance(x, tuple) and x[1].shape == event(x).shape[:2]:
        change = count * x[1].mean(axis=1)
    np.testing.assert_allclose(
        array(raw.score(given)), array(plain.score(x)) - change, rtol=1e-4, atol=1e-4
    )


@each(TAKING, ("vae_normal", "iwae"))
def test_terms_and_steps_follow_from_those_of_the_model_without(case):
    plain, raw, steps = pair(case)
    x = first(5, case.x)
    given, count = to_raw(x, steps), nats(plain, steps, event(x).shape[1:])
    logs, weights = [], []
    for model, batch in ((plain, x), (raw, given)):
        model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
        logs.append(model.train_on_batch(batch, return_dict=True))
        weights.append([array(variable) for variable in model.trainable_variables])
    masked = isinstance(x, tuple) and x[1].shape == event(x).shape[:2]
    count *= x[1].mean() if masked else 1.0
    # Half of the pixels are hidden.
    shares = {"hidden": 0.5, "visible": 0.5}
    for name in LIKELIHOODS & set(plain.terms):
        wanted = logs[0][name] - count * shares.get(name, 1.0)
        assert float(logs[1][name]) == pytest.approx(float(wanted), rel=1e-4, abs=1e-4), name
    for name in set(plain.terms) - LIKELIHOODS:
        assert float(logs[1][name]) == pytest.approx(float(logs[0][name]), rel=1e-4, abs=1e-5), name
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@each(REFUSING)
def test_tokens_and_counts_are_not_scaled(case):
    config = case.make().get_config()
    config["preprocess"] = keras.saving.serialize_keras_object(
        Preprocessing([keras.layers.Rescaling(0.5)])
    )
    with pytest.raises(ValueError, match=r"Expected no preprocess.*(classes|counts)"):
        type(case.make()).from_config(config)


def test_samples_are_raw():
    case = next(case for case in CASES if case.id == "vae_normal")
    plain, raw, steps = pair(case)
    wanted = array(steps.inverse(plain.sample(4, seed=3)))
    np.testing.assert_allclose(array(raw.sample(4, seed=3)), wanted, rtol=1e-5, atol=1e-5)
    assert raw.preprocess and not plain.preprocess and kv.VAE is type(raw) and ROWS == 13


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_begins_after_the_steps(policy):
    """Pressures of 101,325 pascals, which 16 bits do not hold, vary by 100."""
    keras.config.set_dtype_policy(policy)
    x = 101325 + 100 * np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
    networks = kv.nets.dense((2,), 1, (4,), heads=2)
    steps = kv.preprocessing.standardize(x)
    model = kv.VAE(*networks, likelihood="normal", preprocess=steps, seed=0)
    for answer in (model(x), model.predict(x, verbose=0)):
        np.testing.assert_allclose(array(answer), array(model.reconstruct(x)), atol=2.0)
