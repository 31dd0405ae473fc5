"""The stand-in for a training step that only draws batches, on a model of counters."""

import pytest

from keras_vae.checkpointing.replay import Replay

MEANS = {"loss": 0.25}


class Model:
    """What `Replay` uses of a model: a step that says what it trained on."""

    def __init__(self, steps_per_execution=1):
        self.steps_per_execution = steps_per_execution
        self.trained = []
        self.train_function = self.train

    def train(self, batches):
        self.trained += [next(batches) for _ in range(self.steps_per_execution)]
        return {"loss": 1.0}

    def evaluate(self):
        return {"val_loss": 2.0}


def fit(model, replay, epochs, steps):
    """Run a `fit` as Keras does; return the logs of each epoch's last step, and validations."""
    logs = []
    for epoch in range(epochs):
        replay.begin_epoch(epoch)
        batches = iter(range(10 * epoch, 10 * epoch + steps))
        for _ in range(0, steps, model.steps_per_execution):
            last = model.train_function(batches)
            replay.consume_skipped()
        logs.append((last, model.evaluate()))
        replay.end_epoch(epoch)
    return logs


@pytest.mark.parametrize("size", [1, 2])
def test_training_goes_on_with_the_batch_after_the_position(size):
    model, replay = Model(size), Replay(epoch=1, step=2, draw=True)
    replay.start(model, MEANS)
    assert replay.skipping is True
    logs = fit(model, replay, epochs=3, steps=4)
    assert model.trained == [12, 13, 20, 21, 22, 23]
    assert logs == [
        ({}, {}),
        ({"loss": 1.0}, {"val_loss": 2.0}),
        ({"loss": 1.0}, {"val_loss": 2.0}),
    ]
    assert replay.skipping is False


def test_at_the_start_of_an_epoch_nothing_of_it_is_skipped():
    model, replay = Model(), Replay(epoch=1, step=0, draw=True)
    replay.start(model, MEANS)
    assert replay.begin_epoch(0) is True
    assert replay.end_epoch(0) is True
    assert replay.begin_epoch(1) is False
    assert model.train_function == model.train


def test_the_last_skipped_step_logs_the_means_of_the_position():
    model, replay = Model(), Replay(epoch=0, step=2, draw=True)
    replay.start(model, MEANS)
    assert replay.begin_epoch(0) is False
    batches = iter(range(4))
    assert model.train_function(batches) == {}
    assert replay.consume_skipped() is True
    assert replay.consume_skipped() is False
    assert model.train_function(batches) == MEANS
    assert next(batches) == 2
    assert replay.skipping is False


def test_data_that_start_at_the_position_are_not_drawn():
    model, replay = Model(), Replay(epoch=0, step=2, draw=False)
    replay.start(model, MEANS)
    replay.begin_epoch(0)
    batches = iter(range(4))
    model.train_function(batches)
    model.train_function(batches)
    assert next(batches) == 0


def test_the_state_of_jax_is_handed_on():
    model, replay = Model(), Replay(epoch=1, step=0, draw=True)
    replay.start(model, MEANS)
    assert model.train_function("state", [0]) == ({}, "state")


def test_executions_that_do_not_end_at_the_position_are_refused():
    with pytest.raises(ValueError, match=r"divide the 3 steps .* Received: 2"):
        Replay(epoch=0, step=3, draw=True).start(Model(2), MEANS)


def test_an_epoch_that_ends_before_the_position_is_refused_and_the_step_put_back():
    model, replay = Model(), Replay(epoch=0, step=3, draw=True)
    replay.start(model, MEANS)
    replay.begin_epoch(0)
    batches = iter(range(2))
    model.train_function(batches)
    model.train_function(batches)
    with pytest.raises(StopIteration):
        model.train_function(batches)
    with pytest.raises(ValueError, match="at least the 3 steps .* Received: 2"):
        replay.end_epoch(0)
    assert model.train_function == model.train
    assert model.evaluate() == {"val_loss": 2.0}


def test_an_error_of_the_data_puts_the_step_back():
    def broken():
        raise OSError("no file")
        yield

    model, replay = Model(), Replay(epoch=1, step=0, draw=True)
    replay.start(model, MEANS)
    with pytest.raises(OSError, match="no file"):
        model.train_function(broken())
    assert model.train_function == model.train
    assert replay.skipping is False
