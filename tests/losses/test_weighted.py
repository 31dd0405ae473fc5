"""The loss of a term under each kind of weight, against sums by hand."""

import keras
import numpy as np
import pytest

from keras_vae.losses.controllers import Capacity, Controller, FreeBits, Geco
from keras_vae.losses.schedules import LinearWarmUp
from keras_vae.losses.weights import _are_equal, weigh_term

TERM = np.array([1.0, 2.0, 6.0], "float32")
ROWS = np.array([0.0, 1.0, 3.0], "float32")


def loss(weight, rows=None, step=0, training=False):
    tensors = [None if a is None else keras.ops.convert_to_tensor(a) for a in (TERM, rows)]
    return keras.ops.convert_to_numpy(weigh_term(weight, *tensors, step, training))


def test_no_weight_is_one_a_number_scales_and_a_schedule_is_asked_for_the_step():
    assert loss(None).tolist() == [1.0, 2.0, 6.0]
    assert loss(keras.Variable(0.5)).tolist() == [0.5, 1.0, 3.0]
    assert loss(LinearWarmUp(10, end=4.0), step=5).tolist() == [2.0, 4.0, 12.0]


def test_weights_are_equal_if_they_are_equal_numbers_or_the_same_object():
    schedule, other = LinearWarmUp(10), LinearWarmUp(10)
    for one, two in ((4, 4.0), (1e9, float("1e9")), (schedule, schedule)):
        assert _are_equal(one, two) is True
    for one, two in ((4.0, 4.5), (schedule, other), (schedule, 4.0), (4.0, schedule)):
        assert _are_equal(one, two) is False


class Seen(Controller):
    """Notes the mean that it is given."""

    def minimized(self, term, mean, step):
        self.found = float(keras.ops.convert_to_numpy(mean)), step
        return term

    def update(self, mean, step):
        self.updated = float(keras.ops.convert_to_numpy(mean)), step


def test_a_controller_sees_the_mean_over_examples_and_learns_in_training_only():
    seen = Seen()
    loss(seen, step=3)
    assert seen.found == (3.0, 3) and not hasattr(seen, "updated")
    loss(seen, step=4, training=True)
    assert seen.updated == (3.0, 4)


def test_sample_weights_weigh_that_mean_and_a_batch_without_weight_has_none():
    seen = Seen()
    loss(seen, ROWS)
    assert seen.found[0] == pytest.approx((2.0 + 3 * 6.0) / 4)
    loss(seen, 0 * ROWS)
    assert seen.found[0] == 0.0


def test_at_the_threshold_free_bits_are_the_threshold():
    assert loss(FreeBits(3.0)).tolist() == [3.0, 3.0, 3.0]
    assert loss(FreeBits(2.9)).tolist() == [1.0, 2.0, 6.0]
    assert FreeBits(0.0).nats == 0.0


def test_capacity_is_a_thousand_times_the_signed_distance():
    assert loss(Capacity(2.0)).tolist() == [-1000.0, 0.0, 4000.0]
    assert loss(Capacity(4.0, gamma=2.0)).tolist() == [6.0, 4.0, -4.0]
    assert Capacity(0.0).nats == 0.0
    with pytest.raises(ValueError, match="nats"):
        Capacity(-1.0)


def test_geco_has_the_defaults_that_it_documents():
    geco = Geco(2.0)
    assert (geco.rate, geco.smoothing, geco.bounds) == (1e-3, 0.9, (1e-4, 1e4))
    assert float(keras.ops.convert_to_numpy(geco.multiplier)) == 1.0
    assert not geco.trainable_variables and len(geco.non_trainable_variables) == 2
    assert {v.dtype for v in geco.variables} == {"float32"}


@pytest.mark.parametrize("kind", [FreeBits, Capacity, Geco])
def test_a_controller_is_a_layer_that_may_be_named_and_comes_back_from_its_settings(kind):
    assert kind(3.0, name="mine").name == "mine"
    again = kind.from_config(kind(3.0, name="mine").get_config())
    assert again.name == "mine"
    np.testing.assert_array_equal(loss(again), loss(kind(3.0)))


def multiplier(geco):
    return float(keras.ops.convert_to_numpy(geco.multiplier))


def test_the_multiplier_follows_algorithm_1_step_by_step():
    geco, mean, log_multiplier = Geco(2.0, rate=0.01, smoothing=0.75), None, 0.0
    for step, value in enumerate((5.0, 1.0, 9.0)):
        mean = value if mean is None else 0.75 * mean + 0.25 * value
        log_multiplier += 0.01 * (mean - 2.0)
        geco.update(np.float32(value), step)
        assert multiplier(geco) == pytest.approx(np.exp(log_multiplier), rel=1e-5)
    assert loss(geco).tolist() == pytest.approx((multiplier(geco) * (TERM - 2.0)).tolist())


def test_a_step_moves_the_multiplier_by_at_most_a_tenth_and_never_out_of_its_bounds():
    geco = Geco(0.0, rate=1.0, bounds=(0.85, 1.2))
    for value, expected in ((1e3, np.exp(0.1)), (1e3, 1.2), (1e3, 1.2)):
        geco.update(np.float32(value), 0)
        assert multiplier(geco) == pytest.approx(expected, rel=1e-5)
    for expected in (*(1.2 * np.exp(-0.1 * n) for n in (1, 2, 3)), 0.85, 0.85):
        geco.update(np.float32(-1e3), 0)
        assert multiplier(geco) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0.0},
        {"rate": -1.0},
        {"smoothing": 1.0},
        {"smoothing": -0.1},
        {"bounds": (0.0, 2.0)},
        {"bounds": (2.0, 3.0)},
        {"bounds": (0.1, 0.5)},
        {"start": -1.0},
    ],
    ids=str,
)
def test_settings_outside_their_range_are_refused(options):
    with pytest.raises(ValueError, match=r"Expected rate above 0.*Received: rate"):
        Geco(1.0, **options)


def test_settings_at_the_ends_of_their_range_are_taken():
    assert multiplier(Geco(-1.0, smoothing=0.0, start=0.5, bounds=(0.5, 0.5))) == 0.5
