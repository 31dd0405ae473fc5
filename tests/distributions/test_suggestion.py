"""`suggest` names a likelihood whose support has the data, by the kind of their values."""

import re

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.distributions import FAMILIES, suggest

random = np.random.default_rng(0)
GRAY = random.integers(0, 256, (20, 6, 6, 1)) / 255
CASES = {
    "binary": (random.integers(0, 2, (20, 6, 6, 1)), "bernoulli", "0 or 1"),
    "gray": (GRAY, "bernoulli", "gray"),
    "color": (random.random((20, 6, 6, 3)), "bernoulli", "color"),
    "bytes": (np.uint8(255 * GRAY), "bernoulli", "divide them by 255"),
    "one-hot": (np.eye(5)[random.integers(0, 5, (20, 7))], "categorical", "one-hot"),
    "counts": (random.poisson(9, (200, 4)), "poisson", "counts"),
    "dispersed counts": (random.negative_binomial(2, 0.1, (200, 4)), "negative_binomial", "more"),
    "integers": (random.integers(-9, 9, (20, 4)), "normal_learned_scale", "both signs"),
    "real": (random.normal(size=(200, 4)), "normal_learned_scale", "real"),
    "outliers": (random.standard_cauchy((200, 4)), "laplace", "outliers"),
    "fractions": (random.random((20, 4)), "normal_learned_scale", "no pixels"),
    "large": (1_000_003 * np.arange(80).reshape(20, 4), "negative_binomial", "divide them first"),
}


FLAT = np.random.default_rng(1)
AMOUNTS = {
    "log-normal": (FLAT.lognormal(3, 1.5, (500, 4)), "log_normal"),
    "narrow log-normal": (FLAT.lognormal(3, 0.7, (500, 4)), "log_normal"),
    "gamma": (FLAT.gamma(2, 50, (500, 4)), "gamma"),
    "exponential": (FLAT.exponential(9, (500, 4)), "gamma"),
    "one constant": (FLAT.gamma(2, [50.0, 1e-9], (500, 2)) + [0.0, 3.0], "gamma"),
    "heights": (FLAT.normal(170, 10, (500, 4)), "normal_learned_scale"),
    "uniform": (FLAT.uniform(1, 100, (500, 4)), "normal_learned_scale"),
    "zeros too": (FLAT.gamma(2, 50, (500, 4)) * (FLAT.random((500, 4)) < 0.9), "normal"),
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_amounts_above_0_get_a_distribution_of_amounts(name):
    x, expected = AMOUNTS[name]
    likelihood, reason = suggest(x)
    assert likelihood.startswith(expected)
    assert ("amounts above 0" in reason) == (expected in ("gamma", "log_normal"))


@pytest.mark.parametrize("largest", [0, 1_000_000, 1_234_567, 16_777_216, 16_777_217])
def test_the_number_of_trials_is_a_name_that_exists(largest):
    x = np.zeros((20, 4))
    x[3, 1] = largest
    named = re.findall(r'"(beta_binomial_\S*)"', suggest(x)[1])
    assert len(named) == (0 < largest <= 2**24)
    for name in named:
        assert kv.distributions.get(name).trials == largest


@pytest.mark.parametrize("name", ["counts", "dispersed counts", "real", "binary"])
def test_gaps_do_not_change_the_likelihood(name):
    x, expected, _ = CASES[name]
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.3, np.nan, x)
    x[:, -1] = np.nan
    likelihood, reason = suggest(np.asfortranarray(x))
    assert likelihood == expected and "FillGaps" in reason
    assert np.isnan(x).any()


@pytest.mark.parametrize("name", CASES)
def test_the_likelihood_and_the_reason(name):
    x, expected, word = CASES[name]
    likelihood, reason = suggest(x)
    assert likelihood == expected and word in reason
    if name != "bytes":
        low, high = FAMILIES[likelihood].support
        assert low <= x.min() and x.max() <= high


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32"])
def test_whole_numbers_in_two_axes_may_be_tokens_too(dtype):
    x = random.integers(0, 30, (20, 8)).astype(dtype)
    x[0, 0] = 30
    name, reason = suggest(x)
    assert name == "negative_binomial" and "counts" in reason
    assert ("vocabulary_size=31" in reason) == (dtype != "float32")
    for other in (x.astype("int32") - 9, x > 3):
        assert "vocabulary_size" not in suggest(other)[1]


def test_a_source_of_batches_is_taken_too():
    class Source(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (GRAY[10 * index : 10 * index + 10],)

    assert suggest(Source()) == suggest(GRAY)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((2, 3), np.nan), "Expected x of finite numbers"),
        (np.zeros((0, 3)), "without values"),
        (np.zeros(3), r"of shape \(count"),
        (np.array([["a"]]), "Expected x of numbers"),
    ],
)
def test_other_data_are_refused(x, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        suggest(x)
    assert isinstance(error.value, kv.errors.KerasVAEError)


def test_the_first_of_several_inputs_is_looked_at():
    x, mask = np.full((50, 8, 2), 0.5, "float32"), np.ones((50, 8), "float32")
    assert suggest((x, mask)) == suggest(x)


def test_lists_of_numbers_are_refused():
    with pytest.raises(TypeError, match="Expected x of arrays or tensors"):
        suggest([[0.1, 0.2], [0.3, 0.4]])
