"""A `fit` that is interrupted anywhere ends with the bits of one that is not."""

import os
import signal

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks import TERMINATED
from keras_vae.checkpointing import files
from tests.support.interruption import EPOCHS, X, assert_same, damage, new_model, train


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("event", "number"),
    [
        ("on_train_batch_end", 1),
        pytest.param("on_train_batch_end", 5, marks=pytest.mark.long),
        ("on_train_batch_begin", 7),
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
    for number in (2, 2, 2, 2):
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

    train(tmp_path, "on_train_batch_end", 5, callbacks=[Count()])
    assert seen == [0, 1, 2, 0, 1, 2]
    train(tmp_path, callbacks=[Count()])
    assert seen[6:] == [2, 0, 1, 2]  # The last checkpoint was after two steps.


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_some_steps_and_no_bit(whole, tmp_path):
    train(tmp_path, "on_train_batch_end", 5)
    damage(tmp_path)
    said = []
    assert_same(train(tmp_path, say=said.append), whole)
    assert "damaged" in said[0]
    assert said[1].startswith("Resumed after")


@pytest.mark.slow
def test_preprocessing_is_the_same_after_an_interruption(tmp_path):
    layers = [keras.layers.Rescaling(0.3), kv.layers.FillGaps(0.1)]
    whole = train(tmp_path / "whole", model=new_model(layers))
    assert train(tmp_path / "parts", "on_train_batch_end", 5, model=new_model(layers)) is None
    assert_same(train(tmp_path / "parts", model=new_model(layers)), whole)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_data_that_shuffle_are_passed_over_in_the_same_order(tmp_path):
    import tensorflow as tf

    def data():
        return tf.data.Dataset.from_tensor_slices(X).shuffle(20, seed=4).batch(8)

    whole = train(tmp_path / "whole", data=data)
    assert train(tmp_path / "parts", "on_train_batch_end", 7, data=data) is None
    assert_same(train(tmp_path / "parts", data=data), whole)


@pytest.mark.long
@pytest.mark.tensorflow
def test_steps_in_one_go_and_a_compiled_step_change_nothing(tmp_path):
    import tensorflow as tf

    rows = np.concatenate([X, X[:12]])

    def model():
        return new_model(run_eagerly=False, jit_compile=False, steps_per_execution=2)

    def data():
        return tf.data.Dataset.from_tensor_slices(rows).shuffle(32, seed=4).batch(8)

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
    place = {"on_train_batch_end": (0, 1), "on_test_batch_begin": (0, 3), "on_epoch_end": (1, 0)}
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
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"write a checkpoint of .* MB.* No space .*epoch-000000"):
            train(tmp_path)
    assert_same(train(tmp_path), whole)
