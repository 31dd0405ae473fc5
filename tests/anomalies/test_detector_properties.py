"""Detectors use what they are given as documented, or refuse it."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st

import keras_vae as kv
from tests.support import linear
from tests.support.borders import (
    DEPTHS,
    ODD,
    SMALL,
    attempt,
    explore,
    is_real,
    is_whole,
    reals,
    whole,
    words,
)
from tests.support.models import uniform, values
from tests.validation.test_argument_properties import WRITTEN

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def detector():
    return kv.AnomalyDetector(linear.autoencoder())


def scores_of(model, x):
    encoder, bias, decoder, out = (p.astype("float64") for p in values(model.trainable_variables))
    return (((x @ encoder + bias) @ decoder + out - x) ** 2 + np.log(2 * np.pi)).sum(1) / 2


HELD_OUT = uniform(40, linear.FEATURES, seed=5)


@DEPTHS
def test_a_threshold_has_the_quantile_or_the_rate_asked_for(detector, examples):
    scores = np.sort(scores_of(detector.model, HELD_OUT.astype("float64")))

    def check(method, value, level, block_size, batch_size):
        options = {"level": level, "block_size": block_size, "batch_size": batch_size}
        good = is_real(value) and all(v is None or is_whole(v) for v in (block_size, batch_size))
        if method == "quantile":
            good = good and level is None and block_size is None and 0 < value <= 1
        elif method == "tail":
            good = good and block_size is None and is_level(level, value, scores)
        else:
            good = good and level is None and 0 < value < 1
            good = good and 1 / value - 1 <= max(40 // int(block_size or 1), 1) + 1e-6
        detector.threshold = None
        found = attempt(
            lambda: detector.fit_threshold(HELD_OUT, **{method: value}, **options), good
        )
        assert (detector.threshold is None) == (found is None)
        if found is not None and method == "quantile":
            wanted = scores[max(math.ceil(value * 40 - 1e-9), 1) - 1]
            assert found.value == pytest.approx(wanted, rel=1e-4)
        elif found is not None and method != "tail" and block_size in (None, 1):
            place = math.ceil((1 - value) * 41 - 1e-9)
            assert found.value == pytest.approx(scores[max(place, 1) - 1], rel=1e-4)
        elif found is not None:
            assert found.asked == value and found.method == method

    odd = [value for value in ODD if value is not None]
    explore(
        examples,
        check,
        method=st.sampled_from(["quantile", "false_positive_rate", "tail"]),
        value=reals(0.05, 0.1, 0.5, 0.975, 1.0, 0.0, -0.1, 1, np.float32(0.25), odd=odd),
        level=reals(None, None, None, 0.5, 0.7, 0.98, 1.0),
        block_size=st.one_of(st.none(), st.none(), whole(0, 41)),
        batch_size=st.one_of(st.none(), st.sampled_from([7, 64]), st.sampled_from(SMALL)),
    )


def is_level(level, rate, scores):
    level = 0.98 if level is None else level
    if not is_real(level) or not 0 < level < 1 or not 0 < rate < 1 - level:
        return False
    return (scores > np.quantile(scores, level, method="inverted_cdf")).sum() >= 10


SETTINGS = {"likelihood": {"samples", "seed"}, "latent": {"neighbors"}}
DEFAULTS = {"samples": 16, "neighbors": None, "seed": 0}


@DEPTHS
def test_settings_are_kept_by_a_score_that_uses_them(examples):
    models = [linear.autoencoder(), linear.vae()]

    def check(number, score, samples, neighbors, seed, per):
        given = {"samples": samples, "neighbors": neighbors, "seed": seed}
        known = ("reconstruction", "latent", "elbo", "likelihood")[: 4 if number else 2]
        good = isinstance(score, str) and score in known
        good = good and is_whole(samples) and is_whole(seed, 0) and seed < 2**32
        good = good and (neighbors is None or is_whole(neighbors))
        unused = set(given) - SETTINGS.get(score if good else "", set())
        good = good and all(given[name] == DEFAULTS[name] for name in unused)
        good = good and per in (None, "example")
        found = attempt(lambda: kv.AnomalyDetector(models[number], score, **given, per=per), good)
        if found is not None:
            assert {name: getattr(found, name) for name in given} == given
            assert found.score_name == score

    explore(
        examples,
        check,
        number=st.sampled_from([0, 1, 1]),
        score=words("reconstruction", "elbo", "likelihood", "latent"),
        samples=st.one_of(st.just(16), st.just(16), whole(0, 20)),
        neighbors=st.one_of(st.none(), st.none(), whole(0, 5)),
        seed=st.one_of(st.just(0), st.just(0), whole(-1, 5)),
        per=st.sampled_from([None, None, None, "example", "step", "row", 3, ["step"]]),
    )


PLAIN = ("as it is", "in columns", "read-only", "a tensor")
WRONG = ("objects", "text", "complex", "one column less", "one axis more")


@DEPTHS
def test_scores_and_decisions_are_those_of_the_rows(detector, examples):
    def check(rows, written, batch_size, threshold):
        x, given = HELD_OUT[:rows], WRITTEN[written](HELD_OUT[:rows])
        good = written not in WRONG and (batch_size is None or is_whole(batch_size))
        plain = good and written in PLAIN
        predict = lambda: detector.predict(given, batch_size=batch_size, verbose=0)  # noqa: E731
        found = attempt(predict, good, plain)
        if found is not None:
            wanted = scores_of(detector.model, x[written == "one row less" :].astype("float64"))
            np.testing.assert_allclose(found, wanted, rtol=1e-4)
        right = is_real(threshold) and abs(threshold) < 3e38
        detector.threshold = None
        assign = lambda: setattr(detector, "threshold", threshold) or True  # noqa: E731
        attempt(assign, right or threshold is None)
        if right and found is not None:
            flags = detector.is_anomaly(given, batch_size=batch_size)
            np.testing.assert_array_equal(flags, found > np.float32(threshold))

    explore(
        examples,
        check,
        rows=st.sampled_from([2, 5]),
        written=st.sampled_from([*PLAIN, *WRITTEN]),
        batch_size=st.one_of(st.none(), whole(0, 3, SMALL)),
        threshold=reals(4.0, 4, np.float32(3.5), -1.0, 10**6),
    )
