"""The comparison with PyOD: its gaps, its p-values, and the way from windows to steps."""

import numpy as np
import pytest

from benchmarks import sensors
from keras_vae.anomalies import p_values
from keras_vae.errors import MissingExtraError

RANDOM = np.random.default_rng(0)


def test_gaps_are_filled_on_a_line_between_their_neighbors():
    nan = np.nan
    rows = np.array([[nan, 1.0], [2.0, nan], [nan, nan], [nan, 7.0], [8.0, 9.0], [nan, nan]])
    filled = [[2.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, 9.0], [8.0, 9.0]]
    np.testing.assert_allclose(sensors.fill_gaps(rows), filled)


@pytest.mark.parametrize("how", sensors.MERGES)
def test_a_step_gets_the_score_of_the_windows_that_cover_it(how):
    window, stride, steps = 8, 2, 29
    count = (steps - window) // stride + 1
    scores, held_out = RANDOM.normal(size=count), RANDOM.normal(size=40)
    found = sensors.merge(scores, held_out, how, steps, window)
    each = -np.log(p_values(scores, held_out)) if how == "-log p" else scores
    for step in range(steps):
        of = [each[i] for i in range(count) if 0 <= step - i * stride < window]
        wanted = (max if how == "max" else np.mean)(of) if of else np.nan
        np.testing.assert_allclose(found[step], wanted)


def test_parts_share_no_step():
    rows = np.arange(sensors.STEPS, dtype="float64")[:, None]
    train, held_out, new = (np.unique(part) for part in sensors.cut(rows, 16))
    assert train.max() < sensors.TRAINED <= held_out.min()
    assert held_out.max() < sensors.HELD_OUT <= new.min()
    assert len(train) + len(held_out) + len(new) == sensors.STEPS


def test_faults_lie_in_the_last_part_and_holes_in_all():
    made, other = sensors.record(0), sensors.record(1)
    assert not made.faulty[: sensors.HELD_OUT].any() and made.faulty.sum() == 140
    holes = np.isnan(made.holed)
    assert 0.005 < holes[sensors.HELD_OUT :].mean() < 0.02
    np.testing.assert_array_equal(made.holed[~holes], made.whole[~holes])
    assert not np.array_equal(holes, np.isnan(other.holed))


def test_without_pyod_the_error_says_how_to_install_it(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(sensors.importlib, "import_module", refuse)
    with pytest.raises(MissingExtraError, match=r"Expected PyOD, whose LOF .*pip install pyod"):
        sensors.peer_detector("LOF", np.zeros((4, 8, 2)), seed=0)


class Knows:
    """A score that knows the faults, for `measure`: the largest value of a window."""

    def __init__(self, name, train, seed):
        assert not np.isnan(train).any() or name in sensors.OWN

    def __call__(self, x):
        return np.nanmax(x[..., 0], axis=1)


@pytest.mark.parametrize("name", ["VAE", "LOF"])
def test_a_score_that_knows_the_faults_is_nearly_perfect(name, monkeypatch):
    monkeypatch.setattr(sensors, "own_detector", Knows)
    monkeypatch.setattr(sensors, "peer_detector", Knows)
    made = sensors.record(0)
    told = np.where(np.isnan(made.holed), np.nan, made.faulty[:, None].astype("float32"))
    noise = RANDOM.normal(0, 0.01, (len(told), 1)).astype("float32")
    planted = sensors.Sensors(made.whole, told + noise, made.faulty)
    found = sensors.measure(name, planted, 16, seed=0)
    assert min(found.values()) > 0.8
    empty = sensors.Sensors(made.whole, np.where(np.isnan(told), told, noise), made.faulty)
    assert max(sensors.measure(name, empty, 16, seed=0).values()) < 0.2
