"""Thresholds against SciPy's generalized Pareto, order statistics by hand, and simulation."""

import math

import numpy as np
import pytest
import scipy.signal
import scipy.stats

from keras_vae.anomalies import ParetoTail, fit_pareto, p_values
from keras_vae.anomalies.thresholds import false_positive_rate, quantile, tail

SHAPES = [-0.4, -0.1, 0.0, 0.3, 1.5]


def drawn(shape, count=400):
    return scipy.stats.genpareto(shape, scale=3.0).rvs(count, random_state=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_fitted_tail_is_as_likely_as_that_of_scipy(shape):
    y = drawn(shape)
    found = fit_pareto(y)
    theirs = scipy.stats.genpareto.fit(y, floc=0)
    mine = scipy.stats.genpareto.logpdf(y, found.shape, 0, found.scale).sum()
    assert mine >= scipy.stats.genpareto.logpdf(y, *theirs).sum() - 1e-6
    assert (found.shape, found.scale) == pytest.approx((theirs[0], theirs[2]), rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_excess_of_a_probability_is_that_of_scipy(shape):
    tail, oracle = ParetoTail(shape, 3.0), scipy.stats.genpareto(shape, scale=3.0)
    for probability in (0.5, 1e-3, 1e-8):
        assert tail.excess(probability) == pytest.approx(oracle.isf(probability), rel=1e-9)


def test_the_tail_of_scipys_maximum_likelihood_gives_the_same_threshold():
    scores = np.random.default_rng(0).gamma(2.0, size=5000)
    start = np.sort(scores)[4899]  # 0.98 of 5000
    excesses = scores[scores > start] - start
    shape, _, scale = scipy.stats.genpareto.fit(excesses, floc=0)
    wanted = start + scipy.stats.genpareto(shape, scale=scale).isf(1e-4 * 5000 / len(excesses))
    found = tail(scores, 1e-4)
    assert found.value == pytest.approx(wanted, rel=1e-3)
    assert (found.method, found.asked, found.examples) == ("tail", 1e-4, 5000)


def test_the_tail_reaches_rates_that_were_never_seen():
    """Of an exponential the true score is -log(rate); the mean over data sets must be near it."""
    random = np.random.default_rng(3)
    found = [tail(random.exponential(size=4000), 1e-5).value for _ in range(60)]
    assert np.median(found) == pytest.approx(-math.log(1e-5), rel=0.12)


@pytest.mark.parametrize(("count", "rate"), [(9, 0.1), (19, 0.05), (99, 0.01), (37, 0.2)])
def test_a_false_positive_rate_is_the_conformal_order_statistic(count, rate):
    scores = np.random.default_rng(count).permutation(count) + 1.0
    rank = math.ceil(round((1 - rate) * (count + 1), 9))
    assert false_positive_rate(scores, rate).value == rank


@pytest.mark.parametrize(("count", "rate"), [(9, 0.1), (30, 0.25)])
def test_the_false_positive_rate_holds_for_few_examples_and_any_distribution(count, rate):
    """Over draws of held-out and new examples: between rate - 1 / (n + 1) and rate."""
    random, trials = np.random.default_rng(5), 20_000
    scores = np.exp(3 * random.standard_normal((trials, count + 1))).astype("float32")
    alarms = [row[-1] > false_positive_rate(row[:-1], rate).value for row in scores]
    error = 4 * math.sqrt(rate / trials)
    assert rate - 1 / (count + 1) - error < np.mean(alarms) < rate + error


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.9, 1.0])
def test_a_quantile_is_the_least_score_with_that_share_below(fraction):
    scores = np.random.default_rng(1).permutation(100) + 1.0
    value = quantile(scores, fraction).value
    assert np.mean(scores <= value) >= fraction > np.mean(scores <= value - 1)


def test_values_are_those_of_float32_scores():
    scores = np.random.default_rng(0).random(2000).astype("float32")
    for found in (quantile(scores, 0.9), false_positive_rate(scores, 0.1), tail(scores, 0.001)):
        assert np.float32(found.value) == found.value
    assert quantile(scores, 0.9).value in scores


@pytest.mark.parametrize(
    ("function", "scores", "rate", "message"),
    [
        (false_positive_rate, np.arange(98.0), 0.01, "at least 99 held-out.*Received: 98.*tail="),
        (false_positive_rate, np.arange(9.0), 1.0, "between 0 and 1. Received: 1.0"),
        (quantile, np.arange(9.0), 0.0, "above 0, at most 1. Received: 0.0"),
        (quantile, np.zeros((0,)), 0.5, "at least one held-out example. Received: 0"),
        (quantile, np.array([1.0, np.nan]), 0.5, "finite scores.*Received: 2, 1 of them NaN"),
        (tail, np.arange(400.0), 0.001, "at least 10.*about 500 examples. Received: 8 of 400"),
        (tail, np.arange(900.0), 0.5, "tail below 1 - level.*false_positive_rate="),
        (tail, np.ones(900), 0.001, "at least 10.*Received: 0 of 900"),
    ],
)
def test_what_no_threshold_follows_from_is_refused(function, scores, rate, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        function(scores, rate)


@pytest.mark.parametrize("excesses", [np.ones(9), np.append(np.ones(9), 0.0), [np.inf] * 12])
def test_excesses_that_are_no_excesses_are_refused(excesses):
    with pytest.raises(ValueError, match="at least 10 excesses, finite and above 0"):
        fit_pareto(excesses)


def slow_series(random, count):
    """Scores that forget half of their past in 14 steps: a moving sum of squares of an AR(1)."""
    noise = random.standard_normal(count + 400)
    series = scipy.signal.lfilter([1.0], [1.0, -0.95], noise)[300:]
    return np.convolve(series**2, np.ones(10), "valid")[:count]


@pytest.mark.parametrize(("blocks", "rate"), [(9, 0.1), (20, 0.1)])
def test_blocks_keep_the_false_positive_rate_of_dependent_examples(blocks, rate):
    """Of independent recordings of 40 overlapping windows each, of which the last is new."""
    random, trials, size = np.random.default_rng(7), 1500, 40
    plain, by_block = [], []
    for _ in range(trials):
        scores = [slow_series(random, size) for _ in range(blocks + 1)]
        held_out, new = np.concatenate(scores[:-1]), scores[-1][random.integers(size)]
        plain.append(new > false_positive_rate(held_out, rate).value)
        by_block.append(new > false_positive_rate(held_out, rate, size).value)
    error = 4 * math.sqrt(rate / trials)
    assert np.mean(by_block) < rate + error
    assert np.mean(plain) > np.mean(by_block)


def test_blocks_that_are_copies_count_once():
    """Of scores that come in b copies, the threshold is that of the m different ones."""
    random, rate, size = np.random.default_rng(0), 0.13, 7
    for _ in range(20):
        different = random.standard_normal(29)
        copies = np.repeat(different, size)
        assert (
            false_positive_rate(copies, rate, size).value
            == false_positive_rate(different, rate).value
        )
    alarms = []
    for _ in range(4000):
        different = random.standard_normal(10)
        held_out = np.repeat(different[:-1], size)
        found = [false_positive_rate(held_out, rate, b).value for b in (1, size)]
        alarms.append(different[-1] > found)
    plain, by_block = np.mean(alarms, axis=0)
    error = 4 * math.sqrt(rate / 4000)
    # Of 9 different scores, the largest is exceeded by 1 in 10, and the second largest by 2.
    assert abs(by_block - 0.1) < error and abs(plain - 0.2) < 2 * error


def test_blocks_are_counted_in_the_refusal():
    with pytest.raises(
        ValueError, match="at least 9 held-out blocks of at least 5 ex.*Received: 8"
    ):
        false_positive_rate(np.arange(44.0), 0.1, 5)
    with pytest.raises(ValueError, match="block_size of at least 1"):
        false_positive_rate(np.arange(44.0), 0.1, 0)


def test_p_values_are_shares_of_held_out_scores_that_are_not_below():
    random = np.random.default_rng(0)
    held_out = random.integers(0, 6, 50).astype("float64")  # With ties.
    scores = np.append(np.arange(-1.0, 8.0), np.nan)
    wanted = [(1 + sum(one >= score for one in held_out)) / 51 for score in scores[:-1]]
    np.testing.assert_allclose(p_values(scores, held_out), [*wanted, np.nan])
    assert p_values(np.inf, held_out) == 1 / 51
    np.testing.assert_array_equal(p_values(scores[:4].reshape(2, 2), held_out).ravel(), wanted[:4])
    with pytest.raises(ValueError, match="finite held_out of at least one held-out example"):
        p_values(scores, [np.nan])


def test_an_example_is_flagged_at_a_rate_if_its_p_value_is_at_most_that():
    random = np.random.default_rng(0)
    held_out, scores = random.normal(size=(2, 4000)).astype("float32").astype("float64")
    p = p_values(scores, held_out)
    for rate in (0.01, 0.05, 0.2):
        flagged = scores > false_positive_rate(held_out, rate).value
        np.testing.assert_array_equal(flagged, p <= rate)
        assert np.mean(p <= rate) == pytest.approx(rate, abs=4 * np.sqrt(rate / 2000))
