"""A `fit` that is interrupted anywhere ends with the bits of one that is not."""

import json
import os
import signal
import types

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks import TERMINATED, ExactResume, JsonLines
from keras_vae.checkpointing import files, state
from keras_vae.checkpointing.replay import Replay

X = np.random.default_rng(0).random((36, 6), dtype="float32")
EPOCHS, STEPS = 4, 5  # 36 rows in batches of 8, the last one ragged.


class Stop(Exception):
    pass


class StopAt(keras.callbacks.Callback):
    """Ends `fit` as a crash would, at the n-th event of a kind."""

    def __init__(self, event=None, number=0):
        super().__init__()
        self.left = number
        if event:
            setattr(self, event, self.count)

    def count(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise Stop


def new_model(preprocess=None, **fast):
    """Noise, dropout, a schedule, a controller and Adam: much that a resume can forget."""
    keras.utils.set_random_seed(3)
    encoder, decoder = kv.nets.dense((6,), latent_dim=2, hidden=(8,), heads=2)
    x = keras.Input((6,))
    noisy = keras.Model(x, encoder(keras.layers.Dropout(0.2)(x)))
    beta = kv.schedules.LinearWarmUp(7)
    geco = kv.controllers.Geco(target=5.0)
    weights = {"reconstruction": geco}
    kwargs = {"beta": beta, "loss_weights": weights, "preprocess": preprocess, "seed": 1}
    model = kv.VAE(noisy, decoder, **kwargs)
    rate = keras.optimizers.schedules.CosineDecay(0.01, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate), **({"run_eagerly": True} | fast))
    return model


def train(folder, event=None, number=0, data=None, callbacks=(), model=None, **arguments):
    model = model or new_model()
    folder.mkdir(exist_ok=True)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    others = [JsonLines(folder / "metrics.jsonl"), stop, *callbacks, StopAt(event, number)]
    options = {"steps": 2, "minutes": None, "say": lambda text: None, **arguments}
    resume = ExactResume(folder / "checkpoints", callbacks=others, **options)
    x, more = (X, {"batch_size": 8}) if data is None else (data(), {"shuffle": False})
    try:
        model.fit(x, epochs=EPOCHS, validation_data=(X[:8],), callbacks=[resume], verbose=0, **more)
    except Stop:
        return None
    return {
        "values": state.capture(model),
        "history": model.history.history,
        "lines": lines(folder / "metrics.jsonl"),
        "stop": (stop.wait, stop.best, stop.best_epoch),
    }


def lines(path):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(line.pop("seconds") >= 0 for line in found)
    return found


def assert_same(one, other):
    for a, b in zip(one["values"], other["values"], strict=True):
        np.testing.assert_array_equal(a, b)
    assert {k: v for k, v in one.items() if k != "values"} == {
        k: v for k, v in other.items() if k != "values"
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("event", "number"),
    [
        ("on_train_batch_end", 1),
        pytest.param("on_train_batch_end", 8, marks=pytest.mark.long),
        ("on_train_batch_begin", 13),
        pytest.param("on_test_begin", 1, marks=pytest.mark.long),
        pytest.param("on_epoch_end", 2, marks=pytest.mark.long),
        pytest.param("on_epoch_begin", 1, marks=pytest.mark.long),
        pytest.param("on_train_end", 0, marks=pytest.mark.long),
    ],
)
def test_it_ends_with_the_same_bits_wherever_it_was_interrupted(whole, tmp_path, event, number):
    assert train(tmp_path, event, number) is None
    assert_same(train(tmp_path), whole)


@pytest.mark.slow
def test_it_may_be_interrupted_again_and_again(whole, tmp_path):
    for number in (3, 3, 3, 3):
        assert train(tmp_path, "on_train_batch_end", number) is None
    assert_same(train(tmp_path), whole)


@pytest.mark.slow
def test_a_training_that_is_complete_is_not_trained_again(whole, tmp_path):
    train(tmp_path)
    names = os.listdir(tmp_path / "checkpoints")
    assert_same(train(tmp_path, "on_train_batch_end", 0), whole)
    assert os.listdir(tmp_path / "checkpoints") == names


@pytest.mark.slow
def test_what_was_trained_on_is_not_trained_on_again(tmp_path):
    seen = []

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    train(tmp_path, "on_train_batch_end", 8, callbacks=[Count()])
    assert seen == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    train(tmp_path, callbacks=[Count()])
    assert seen[9:] == [2, 3, 4] + 2 * [0, 1, 2, 3, 4]  # The last checkpoint was after two steps.


def damage(folder):
    newest = files.list_checkpoints(folder / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:-1])


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_some_steps_and_no_bit(whole, tmp_path):
    train(tmp_path, "on_train_batch_end", 8)
    damage(tmp_path)
    said = []
    assert_same(train(tmp_path, say=said.append), whole)
    assert "damaged" in said[0]
    assert said[1].startswith("Resumed after")


@pytest.mark.slow
def test_preprocessing_is_the_same_after_an_interruption(tmp_path):
    layers = [keras.layers.Rescaling(0.3), kv.layers.FillGaps(0.1)]
    whole = train(tmp_path / "whole", model=new_model(layers))
    assert train(tmp_path / "parts", "on_train_batch_end", 8, model=new_model(layers)) is None
    assert_same(train(tmp_path / "parts", model=new_model(layers)), whole)


@pytest.mark.tensorflow
def test_data_that_shuffle_are_passed_over_in_the_same_order(tmp_path):
    import tensorflow as tf

    def data():
        return tf.data.Dataset.from_tensor_slices(X).shuffle(36, seed=4).batch(8)

    whole = train(tmp_path / "whole", data=data)
    assert train(tmp_path / "parts", "on_train_batch_end", 12, data=data) is None
    assert_same(train(tmp_path / "parts", data=data), whole)


@pytest.mark.long
@pytest.mark.tensorflow
def test_steps_in_one_go_and_a_compiled_step_change_nothing(tmp_path):
    import tensorflow as tf

    def model():
        return new_model(run_eagerly=False, jit_compile=False, steps_per_execution=2)

    def data():
        return tf.data.Dataset.from_tensor_slices(X[:32]).shuffle(36, seed=4).batch(8)

    whole = train(tmp_path / "whole", data=data, model=model())
    assert train(tmp_path / "parts", "on_train_batch_end", 5, data=data, model=model()) is None
    assert_same(train(tmp_path / "parts", data=data, model=model()), whole)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_steps_in_one_go_are_fewer_where_more_would_pass_the_end_of_an_epoch(tmp_path):
    assert train(tmp_path, "on_train_batch_end", 2, steps=1) is None
    model = new_model(steps_per_execution=4)
    assert train(tmp_path, model=model, steps=1) is not None
    assert model.steps_per_execution == 1


def test_more_steps_in_one_go_than_fit_are_refused():
    with pytest.raises(ValueError, match="divide the 2 steps of the checkpoint. Received: 4"):
        Replay(0, 2, draw=True).start(types.SimpleNamespace(steps_per_execution=4), {})


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_that_end_before_the_checkpoint_are_refused(tmp_path):
    train(tmp_path, "on_train_batch_end", 4)
    model = new_model()
    resume = ExactResume(tmp_path / "checkpoints", say=lambda text: None)
    step = model.make_train_function() or model.train_function
    with pytest.raises(ValueError, match="Expected the callbacks of"):
        model.fit(X, epochs=EPOCHS, batch_size=8, callbacks=[resume], verbose=0)
    other = [JsonLines(tmp_path / "m"), keras.callbacks.EarlyStopping(), StopAt()]
    resume = ExactResume(tmp_path / "checkpoints", other, say=lambda text: None)
    two = ((X[start : start + 8],) for start in (0, 8))  # Nobody can tell how many these are.
    with pytest.raises(ValueError, match="at least the 4 steps .* Received: 2"):
        model.fit(two, epochs=EPOCHS, callbacks=[resume], shuffle=False, verbose=0)
    assert model.train_function is step
    assert model.evaluate(X, verbose=0, return_dict=True)


@pytest.mark.parametrize("rows", [X[:16], np.concatenate([X, X])], ids=["fewer", "more"])
def test_data_of_another_number_of_steps_are_refused(tmp_path, rows):
    train(tmp_path, "on_train_batch_end", 2)
    other = [JsonLines(tmp_path / "m"), keras.callbacks.EarlyStopping(), StopAt()]
    resume = ExactResume(tmp_path / "checkpoints", other, say=lambda text: None)
    with pytest.raises(ValueError, match=r"data of 5 steps an epoch.*Received: (2|9) steps"):
        new_model().fit(rows, epochs=EPOCHS, batch_size=8, callbacks=[resume], verbose=0)


def test_another_model_is_refused(tmp_path):
    train(tmp_path, "on_train_batch_end", 4)
    model = kv.VAE(*kv.nets.dense((6,), latent_dim=3, hidden=(8,), heads=2))
    model.compile("adam")
    with pytest.raises(ValueError, match="Expected the model and the optimizer of the checkpoint"):
        train(tmp_path, model=model)


@pytest.mark.slow
def test_fewer_epochs_than_were_trained_are_refused(tmp_path, monkeypatch):
    train(tmp_path)
    monkeypatch.setattr("tests.checkpointing.test_exact_resume.EPOCHS", 3)
    with pytest.raises(ValueError, match="Expected at least 4 epochs.* Received: 3"):
        train(tmp_path)


@pytest.mark.slow
def test_a_checkpoint_has_no_examples_that_a_callback_was_given(tmp_path):
    examples = np.random.default_rng(1).random((50, 6), dtype="float32")
    report = kv.callbacks.LatentReport(examples, say=lambda text: None)
    train(tmp_path, callbacks=[report])
    paths = files.list_checkpoints(tmp_path / "checkpoints")
    assert len(paths) == 2
    for path in paths:
        assert examples.tobytes() not in path.read_bytes()
        states = dict(files.read(path)[0]["callbacks"])
        assert "x" not in states["LatentReport"] and "active" in states["LatentReport"]


@pytest.mark.slow
def test_an_array_that_a_callback_changes_is_restored(tmp_path):
    class Sum(keras.callbacks.Callback):
        """A running sum in an array, a list of arrays that changes, and two that stay."""

        def __init__(self):
            super().__init__()
            self.sum, self.nan = np.zeros(2), np.array([np.nan, 1.0])
            self.parts, self.same = [np.zeros(1)], [np.ones(3)]

        def on_train_batch_end(self, batch, logs=None):
            self.sum += batch
            self.parts = [*self.parts, np.full(1, batch)][-2:]

    whole, parts = Sum(), Sum()
    train(tmp_path / "whole", callbacks=[whole])
    assert train(tmp_path / "parts", "on_train_batch_end", 8, callbacks=[Sum()]) is None
    path = files.list_checkpoints(tmp_path / "parts" / "checkpoints")[-1]
    assert set(dict(files.read(path)[0]["callbacks"])["Sum"]) == {"sum", "parts"}
    train(tmp_path / "parts", callbacks=[parts])
    np.testing.assert_array_equal(parts.sum, whole.sum)
    np.testing.assert_array_equal(parts.parts, whole.parts)


# Checkpoints from strangers, whose hash is right.


class Saver(keras.callbacks.Callback):
    """Knows a path, a number and a method."""

    def __init__(self, path="mine.keras"):
        super().__init__()
        self.filepath, self.number, self.best, self.table = path, 1, None, {}

    def step(self):
        pass


@pytest.mark.parametrize(
    "harm",
    [
        *({"filepath": "/elsewhere"}, {"filepath": 3}, {"new": "/elsewhere"}, {"best": "text"}),
        *({"step": 1}, {"on_epoch_end": 1}, {"table": 0}, {"model": None}, {"_model": 1}),
    ],
)
def test_a_checkpoint_sets_no_paths_and_no_methods_of_callbacks(harm):
    saver = Saver()
    saver.set_model(new_model())
    before = dict(vars(saver))
    with pytest.raises(ValueError, match="restores numbers and arrays of Saver.*that sets"):
        state.restore_callback(saver, {"number": 2, **harm})
    assert vars(saver) == before


def test_numbers_and_arrays_are_set_also_where_there_was_nothing():
    saver = Saver()
    state.restore_callback(saver, {"number": 2, "best": 0.5, "lazy": np.ones(2)})
    assert (saver.number, saver.best, list(saver.lazy)) == (2, 0.5, [1, 1])


def test_text_that_a_callback_changes_is_said_not_to_be_kept():
    saver = Saver()
    before = state.initial_state(saver)
    saver.filepath, saver.number = "other.keras", 5
    with pytest.warns(UserWarning, match="changed the text 'filepath'"):
        assert state.changes(saver, before) == {"number": 5}


ABOUT = {"epoch": 1, "step": 0, "ended": False, "means": {}, "history": {}}


@pytest.mark.parametrize(
    "about",
    [
        *({}, {"epoch": "1"}, {"step": -1}, {"means": []}, {"callbacks": [["Saver"]]}),
        *({"callbacks": [[1, {}]]}, {"names": 3}, {"names": ["a", "b"]}),
    ],
)
def test_a_checkpoint_of_another_form_is_damaged(tmp_path, about):
    whole = {**ABOUT, "callbacks": [], "names": []} | about if about else {}
    files.write(files.path_of(tmp_path, 2, 0), whole, [np.zeros(1)])
    with pytest.raises(ValueError, match="damaged ones only"):
        _ = ExactResume(tmp_path).position


def test_state_that_a_callback_cannot_take_is_refused(tmp_path):
    for harm in ({}, {"text": 3, "seconds": 0.0}):
        with pytest.raises(ValueError, match="of JsonLines. Received: one that sets"):
            state.restore_callback(JsonLines(tmp_path / "a.jsonl"), harm)


def test_nothing_is_read_or_written_before_fit(tmp_path):
    folder = tmp_path / "checkpoints"
    resume = ExactResume(folder)
    assert not folder.exists()
    assert not resume.found and resume.position.epoch == 0
    assert not folder.exists()


def test_an_object_is_for_one_fit(tmp_path):
    model, resume = new_model(), ExactResume(tmp_path, say=lambda text: None)
    model.fit(X, verbose=0, callbacks=[resume])
    with pytest.raises(RuntimeError, match="a new ExactResume for each call of fit"):
        model.fit(X, verbose=0, callbacks=[resume])


@pytest.mark.parametrize("name", ["minutes", "steps", "keep"])
def test_numbers_that_cannot_be_meant_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f"Expected {name} above 0. Received: 0"):
        ExactResume(tmp_path, **{name: 0})


@pytest.mark.slow
def test_a_training_that_stopped_early_stays_so(tmp_path):
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=1e9)
    first = train(tmp_path, callbacks=[stop])
    assert len(first["lines"]) < EPOCHS
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=1e9)
    assert_same(train(tmp_path, "on_train_batch_end", 0, callbacks=[stop]), first)


@pytest.mark.slow
@pytest.mark.parametrize(
    "event",
    [
        "on_train_batch_end",
        pytest.param("on_test_batch_begin", marks=pytest.mark.long),
        pytest.param("on_epoch_end", marks=pytest.mark.long),
    ],
)
def test_sigterm_writes_a_checkpoint_and_leaves(whole, tmp_path, event, capsys):
    class Terminate(keras.callbacks.Callback):
        sent = False

        def send(self, *arguments):
            if not Terminate.sent:
                Terminate.sent = True
                os.kill(os.getpid(), signal.SIGTERM)

    terminate = Terminate()
    setattr(terminate, event, terminate.send)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        train(tmp_path, callbacks=[terminate], steps=None)
    assert end.value.code == TERMINATED == 75
    assert signal.getsignal(signal.SIGTERM) is before
    assert "Terminated. The training goes on from" in capsys.readouterr().err
    place = {"on_train_batch_end": (0, 1), "on_test_batch_begin": (0, 5), "on_epoch_end": (1, 0)}
    newest = files.list_checkpoints(tmp_path / "checkpoints")[-1]
    assert newest == files.path_of(newest.parent, *place[event])
    assert_same(train(tmp_path, callbacks=[Terminate()]), whole)


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_written_ends_training_and_those_before_stay(
    whole, tmp_path, monkeypatch
):
    fsync = os.fsync
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 8:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"write a checkpoint of .* MB.* No space .*epoch-000000"):
            train(tmp_path)
    assert_same(train(tmp_path), whole)


@pytest.mark.long
def test_checkpoints_come_after_minutes_but_cost_at_most_two_percent(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    write, written = files.write, []

    def slowly(path, about, arrays):
        written.append((about["epoch"], about["step"]))
        clock[0] += cost
        return write(path, about, arrays)

    class Step(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock[0] += 30.0

    monkeypatch.setattr(files, "write", slowly)
    for cost in (1.0, 4.0):  # noqa: B007  (The function above reads it.)
        train(tmp_path / str(cost), minutes=1.0, steps=None, callbacks=[Step()])
    cheap = [(0, 0), (0, 2), (0, 4), (1, 1), (1, 3), (1, 5), (2, 2), (2, 4), (3, 1), (3, 3), (3, 5)]
    # 4 s a time are 2 percent of 200 s, which are 7 steps.
    assert written == [*cheap, (4, 0), (0, 0), (1, 2), (2, 4), (4, 0)]
