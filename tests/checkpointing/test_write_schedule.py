"""The moments of checkpoints, on a clock of the test's own."""

import pytest

from keras_vae.checkpointing.schedule import LARGEST_COST, Position, WriteSchedule


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds, as a list of one number that a test may move."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_training_begins_at_its_first_step():
    assert (Position().epoch, Position().step, Position().ended) == (0, 0, False)


def test_writing_takes_at_most_a_fiftieth_of_the_time():
    assert LARGEST_COST == 1 / 50


@pytest.mark.parametrize(("seconds", "due"), [(0.0, False), (119.9, False), (120.0, True)])
def test_a_checkpoint_is_due_when_its_minutes_have_passed(clock, seconds, due):
    schedule = WriteSchedule(minutes=2.0, steps=None)
    schedule.record(Position(1, 3), cost=0.0)
    clock[0] += seconds
    assert schedule.is_due(1, 4) is due


def test_costly_checkpoints_come_later_than_their_minutes(clock):
    schedule = WriteSchedule(minutes=1.0, steps=None)
    schedule.record(Position(), cost=3.0)  # 3 s are 2 percent of 150 s.
    clock[0] += 149.0
    assert not schedule.is_due(0, 1) and not schedule.affords_write()
    clock[0] += 1.0
    assert schedule.is_due(0, 1) and schedule.affords_write()


def test_without_minutes_time_makes_no_checkpoint_due(clock):
    schedule = WriteSchedule(minutes=None, steps=None)
    clock[0] += 1e6
    assert not schedule.is_due(5, 5)


def test_steps_are_counted_from_the_last_checkpoint_of_the_epoch(clock):
    schedule = WriteSchedule(minutes=None, steps=3)
    assert [schedule.is_due(0, step) for step in (1, 2, 3)] == [False, False, True]
    schedule.record(Position(0, 2), cost=0.0)
    assert [schedule.is_due(0, step) for step in (3, 4, 5, 6)] == [False, False, True, True]
    # A later epoch counts from its own start.
    assert [schedule.is_due(1, step) for step in (2, 3)] == [False, True]


def test_a_schedule_knows_whether_it_has_written(clock):
    schedule = WriteSchedule(1.0, 1)
    assert schedule.has_written is False
    schedule.record(Position(), 0.0)
    assert schedule.has_written is True
