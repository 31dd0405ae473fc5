"""What a checkpoint restores of callbacks: numbers and arrays that have changed, and no more."""

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks import ExactResume, JsonLines
from keras_vae.checkpointing import files, state
from tests.support.interruption import new_model, train


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
    assert train(tmp_path / "parts", "on_train_batch_end", 5, callbacks=[Sum()]) is None
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
