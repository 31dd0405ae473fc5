"""A checkpoint of another training is refused before a weight moves."""

import types

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks import ExactResume, JsonLines
from keras_vae.checkpointing.replay import Replay
from tests.support.interruption import EPOCHS, StopAt, X, new_model, train


def test_more_steps_in_one_go_than_fit_are_refused():
    with pytest.raises(ValueError, match="divide the 2 steps of the checkpoint. Received: 4"):
        Replay(0, 2, draw=True).start(types.SimpleNamespace(steps_per_execution=4), {})


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_that_end_before_the_checkpoint_are_refused(tmp_path):
    train(tmp_path, "on_train_batch_end", 2)
    model = new_model()
    resume = ExactResume(tmp_path / "checkpoints", say=lambda text: None)
    step = model.make_train_function() or model.train_function
    with pytest.raises(ValueError, match="Expected the callbacks of"):
        model.fit(X, epochs=EPOCHS, batch_size=8, callbacks=[resume], verbose=0)
    other = [JsonLines(tmp_path / "m"), keras.callbacks.EarlyStopping(), StopAt()]
    resume = ExactResume(tmp_path / "checkpoints", other, say=lambda text: None)
    one = ((X[:8],) for _ in range(1))  # Nobody can tell how many these are.
    with pytest.raises(ValueError, match="at least the 2 steps .* Received: 1"):
        model.fit(one, epochs=EPOCHS, callbacks=[resume], shuffle=False, verbose=0)
    assert model.train_function is step
    assert model.evaluate(X, verbose=0, return_dict=True)


@pytest.mark.parametrize("rows", [X[:16], np.concatenate([X, X])], ids=["fewer", "more"])
def test_data_of_another_number_of_steps_are_refused(tmp_path, rows):
    train(tmp_path, "on_train_batch_end", 2)
    other = [JsonLines(tmp_path / "m"), keras.callbacks.EarlyStopping(), StopAt()]
    resume = ExactResume(tmp_path / "checkpoints", other, say=lambda text: None)
    with pytest.raises(ValueError, match=r"data of 3 steps an epoch.*Received: (2|5) steps"):
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
    monkeypatch.setattr("tests.support.interruption.EPOCHS", 2)
    with pytest.raises(ValueError, match="Expected at least 3 epochs.* Received: 2"):
        train(tmp_path)
