"""A `fit` of events: a model that counts, the world around it, and interruptions.

The order of the events is that of Keras, which `test_exact_resume` runs.
"""

import os
import signal

import keras
import pytest

from keras_vae.callbacks import ExactResume
from keras_vae.checkpointing import files

EPOCHS, STEPS = 3, 3
ALL = [(epoch, step) for epoch in range(EPOCHS) for step in range(STEPS)]


class Counter(keras.Model):
    """Its step adds to a weight; steps and validations draw from the generator of the process."""

    def __init__(self, world):
        super().__init__()
        self.world, self.trained = world, []
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.number = keras.metrics.Mean("number")
        self.built = True
        self.compile(keras.optimizers.SGD())
        self.train_function, self.stop_training = self.train, False

    def train(self, batches):
        epoch, step = next(batches)
        self.trained.append((epoch, step, self.world.draw()))
        self.total.assign_add(10.0 * epoch + step)
        self.number.update_state(step)
        return {"number": float(self.number.result())}

    def evaluate(self, callback):
        self.world.now += self.world.pause
        callback.on_test_begin()
        self.reset_metrics()
        for batch in range(2):
            callback.on_test_batch_begin(batch)
            self.number.update_state(self.world.draw())
            callback.on_test_batch_end(batch)
        callback.on_test_end()
        return {"val_number": float(self.number.result())}


def events_of_whole():
    """What each step of an uninterrupted training sees."""
    return [(epoch, step, 100 * epoch + 7 + step) for epoch, step in ALL]


def history_of_whole():
    """Means of the steps 0, 1 and 2, and of the two numbers that a validation draws after them."""
    drawn = [100 * epoch + 7 + STEPS for epoch in range(EPOCHS)]
    return [{"number": 1.0, "val_number": first + 0.5} for first in drawn]


class World:
    """What is global in a process: the clock, and the generator, which each epoch seeds."""

    def __init__(self):
        self.now, self.number, self.seed, self.orders, self.written = 1000.0, 0, 7, [], []
        self.cost, self.pause, self.said = 0.0, 0.0, []

    def draw(self):
        self.number += 1
        return self.number - 1

    def set_order(self, seed, epoch):
        self.orders.append((seed, epoch))
        self.number = 100 * epoch + seed

    def restart(self):
        """Another process has another seed, and its generator stands elsewhere."""
        self.number, self.seed = 999, 8

    def write(self, path, about, arrays):
        self.now += self.cost
        self.written.append((about["epoch"], about["step"]))
        return WRITE(path, about, arrays)


WRITE = files.write


class Stop(Exception):
    pass


class Watch(keras.callbacks.Callback):
    """Notes the events that it sees, and acts at some of a kind."""

    def __init__(self, event=None, numbers=(), act=None):
        super().__init__()
        self.seen, self.count, self.action = {}, 0, (event, numbers, act)
        for name in EVENTS:
            setattr(self, name, self.note(name))

    def note(self, name):
        def see(*arguments):
            self.seen[name] = self.seen.get(name, 0) + 1
            self.count += name == "on_train_batch_end"
            event, numbers, act = self.action
            if name == event and self.seen[name] - 1 in numbers:
                act()

        return see


EVENTS = (
    *("on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"),
    *("on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"),
    *("on_epoch_end", "on_train_end"),
)
SEEN = {"on_train_begin": 1, "on_train_end": 1} | {
    **dict.fromkeys(("on_epoch_begin", "on_test_begin", "on_test_end", "on_epoch_end"), EPOCHS),
    **dict.fromkeys(("on_train_batch_begin", "on_train_batch_end"), EPOCHS * STEPS),
    **dict.fromkeys(("on_test_batch_begin", "on_test_batch_end"), EPOCHS * 2),
}


def crash():
    raise Stop


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def resume_for(world, folder, watch=None, **options):
    options = {"minutes": None, "steps": 2, "say": world.said.append, **options}
    return ExactResume(folder / "checkpoints", [watch or Watch()], **options)


def fit(model, resume, first=0, skip=0):
    """Call the model and the callback as `keras.Model.fit` does; return the history."""
    resume.set_params({"epochs": EPOCHS, "steps": STEPS, "verbose": 0})
    resume.set_model(model)
    history = []
    resume.on_train_begin()
    for epoch in range(first, EPOCHS):
        model.reset_metrics()
        resume.on_epoch_begin(epoch)
        start = skip if epoch == first else 0
        batches, logs = iter([(epoch, step) for step in range(start, STEPS)]), {}
        for step in range(STEPS):
            resume.on_train_batch_begin(step)
            logs = model.train_function(batches)
            resume.on_train_batch_end(step, logs)
        logs = {**logs, **model.evaluate(resume)}
        resume.on_epoch_end(epoch, logs)
        history.append(logs)
        if model.stop_training:
            break
    resume.on_train_end(logs)
    return history


def interrupt(world, folder, event, number=0, act=crash, **options):
    """Train until an event, and begin another process."""
    with pytest.raises((Stop, SystemExit)) as end:
        fit(Counter(world), resume_for(world, folder, Watch(event, [number], act), **options))
    world.restart()
    world.written.clear()
    world.orders.clear()
    return end.value
