"""`ExactResume` on a `fit` of events: a model that counts, so that each test takes milliseconds."""

import signal

import keras
import numpy as np
import pytest

from keras_vae.callbacks import TERMINATED, ExactResume
from keras_vae.checkpointing import exact_resume, files
from keras_vae.checkpointing.schedule import Position
from tests.support.events import (
    ALL,
    EPOCHS,
    SEEN,
    STEPS,
    Counter,
    Watch,
    World,
    events_of_whole,
    fit,
    history_of_whole,
    interrupt,
    resume_for,
    terminate,
)


@pytest.fixture
def world(monkeypatch):
    world = World()

    def restore(state):
        world.number = int(state[0])

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("time.monotonic", lambda: world.now)
    monkeypatch.setattr(files, "write", world.write)
    monkeypatch.setattr(exact_resume, "random_state", lambda: np.array([world.number]))
    monkeypatch.setattr(exact_resume, "set_random_state", restore)
    monkeypatch.setattr(exact_resume, "draw_order_seed", lambda: world.seed)
    monkeypatch.setattr(exact_resume, "set_batch_order", world.set_order)
    yield world
    signal.signal(signal.SIGTERM, handler)


def test_without_an_interruption_it_changes_nothing(world, tmp_path):
    model, watch = Counter(world), Watch()
    handler = signal.getsignal(signal.SIGTERM)
    assert fit(model, resume_for(world, tmp_path, watch)) == history_of_whole()
    assert model.trained == events_of_whole()
    assert float(keras.ops.convert_to_numpy(model.total)) == sum(
        10 * epoch + step for epoch, step in ALL
    )
    assert watch.seen == SEEN and world.said == []
    assert watch.model is model and watch.params["epochs"] == EPOCHS
    assert world.orders == [(7, 0), (7, 1), (7, 2)]
    assert signal.getsignal(signal.SIGTERM) is handler


PLACES = [
    *(("on_train_batch_end", number) for number in range(EPOCHS * STEPS)),
    *(("on_train_batch_begin", 4), ("on_epoch_begin", 1), ("on_epoch_begin", 2)),
    *(("on_test_begin", 0), ("on_test_batch_end", 3), ("on_epoch_end", 0), ("on_epoch_end", 2)),
    ("on_train_end", 0),
]


@pytest.mark.parametrize(("event", "number"), PLACES)
def test_it_goes_on_from_the_newest_checkpoint(world, tmp_path, event, number):
    interrupt(world, tmp_path, event, number)
    model, watch = Counter(world), Watch()
    resume = resume_for(world, tmp_path, watch)
    assert resume.found is True
    at = resume.position
    assert fit(model, resume) == history_of_whole()
    assert model.trained == events_of_whole()[at.epoch * STEPS + at.step :]
    assert float(keras.ops.convert_to_numpy(model.total)) == sum(
        10 * epoch + step for epoch, step in ALL
    )
    assert watch.count == EPOCHS * STEPS
    assert watch.seen.get("on_train_batch_begin", 0) == len(model.trained)
    assert watch.seen.get("on_epoch_end", 0) == EPOCHS - at.epoch
    path = files.path_of(resume.folder, at.epoch, at.step)
    assert world.said == [f"Resumed after {at.epoch} epochs and {at.step} steps, from {path}."]
    # An epoch that goes on within keeps its order; the next is that of the first process too.
    assert world.orders == [(7, epoch) for epoch in range(at.epoch, EPOCHS)]
    assert (at.epoch, at.step) not in world.written


def test_checkpoints_are_written_at_the_start_after_steps_and_after_epochs(world, tmp_path):
    resume = resume_for(world, tmp_path, keep=3)
    fit(Counter(world), resume)
    assert world.written == [(0, 0), (0, 2), (1, 0), (1, 2), (2, 0), (2, 2), (3, 0)]
    kept = files.list_checkpoints(resume.folder)
    assert kept == [files.path_of(resume.folder, *at) for at in world.written[-3:]]


def test_by_default_checkpoints_are_a_minute_apart_and_two_are_kept(world, tmp_path):
    def pass_time():
        world.now += 40.0

    watch = Watch("on_train_batch_end", range(EPOCHS * STEPS), pass_time)
    world.cost = 1.0  # 2 percent of 50 s, so not after the 40 s of the last step of an epoch.
    fit(Counter(world), ExactResume(tmp_path, [watch], say=world.said.append))
    assert world.written == [(0, 0), (0, 2), (1, 1), (1, 3), (2, 2), (3, 0)]
    assert len(files.list_checkpoints(tmp_path)) == 2


def test_only_the_last_epoch_is_written_when_writing_costs_too_much(world, tmp_path):
    world.cost = 1.0
    fit(Counter(world), resume_for(world, tmp_path, steps=None))
    assert world.written == [(0, 0), (3, 0)]


def test_costly_checkpoints_are_rarer_than_their_minutes(world, tmp_path):
    def pass_time():
        world.now += 30.0

    world.cost = 4.0  # 2 percent of 200 s, which are 7 steps.
    watch = Watch("on_train_batch_end", range(EPOCHS * STEPS), pass_time)
    fit(Counter(world), resume_for(world, tmp_path, watch, steps=None, minutes=1.0))
    assert world.written == [(0, 0), (2, 1), (3, 0)]


def test_a_checkpoint_that_is_due_when_validation_begins_is_of_before_it(world, tmp_path):
    world.cost, world.pause = 1.0, 61.0  # 2 percent of 50 s.
    fit(Counter(world), resume_for(world, tmp_path, steps=None, minutes=1.0))
    assert world.written == [(0, 0), (0, 3), (1, 3), (2, 3), (3, 0)]


def test_a_complete_training_is_not_trained_again(world, tmp_path):
    whole = Counter(world)
    fit(whole, resume_for(world, tmp_path))
    world.written.clear()
    world.restart()
    model, resume = Counter(world), resume_for(world, tmp_path)
    assert fit(model, resume) == history_of_whole()
    assert model.trained == world.written == []
    assert resume.position == Position(EPOCHS, 0, False)
    for one, other in zip(model.variables, whole.variables, strict=True):
        assert np.array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    assert float(model.number.result()) == history_of_whole()[-1]["val_number"]


def test_a_training_that_was_ended_stays_so(world, tmp_path):
    model = Counter(world)
    watch = Watch("on_epoch_end", [1], lambda: setattr(model, "stop_training", True))
    history = fit(model, resume_for(world, tmp_path, watch, steps=None))
    assert history == history_of_whole()[:2]
    assert world.written[-1] == (2, 0)
    world.restart()
    again, resume = Counter(world), resume_for(world, tmp_path)
    assert fit(again, resume) == history and again.trained == []
    assert resume.position == Position(2, 0, True)


@pytest.mark.parametrize(
    ("event", "number", "at"),
    [
        *(("on_train_batch_end", 0, (0, 1)), ("on_train_batch_begin", 1, (0, 2))),
        *(("on_test_begin", 0, (0, 3)), ("on_test_batch_end", 1, (0, 3))),
        *(("on_epoch_end", 1, (2, 0)), ("on_epoch_begin", 1, (1, 1))),
    ],
)
def test_sigterm_writes_a_checkpoint_and_ends_the_process(
    world, tmp_path, event, number, at, capsys
):
    handler = signal.getsignal(signal.SIGTERM)
    end = interrupt(world, tmp_path, event, number, terminate, steps=None)
    assert end.code == TERMINATED and signal.getsignal(signal.SIGTERM) is handler
    resume = resume_for(world, tmp_path)
    path = files.path_of(resume.folder, *at)
    assert capsys.readouterr().err == f"Terminated. The training goes on from {path}.\n"
    assert resume.position == Position(*at)
    model = Counter(world)
    assert fit(model, resume) == history_of_whole()
    assert model.trained == events_of_whole()[at[0] * STEPS + at[1] :]


@pytest.mark.parametrize(
    ("steps", "written"), [(2, [(1, 3), (2, 0), (2, 2), (3, 0)]), (None, [(2, 0), (3, 0)])]
)
def test_after_a_resume_checkpoints_come_as_if_one_had_just_been_written(
    world, tmp_path, steps, written
):
    interrupt(world, tmp_path, "on_train_batch_end", 3, terminate, steps=None)
    fit(Counter(world), resume_for(world, tmp_path, steps=steps))
    assert world.written == written


@pytest.mark.only_on("tensorflow", "jax")  # On PyTorch Keras draws the batches.
def test_data_that_start_at_the_position_are_not_drawn(world, tmp_path):
    interrupt(world, tmp_path, "on_train_batch_end", 5)
    resume = resume_for(world, tmp_path, seekable=True)
    assert resume.position == Position(1, 2)
    model = Counter(world)
    assert fit(model, resume, first=1, skip=2) == history_of_whole()[1:]
    assert model.trained == events_of_whole()[5:]


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_taken(world, tmp_path):
    interrupt(world, tmp_path, "on_train_batch_end", 5)
    newest = files.list_checkpoints(tmp_path / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    model = Counter(world)
    assert fit(model, resume_for(world, tmp_path)) == history_of_whole()
    assert model.trained == events_of_whole()[STEPS:]
    assert newest.with_suffix(".damaged").exists() and "damaged" in world.said[0]
    assert len(world.said) == 2


def test_a_model_and_callbacks_are_restored_without_training(world, tmp_path):
    interrupt(world, tmp_path, "on_train_batch_end", 4)
    model, watch = Counter(world), Watch()
    resume_for(world, tmp_path, watch).restore(model)
    assert float(keras.ops.convert_to_numpy(model.total)) == 0 + 1 + 2 and watch.count == 3
    empty, untouched = Counter(world), Watch()
    resume_for(world, tmp_path / "empty", untouched).restore(empty)
    assert (
        float(keras.ops.convert_to_numpy(empty.total)) == untouched.count == 0
        and untouched.model is empty
    )


def test_an_object_is_for_one_fit(world, tmp_path):
    resume = resume_for(world, tmp_path)
    fit(Counter(world), resume)
    with pytest.raises(RuntimeError, match="a new ExactResume for each call of fit"):
        fit(Counter(world), resume)


def test_several_workers_are_refused_before_a_folder_is_made(world, tmp_path, monkeypatch):
    monkeypatch.setattr(exact_resume, "has_several_workers", lambda model: True)
    with pytest.raises(ValueError, match="Expected one process that trains"):
        fit(Counter(world), resume_for(world, tmp_path))
    assert not (tmp_path / "checkpoints").exists()


def test_nothing_is_read_or_written_before_fit(tmp_path):
    folder = tmp_path / "deep" / "checkpoints"
    resume = ExactResume(folder)
    assert resume.needs_whole_executions is True
    assert resume.found is False and resume.position == Position(0, 0, False)
    assert not folder.parent.exists()


@pytest.mark.parametrize("name", ["minutes", "steps", "keep"])
def test_numbers_that_cannot_be_meant_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"Expected {name} (above 0|of at least 1). Received: .*0"):
        ExactResume(tmp_path, **{name: 0})
    assert ExactResume(tmp_path, **{name: 1}).folder == tmp_path
