"""Samplers that are transformers: their density, their draws, and their files."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.distributions import choices
from keras_vae.samplers import AutoregressiveSampler, FlowSampler, MaskedSampler, transformer
from tests.support.models import array

RANDOM = np.random.default_rng(0)
SEEDS = kv.random.row_seeds(5, 1)


def sizes(places=4, inputs=3, classes=0, real=False, blocks=2):
    return transformer.Size(places, inputs, inputs, 8, blocks, 2, classes, real)


def sampler(kind, size=None, **settings):
    """A sampler whose weights are random, its outputs too."""
    size = size or sizes(real=kind.is_real)
    random = np.random.default_rng(3)
    weights = {
        name: (part + random.normal(0.0, 0.5, part.shape)).astype("float32")
        for name, part in transformer.initial_weights(size, 0).items()
    }
    return kind(size, weights, **settings)


def test_the_autoregressive_probabilities_of_all_codes_sum_to_1():
    one = sampler(AutoregressiveSampler)
    codes = np.array(list(itertools.product(range(3), repeat=4)))
    nats = array(one.log_prob(codes))
    assert np.exp(nats).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(nats) > 1.0  # They are not all alike.


def test_a_place_depends_on_those_before_it_alone():
    one = sampler(AutoregressiveSampler)
    weights = {k: keras.ops.convert_to_tensor(v) for k, v in one.weights.items()}
    codes = RANDOM.integers(3, size=(1, 4))
    for place in range(4):
        other = codes.copy()
        other[0, place] = (other[0, place] + 1) % 3
        h = [transformer.embed(weights, one.size, np.array(c), None) for c in (codes, other)]
        first, second = (array(transformer.outputs(weights, one.size, x, causal=True)) for x in h)
        np.testing.assert_array_equal(first[:, :place], second[:, :place])
        assert np.abs(first[:, place:] - second[:, place:]).min() > 0


def test_drawn_codes_follow_the_density():
    one = sampler(AutoregressiveSampler, sizes(places=2))
    count = 20_000
    drawn = array(one.draw(kv.random.row_seeds(count, 0), (2,)))
    codes = np.array(list(itertools.product(range(3), repeat=2)))
    wanted = np.exp(array(one.log_prob(codes)))
    found = np.array([(drawn == code).all(axis=1).mean() for code in codes])
    np.testing.assert_allclose(found, wanted, atol=5 * np.sqrt(0.25 / count))


def test_the_cache_gives_the_same_logits_as_the_whole_sequence():
    one = sampler(AutoregressiveSampler)
    drawn = array(one.draw(SEEDS, (4,), temperature=0.0))
    for cold in (1e-30, 1e-45):
        np.testing.assert_array_equal(array(one.draw(SEEDS, (4,), cold)), drawn)
    weights = {k: keras.ops.convert_to_tensor(v) for k, v in one.weights.items()}
    before = np.concatenate([np.full((5, 1), 3), drawn[:, :-1]], axis=1)
    h = transformer.embed(weights, one.size, before, None)
    logits = array(transformer.outputs(weights, one.size, h, causal=True))
    np.testing.assert_array_equal(drawn, logits.argmax(axis=-1))


def test_what_was_drawn_follows_from_itself_and_what_was_not_does_not():
    one = sampler(AutoregressiveSampler, sizes(classes=2), guidance=1.5)
    labels = np.array([0, 1, 2, 0, 1], "int32")
    drawn = array(one.draw(SEEDS, (2, 2), 1.0, labels))
    np.testing.assert_array_equal(array(one.follow(drawn, SEEDS, labels)), drawn)
    other = drawn.copy()
    other[:, 0, 0] = (other[:, 0, 0] + 1) % 3
    found = array(one.follow(other, SEEDS, labels))
    np.testing.assert_array_equal(found[:, 0, 0], drawn[:, 0, 0])
    # The next place follows from the code that was changed, not from the one that was drawn.
    assert (found != drawn).any()


@pytest.mark.parametrize("kind", [AutoregressiveSampler, MaskedSampler, FlowSampler])
def test_a_row_depends_on_its_seed_and_its_class_alone(kind):
    one = sampler(kind, sizes(classes=2, real=kind.is_real))
    shape = (2, 2, 3) if kind.is_real else (2, 2)
    labels = np.array([0, 1, 2, 0, 1], "int32")
    whole = array(one.draw(SEEDS, shape, 1.0, labels, 2.0))
    assert whole.shape == (5, *shape)
    for i in range(5):
        alone = array(one.draw(SEEDS[i : i + 1], shape, 1.0, labels[i : i + 1], 2.0))
        np.testing.assert_allclose(alone[0], whole[i], atol=1e-4)
    tensors = keras.ops.convert_to_tensor(SEEDS)
    again = array(one.draw(tensors, shape, 1.0, keras.ops.convert_to_tensor(labels), 2.0))
    np.testing.assert_allclose(again, whole, atol=1e-4)


@pytest.mark.parametrize("kind", [AutoregressiveSampler, MaskedSampler, FlowSampler])
def test_guidance_of_0_forgets_the_class_and_1_is_that_of_the_data(kind):
    one = sampler(kind, sizes(classes=2, real=kind.is_real))
    shape = (4, 3) if kind.is_real else (4,)
    given = np.zeros(5, "int32"), np.full(5, 2, "int32")  # A class, and any class.
    some, of_any = (array(one.draw(SEEDS, shape, 1.0, labels, 1.0)) for labels in given)
    np.testing.assert_allclose(array(one.draw(SEEDS, shape)), of_any, atol=1e-5)
    np.testing.assert_allclose(array(one.draw(SEEDS, shape, 1.0, given[0], 0.0)), of_any, atol=1e-4)
    assert np.abs(some - of_any).max() > 0.1
    strong = dataclasses.replace(one, guidance=3.0)
    np.testing.assert_allclose(
        array(strong.draw(SEEDS, shape, 1.0, given[0])),
        array(one.draw(SEEDS, shape, 1.0, given[0], 3.0)),
    )


def test_masked_rounds_end_with_all_places_and_begin_with_few():
    one = sampler(MaskedSampler, sizes(places=49), rounds=8)
    kept = one.kept_places()
    assert kept[-1] == 49 and kept[0] == 49 - int(49 * np.cos(np.pi / 16))
    assert kept == sorted(kept)
    drawn = array(one.draw(SEEDS, (7, 7)))
    assert drawn.dtype == "int32" and drawn.min() >= 0 and drawn.max() <= 2


def test_a_masked_code_is_drawn_at_once_from_independent_places():
    # Without blocks a place reads itself alone: one round gives independent draws.
    one = sampler(MaskedSampler, sizes(places=2, blocks=0), rounds=1)
    weights = {k: keras.ops.convert_to_tensor(v) for k, v in one.weights.items()}
    h = transformer.embed(weights, one.size, np.full((1, 2), 3), None)
    p = array(keras.ops.softmax(transformer.outputs(weights, one.size, h)))[0]
    drawn = array(one.draw(kv.random.row_seeds(20_000, 2), (2,)))
    for place, code in itertools.product(range(2), range(3)):
        assert (drawn[:, place] == code).mean() == pytest.approx(p[place, code], abs=0.02)


def test_a_flow_with_a_constant_velocity_moves_noise_by_it():
    size = sizes(places=1, inputs=2, real=True, blocks=0)
    weights = transformer.initial_weights(size, 0)
    weights["output_bias"] = np.array([3.0, -1.0], "float32")
    mean, scale = np.array([[1.0, 2.0]], "float32"), np.array([[2.0, 0.5]], "float32")
    flow = FlowSampler(size, weights, mean=mean, scale=scale, rounds=3)
    noise = array(kv.random.standard_normal(SEEDS, 2))
    wanted = mean + scale * (0.5 * noise + [3.0, -1.0])
    np.testing.assert_allclose(array(flow.draw(SEEDS, (2,), 0.5)), wanted, atol=1e-5)


def test_choices_by_uniform_numbers_are_those_of_searchsorted():
    logits = RANDOM.normal(size=(6, 5)).astype("float32")
    chance = RANDOM.uniform(size=6).astype("float32")
    p = np.exp(logits.astype("float64"))
    sums = np.cumsum(p / p.sum(axis=1, keepdims=True), axis=1)
    wanted = [np.searchsorted(s, u, side="right") for s, u in zip(sums, chance, strict=True)]
    np.testing.assert_array_equal(array(choices.by_uniform(logits, chance)), wanted)
    np.testing.assert_array_equal(array(choices.most_likely(logits)), logits.argmax(axis=1))
    np.testing.assert_array_equal(array(choices.by_uniform(logits, np.ones(6, "float32"))), 4)
    found = array(choices.log_prob(logits, np.array(wanted)))
    np.testing.assert_allclose(found, np.log(p / p.sum(1, keepdims=True))[range(6), wanted], 1e-4)


def test_uniform_numbers_are_uniform_and_stay_inside():
    import scipy.stats

    found = array(kv.random.uniform(kv.random.row_seeds(200, 0), 50)).ravel()
    assert 0.0 < found.min() and found.max() < 1.0
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01
    first = array(kv.random.uniform(SEEDS, 3))
    np.testing.assert_array_equal(first, array(kv.random.uniform(SEEDS, 5))[:, :3])


def test_the_top_logits_have_the_chances_of_a_truncated_distribution():
    logits = RANDOM.normal(size=(50, 6)).astype("float32")
    kept = array(choices.keep_top(keras.ops.convert_to_tensor(logits), 3)).astype("float64")
    chances = np.exp(kept - kept.max(1, keepdims=True))
    for row, found in zip(logits.astype("float64"), chances, strict=True):
        wanted = np.zeros(6)
        top = np.argsort(row)[-3:]
        wanted[top] = np.exp(row[top]) / np.exp(row[top]).sum()
        np.testing.assert_allclose(found / found.sum(), wanted, atol=1e-6)


def test_autoregressive_codes_of_the_top_follow_the_truncated_density():
    """Of two integers a place, each with its chance among the two given the one before."""
    one = sampler(AutoregressiveSampler, sizes(places=2))
    drawn = array(one.draw(kv.random.row_seeds(20_000, 0), (2,), top_k=2))
    codes = np.array(list(itertools.product(range(3), repeat=2)))
    joint = np.exp(array(one.log_prob(codes))).astype("float64").reshape(3, 3)
    first, second = joint.sum(1), joint / joint.sum(1, keepdims=True)
    first[first.argmin()] = 0.0
    second[np.arange(3), second.argmin(1)] = 0.0
    wanted = (first / first.sum())[:, None] * second / second.sum(1, keepdims=True)
    found = np.zeros((3, 3))
    np.add.at(found, tuple(drawn.T), 1 / len(drawn))
    assert (found[wanted == 0.0] == 0.0).all()
    np.testing.assert_allclose(found, wanted, atol=0.015)


@pytest.mark.parametrize("kind", [AutoregressiveSampler, MaskedSampler])
def test_the_top_1_is_temperature_0_and_the_top_of_all_is_no_limit(kind):
    one = sampler(kind)
    cold = {"rounds": 1} if kind is MaskedSampler else {}
    one = dataclasses.replace(one, **cold)
    np.testing.assert_array_equal(
        array(one.draw(SEEDS, (4,), top_k=1)), array(one.draw(SEEDS, (4,), temperature=0.0))
    )
    np.testing.assert_array_equal(
        array(one.draw(SEEDS, (4,), top_k=3)), array(one.draw(SEEDS, (4,)))
    )


def test_top_k_is_refused_where_it_means_nothing():
    with pytest.raises(TypeError, match="no top_k: codes of this FlowSampler are real"):
        sampler(FlowSampler, mean=0.0, scale=1.0).draw(SEEDS, (4, 3), top_k=2)
    with pytest.raises(ValueError, match="top_k of at most 3.*Received: 4"):
        sampler(MaskedSampler).draw(SEEDS, (4,), top_k=4)
    with pytest.raises(ValueError, match="top_k to be an integer|top_k"):
        sampler(MaskedSampler).draw(SEEDS, (4,), top_k=0)
    model = kv.VAE(*kv.nets.dense((6,), 2, (5,), heads=2))
    with pytest.raises(TypeError, match="no top_k: the model has no sampler of integer codes"):
        model.sample(2, top_k=3)


@pytest.mark.parametrize("make", [lambda model: model, lambda model: kv.Compiled(model)])
def test_a_model_draws_from_the_top_of_its_prior(make):
    model = kv.VQVAE(*kv.nets.conv_map((4, 4, 1), 2, (2,)), codebook_size=3, seed=0)
    model.sampler = sampler(AutoregressiveSampler)
    model, settings = make(model), ({"top_k": 1}, {"temperature": 0.0}, {})
    top, cold, free = (array(model.sample(9, seed=0, **given)) for given in settings)
    np.testing.assert_array_equal(top, cold)
    assert np.ptp(top, axis=0).max() == 0.0 < np.ptp(free, axis=0).max()
