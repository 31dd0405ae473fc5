"""What every model promises; it runs over the list in `tests/support/models.py`."""

import json

import keras
import numpy as np
import pytest

from keras_vae.base.endpoint import WholeNumbers
from keras_vae.validation import value_checks
from tests.support.models import (
    BATCH,
    CASES,
    FAST,
    FEW,
    ONE_OF_EACH,
    ROWS,
    array,
    assert_equal,
    each,
    event,
    first,
    values,
)

every_model = each(CASES)
# Their classes have a `build` of their own that makes weights.
OWN_BUILD = ("vamp_vae", "flow_vae", "planar_vae", "compressive", "factor_vae", "vq_vae", "vae_gan")
every_model_slowly = each(CASES, FEW, rest="slow")
a_few_models = each(CASES, FEW)
every_generative_model = each([case for case in CASES if case.generative])
every_model_of_one_mode = each([case for case in CASES if case.generative and case.one_mode])
# The others change from batch to batch by themselves; their own tests follow them.
a_few_fixed_models = each([case for case in CASES if case.fixed], FEW)


@every_model
def test_a_new_model_has_finite_weights(case):
    value_checks.check_weights(case.untouched)


@each(ONE_OF_EACH, OWN_BUILD)
def test_a_second_build_adds_nothing(case):
    model = case.make()
    shape = keras.tree.map_structure(lambda part: (None, *part.shape[1:]), case.x)
    model.build(shape)
    weights = {id(weight) for weight in model.weights}
    model.build(shape)
    assert {id(weight) for weight in model.weights} == weights


def test_the_list_of_one_case_of_each_class_is_whole():
    classes = [type(case.untouched) for case in ONE_OF_EACH]
    every = {type(case.untouched) for case in CASES if not case.variant}
    assert len(set(classes)) == len(classes) and set(classes) == every


# Training and measuring.


@every_model_slowly
def test_fit_logs_every_term_in_training_and_validation(case):
    model = case.make()
    model.compile("sgd")
    history = model.fit(case.x, epochs=2, batch_size=BATCH, validation_data=(case.x,), verbose=0)
    assert set(history.history) == case.logs | {f"val_{name}" for name in case.logs}
    for values_of_epochs in history.history.values():
        assert len(values_of_epochs) == 2 and np.isfinite(values_of_epochs).all()
    assert int(array(model.steps)) == 2 * 3


@a_few_fixed_models
def test_epoch_means_are_means_over_examples_not_over_batches(case):
    """With sample weights and a ragged last batch; a learning rate of 0 keeps the weights."""
    model = case.make()
    model.compile(keras.optimizers.SGD(0.0), **FAST)
    weights = np.linspace(0.5, 2.0, ROWS).astype("float32")
    y = event(case.x)
    start = values(seeds(model))
    history = model.fit(
        case.x, y, sample_weight=weights, batch_size=BATCH, shuffle=False, verbose=0
    )
    reset(model, start)
    expected = epoch_means(model, case.x, y, weights, training=True)
    for name, mean in expected.items():
        assert history.history[name][0] == pytest.approx(mean, rel=2e-5, abs=1e-6), name
    reset(model, start)
    logs = model.evaluate(
        case.x, y, sample_weight=weights, batch_size=BATCH, return_dict=True, verbose=0
    )
    reset(model, start)
    for name, mean in epoch_means(model, case.x, y, weights, training=False).items():
        assert logs[name] == pytest.approx(mean, rel=2e-5, abs=1e-6), name


@a_few_models
def test_the_bound_is_logged_without_weights(case):
    model = case.make()
    model.compile(**FAST)
    logs = model.evaluate(case.x, batch_size=BATCH, return_dict=True, verbose=0)
    assert set(logs) == case.logs
    if case.bounded:
        assert logs["elbo"] == pytest.approx(-logs["reconstruction"] - logs["kl"], rel=1e-5)


@a_few_models
def test_the_same_seeds_give_the_same_training(case):
    one, other = (case.trained().variables for _ in range(2))
    for first_values, second_values in zip(values(one), values(other), strict=True):
        np.testing.assert_array_equal(first_values, second_values)


# Verbs.


@a_few_models
def test_calling_predicting_and_reconstructing_are_one(case):
    model = case.untouched
    model.compile(**FAST)
    x = first(4, case.x)
    reconstruction = array(model.reconstruct(x))
    assert reconstruction.shape == event(x).shape
    assert reconstruction.dtype == model.event_dtype
    assert_equal(
        [
            array(model(x)),
            model.predict(x, verbose=0),
            array(model.decode(model.with_condition(model.encode(x), x))),
        ],
        [reconstruction] * 3,
        rtol=1e-6,
        atol=1e-6,
    )
    low, high = case.range
    assert low <= reconstruction.min() and reconstruction.max() <= high


@every_model_slowly
def test_encode_and_score_are_deterministic(case):
    model = case.untouched
    x = first(4, case.x)
    codes = array(model.encode(x))
    score = array(model.score(x))
    assert codes.shape == (4, *model.latent_shape) and codes.dtype == model.latent_dtype
    assert score.shape == (4,) and score.dtype == "float32" and np.isfinite(score).all()
    assert_equal([array(model.encode(x)), array(model.score(x))], [codes, score])


@every_model
def test_score_is_higher_for_what_is_reconstructed_worse(case):
    """The parts of the score are per-example terms, the reconstruction among them."""
    model = case.untouched
    terms = {name: array(term) for name, term in model.score_terms(first(4, case.x)).items()}
    assert all(term.shape == (4,) for term in terms.values())
    np.testing.assert_allclose(array(model.score(first(4, case.x))), sum(terms.values()), rtol=1e-6)
    x = first(4, case.x)
    p = model.observation(model.with_condition(model.encode(x), x))
    wanted = -array(p.log_prob(event(first(4, case.x))))
    np.testing.assert_allclose(terms["reconstruction"], wanted, rtol=1e-5)


@every_generative_model
def test_samples_repeat_by_seed_and_have_the_range_of_the_data(case):
    model = case.untouched
    samples = case.draw(model, 5, seed=3)
    assert samples.shape == (5, *event(case.x).shape[1:])
    np.testing.assert_array_equal(case.draw(model, 5, seed=3), samples)
    assert np.abs(case.draw(model, 5, seed=4) - samples).max() > 1e-6
    assert np.abs(case.draw(model, 5) - case.draw(model, 5)).max() > 1e-6
    assert case.range[0] <= samples.min() and samples.max() <= case.range[1]


@every_model_of_one_mode
def test_temperature_scales_the_spread_of_codes_and_zero_gives_one_sample(case):
    cold = case.draw(case.untouched, 3, seed=0, temperature=0.0)
    np.testing.assert_allclose(cold, np.stack([cold[0]] * 3), rtol=1e-6, atol=1e-6)


# Serving.


@every_model_slowly
def test_endpoints_are_pure_and_named_as_documented(case):
    model = case.untouched
    endpoints = model.endpoints()
    assert next(iter(endpoints)) == "reconstruct"
    expected = {"reconstruct", "encode", "decode", "score"} | (
        {"sample"} if case.generative else set()
    )
    assert expected <= set(endpoints)
    before = values(model.variables)
    for name, endpoint in endpoints.items():
        # Tensors, since verbs refuse arrays that no row of a table can be.
        arguments = [keras.ops.convert_to_tensor(example(spec)) for spec in endpoint.inputs]
        answer = {k: array(v) for k, v in endpoint.function(*arguments).items()}
        again = {k: array(v) for k, v in endpoint.function(*arguments).items()}
        assert set(answer) >= OUTPUTS[name, case.bounded], name
        assert set(answer).isdisjoint(spec.name for spec in endpoint.inputs), name
        assert all(len(value) == 2 for value in answer.values()), name
        assert_equal(again.values(), answer.values())
    assert_equal(values(model.variables), before)


OUTPUTS = {
    ("reconstruct", False): {"reconstruction"},
    ("reconstruct", True): {"reconstruction"},
    ("encode", False): {"z"},
    ("encode", True): {"z_mean", "z_log_var"},
    ("decode", False): {"reconstruction"},
    ("decode", True): {"reconstruction"},
    ("score", False): {"score", "reconstruction_error"},
    ("score", True): {"score", "reconstruction_error", "kl"},
    ("classify", True): {"probabilities"},
    ("cluster", True): {"probabilities"},
    ("sample", False): {"reconstruction", "z"},
    ("sample", True): {"reconstruction", "z"},
}


def example(spec):
    """Two rows for an input of an endpoint."""
    shape = [2, *(size or 3 for size in spec.shape[1:])]
    numbers = np.random.default_rng(5).random(shape)
    if isinstance(spec, WholeNumbers):
        return np.ceil((spec.count - 1) * numbers).astype(spec.dtype)
    return (4 * numbers).astype(spec.dtype) if "int" in spec.dtype else numbers.astype("float32")


# Configuration.


@every_model
def test_the_configuration_makes_an_equal_model(case):
    model = case.untouched
    config = json.dumps(model.get_config(), default=dict, sort_keys=True)
    twin = type(model).from_config(json.loads(config))
    assert json.dumps(twin.get_config(), default=dict, sort_keys=True) == config
    assert [v.shape for v in twin.weights] == [v.shape for v in model.weights]
    twin.set_weights(model.get_weights())
    x = first(2, case.x)
    np.testing.assert_allclose(array(twin(x)), array(model(x)), rtol=1e-6)


# Helpers.


def seeds(model):
    """The states of all random number generators."""
    weights = {id(v) for v in model.weights}
    return [v for v in model.variables if id(v) not in weights]


def reset(model, states):
    for variable, state in zip(seeds(model), states, strict=True):
        variable.assign(state)
    model.steps.assign(0)


def epoch_means(model, x, y, weights, training):
    """Weighted means of the terms of each example, batch by batch, in NumPy."""
    terms, rows = [], len(weights)
    for start in range(0, rows, BATCH):
        batch = keras.tree.map_structure(lambda a: a[start : start + BATCH], x)  # noqa: B023
        batch = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
        target = keras.ops.convert_to_tensor(y[start : start + BATCH])
        found = model.loss_terms(batch, target, training)
        terms.append({name: array(term) for name, term in found.items()})
    means = {
        name: np.average(np.concatenate([part[name] for part in terms]), weights=weights)
        for name in terms[0]
    }
    return means | ({"elbo": -means["reconstruction"] - means["kl"]} if "kl" in means else {})
