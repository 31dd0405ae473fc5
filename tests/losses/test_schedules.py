"""Warm-up schedules against the curves that their papers draw."""

import keras
import numpy as np
import pytest

from keras_vae.losses import schedules

KINDS = [
    schedules.LinearWarmUp,
    schedules.CosineWarmUp,
    schedules.SigmoidWarmUp,
    schedules.CyclicalWarmUp,
]
every_kind = pytest.mark.parametrize("kind", KINDS)


def curve(schedule, steps):
    return np.array([float(keras.ops.convert_to_numpy(schedule(step))) for step in steps])


@every_kind
def test_a_warm_up_begins_at_start_waits_out_the_delay_and_stays_at_end(kind):
    schedule = kind(steps=10, start=0.25, end=4.0, delay=5)
    np.testing.assert_allclose(curve(schedule, range(6)), 0.25, atol=1e-6)
    np.testing.assert_allclose(curve(schedule, [500, 10**6]), 4.0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_warm_up_is_halfway_after_half_its_steps_and_never_falls(kind):
    values = curve(kind(steps=20, end=3.0), range(25))
    assert values[10] == pytest.approx(1.5, abs=1e-6)
    assert np.all(np.diff(values) >= -1e-6) and values[20] == pytest.approx(3.0, abs=1e-6)


def test_linear_cosine_and_sigmoid_take_their_own_ways():
    quarter = [curve(kind(steps=100), [25])[0] for kind in KINDS[:3]]
    logistic = (1 / (1 + np.exp(2.5)) - 1 / (1 + np.exp(5))) / (1 - 2 / (1 + np.exp(5)))
    np.testing.assert_allclose(quarter, [0.25, 0.5 - np.sqrt(0.125), logistic], rtol=1e-5)


def test_a_cyclical_warm_up_falls_back_at_each_cycle_but_not_after_the_last():
    schedule = schedules.CyclicalWarmUp(steps=8, cycles=2, rise=0.5)
    one = [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    np.testing.assert_allclose(curve(schedule, range(20)), [*one, *one, 1, 1, 1, 1], atol=1e-6)


@every_kind
def test_a_schedule_comes_back_from_its_own_configuration(kind):
    schedule = kind(steps=7, start=0.1, end=2.0, delay=3)
    saved = keras.saving.serialize_keras_object(schedule)
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is kind
    np.testing.assert_array_equal(curve(again, range(30)), curve(schedule, range(30)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.LinearWarmUp(0), "steps=0"),
        (lambda: schedules.CosineWarmUp(5, delay=-1), "delay=-1"),
        (lambda: schedules.SigmoidWarmUp(5, sharpness=0.0), "Received: 0.0"),
        (lambda: schedules.CyclicalWarmUp(5, cycles=0), "cycles=0"),
        (lambda: schedules.CyclicalWarmUp(5, rise=1.5), "rise=1.5"),
    ],
)
def test_a_schedule_that_could_not_run_is_refused(make, message):
    with pytest.raises(ValueError, match=f"Expected.*{message}"):
        make()
