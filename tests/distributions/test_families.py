"""What a family says about decoders, and densities of padded sequences against NumPy."""

import keras
import numpy as np
import pytest
import scipy.special
import scipy.stats

from keras_vae import distributions as d

HEADS = {
    "bernoulli": ["logits"],
    "beta_binomial": ["log_alpha", "log_beta"],
    "categorical": ["logits"],
    "continuous_bernoulli": ["logits"],
    "discretized_logistic": ["location", "log_scale"],
    "gamma": ["log_mean", "log_shape"],
    "laplace": ["mean"],
    "log_normal": ["location", "log_scale"],
    "negative_binomial": ["log_mean", "log_dispersion"],
    "normal": ["mean"],
    "normal_learned_scale": ["mean"],
    "normal_per_element": ["mean", "log_var"],
    "poisson": ["log_rate"],
    "student_t": ["mean", "log_scale", "log_freedom"],
    "von_mises": ["angle", "log_concentration"],
    "zero_inflated_negative_binomial": ["log_mean", "log_dispersion", "zero_logits"],
    "zero_inflated_poisson": ["log_rate", "zero_logits"],
}


def numbers(x):
    return keras.ops.convert_to_numpy(x).astype("float64")


@pytest.mark.parametrize("name", HEADS)
def test_a_family_takes_one_output_for_each_of_its_parameters(name):
    family, count = d.get(name), len(HEADS[name])
    assert [n for n in range(5) if family.accepts(n)] == [count]
    assert family.output_names(count) == HEADS[name]


def test_a_mixture_takes_three_outputs_for_each_component():
    family = d.DiscretizedLogisticMixture
    assert [n for n in range(10) if family.accepts(n)] == [3, 6, 9]
    assert family.output_names(6) == 2 * ["logits"] + 2 * ["location"] + 2 * ["log_scale"]


def test_supports_are_those_of_pixels_and_of_the_line():
    pixels = {name for name in d.FAMILIES if d.get(name).support == (0.0, 1.0)}
    line = {name for name in d.FAMILIES if d.get(name).support == (-np.inf, np.inf)}
    assert line == {
        *("laplace", "normal", "normal_learned_scale", "normal_per_element", "student_t")
    }
    counts = {name for name in d.FAMILIES if d.get(name).whole}
    assert {d.get(name).support for name in counts} == {(0.0, np.inf), (0.0, 255.0)}
    others = {"gamma": 0.0, "log_normal": 0.0, "von_mises": -2 * np.pi}
    assert {n: pytest.approx(d.get(n).support[0]) for n in others} == others
    assert pixels | line | counts | set(others) == set(d.FAMILIES)
    assert d.Autoregressive.of(7).support == (0.0, 6.0)


def test_two_classes_are_enough_and_one_is_refused():
    p = d.Categorical(np.log([[0.25, 0.75]]))
    assert numbers(p.log_prob(np.array([[1.0, 0.0]]))) == pytest.approx(np.log(0.25))
    assert numbers(p.mean) == pytest.approx(np.array([[0.25, 0.75]]))
    for shape in ((1, 1), (2, 3, 1)):
        with pytest.raises(ValueError, match="at least two classes"):
            d.Categorical(np.zeros(shape))
    assert d.Categorical(np.zeros((1, 1, 2))).mean.shape == (1, 1, 2)


def test_probabilities_are_told_from_densities():
    probabilities = {
        *("beta_binomial", "bernoulli", "categorical", "discretized_logistic"),
        *("discretized_logistic_mixture", "negative_binomial", "poisson"),
        *("zero_inflated_negative_binomial", "zero_inflated_poisson"),
    }
    assert {name for name in d.FAMILIES if not d.get(name).continuous} == probabilities


def test_log_scales_are_clipped_to_what_float32_can_represent():
    wild = np.array([[-1e4, -8.5, 0.5, 4.5, 1e4]])
    assert numbers(d.Normal(0 * wild, wild).log_var).tolist() == [[-30.0, -8.5, 0.5, 4.5, 20.0]]
    clipped = [[-8.0, -8.0, 0.5, 4.0, 4.0]]
    assert numbers(d.DiscretizedLogistic(0 * wild, wild).log_scale).tolist() == clipped
    mixture = d.DiscretizedLogisticMixture(0 * wild, 0 * wild, wild)
    assert numbers(mixture.log_scale)[..., 0].tolist() == clipped


# Padding.

MEAN = np.array([[0.5, -1.0, 2.0], [1.5, 0.0, -2.0]])[..., None]
MASK = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def test_the_log_density_of_a_padded_sequence_is_the_sum_over_its_real_steps():
    x = np.array([[0.0, 1.0, np.nan], [2.0, np.inf, 5.0]])[..., None]
    found = d.Masked(d.Normal(MEAN), MASK).log_prob(x)
    density = scipy.stats.norm(MEAN[..., 0], 1.0).logpdf(x[..., 0])
    expected = [density[0, :2].sum(), density[1, :1].sum()]
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-6)


def test_means_and_samples_are_zero_in_padding_and_of_the_density_elsewhere():
    p = d.Masked(d.Normal(MEAN, np.full_like(MEAN, -30.0)), MASK)
    expected = MEAN * MASK[..., None]
    np.testing.assert_allclose(numbers(p.mean), expected, rtol=1e-6)
    np.testing.assert_allclose(numbers(p.sample(0)), expected, atol=1e-5)


def test_sequences_of_numbers_need_no_axis_of_features():
    p = d.Masked(d.Normal(MEAN[..., 0]), MASK)
    np.testing.assert_allclose(numbers(p.mean), MEAN[..., 0] * MASK, rtol=1e-6)


# Tokens, each given the one before it.

FIRST = np.array([0.2, 0.5, 0.3])
NEXT = np.array([[0.1, 0.7, 0.2], [0.3, 0.1, 0.6], [0.25, 0.35, 0.4]])


def chain(tokens):
    """Logits of a Markov chain, whose steps depend on the token before them."""
    table = keras.ops.convert_to_tensor(np.log(NEXT), "float32")
    begin = keras.ops.convert_to_tensor(np.log(FIRST), "float32")
    later = keras.ops.take(table, tokens[:, :-1], axis=0)
    begin = keras.ops.broadcast_to(begin, (tokens.shape[0], 1, 3))
    return keras.ops.concatenate([begin, later], axis=1)


def test_the_probability_of_tokens_is_the_product_along_the_chain():
    tokens = np.array([[1, 2, 0, 0], [0, 1, 1, 2]])
    found = numbers(d.Autoregressive(chain, np.zeros((2, 4))).element_log_prob(tokens))
    expected = [
        [FIRST[t[0]], *(NEXT[a, b] for a, b in zip(t, t[1:], strict=False))] for t in tokens
    ]
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-5)


def test_the_mean_follows_the_most_probable_token_of_each_step():
    found = d.Autoregressive(chain, np.ones((2, 5))).mean
    assert numbers(found).tolist() == 2 * [[1, 2, 2, 2, 2]]


def test_free_running_reaches_the_last_step_if_each_changes_the_next():
    def count(tokens):
        """The next token is one more than the one before it."""
        later = keras.ops.one_hot(tokens[:, :-1] + 1, 9)
        first = keras.ops.one_hot(tokens[:, :1] * 0, 9)
        return 50.0 * keras.ops.concatenate([first, later], axis=1)

    found = d.Autoregressive(count, np.full((1, 8), 3)).mean
    assert numbers(found).tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_sampled_tokens_are_the_quantiles_of_their_noise(dtype, monkeypatch):
    noise = np.array([[0.1, 0.05, 0.75, 1.0], [0.25, 0.39, 0.99, 0.0]], "float32")
    monkeypatch.setattr(
        keras.random,
        "uniform",
        lambda shape, **given: keras.ops.convert_to_tensor(noise),
    )
    p = d.Autoregressive(lambda t: keras.ops.cast(chain(t), dtype), np.zeros((2, 4)))
    found = numbers(p.sample(0)).astype(int)
    for tokens, u in zip(found, noise, strict=True):
        probabilities = [FIRST, *NEXT[tokens[:-1]]]
        steps = [
            min(int((np.cumsum(p).astype("float32") <= v).sum()), 2)
            for p, v in zip(probabilities, u, strict=True)
        ]
        assert tokens.tolist() == steps
