"""The callbacks of Keras work with what the models log."""

import keras
import numpy as np
import pytest

from tests.support import linear
from tests.support.linear import BATCH, X
from tests.support.models import FAST, assert_equal, values


def fit(model, *callbacks, epochs=3, optimizer="sgd"):
    model.compile(optimizer, **FAST)
    return model.fit(
        X,
        epochs=epochs,
        batch_size=BATCH,
        validation_data=(X,),
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
    )


@pytest.mark.filterwarnings("ignore:Expected a loss that falls")
def test_early_stopping_stops_on_the_bound_and_restores_the_best_weights():
    model = linear.vae()
    stop = keras.callbacks.EarlyStopping(
        "val_elbo", mode="max", patience=1, restore_best_weights=True
    )
    rising = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.05 if epoch < 2 else 10.0)
    history = fit(model, stop, rising, epochs=20)
    assert 3 <= len(history.history["val_elbo"]) < 20
    logs = model.evaluate(X, batch_size=BATCH, return_dict=True, verbose=0)
    best = np.nanmax(history.history["val_elbo"])
    assert logs["elbo"] == pytest.approx(best, rel=0.2)  # Up to the noise of the estimate.


def test_model_checkpoint_keeps_the_best_model(tmp_path):
    model = linear.autoencoder()
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "val_loss", save_best_only=True)
    worse = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.05 if epoch < 2 else -0.05)
    history = fit(model, best, worse, epochs=4)
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    logs = loaded.evaluate(X, batch_size=BATCH, return_dict=True, verbose=0)
    assert logs["loss"] == pytest.approx(min(history.history["val_loss"]), rel=1e-5)
    assert np.argmin(history.history["val_loss"]) == 1


@pytest.mark.slow
def test_a_run_that_was_killed_continues_where_it_was(tmp_path):
    """Keras's own BackupAndRestore: weights, optimizer, noise and steps."""
    whole = linear.vae()
    fit(whole, epochs=4, optimizer="adam")
    first = linear.vae()
    with pytest.raises(InterruptedError):
        fit(first, keras.callbacks.BackupAndRestore(tmp_path), Kill(2), optimizer="adam", epochs=4)
    second = linear.vae()
    fit(second, keras.callbacks.BackupAndRestore(tmp_path), optimizer="adam", epochs=4)
    assert_equal(values(second.variables), values(whole.variables), rtol=1e-5, atol=1e-6)


class Kill(keras.callbacks.Callback):
    """Ends training at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise InterruptedError


def test_learning_rates_follow_their_callbacks():
    model = linear.autoencoder()
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = fit(model, halve, optimizer=keras.optimizers.SGD(0.08))
    assert history.history["learning_rate"] == pytest.approx([0.04, 0.02, 0.01])


def test_logs_are_written_to_csv(tmp_path):
    fit(linear.vae(), keras.callbacks.CSVLogger(tmp_path / "log.csv"))
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert len(rows) == 3
    assert set(header.split(",")) >= {"epoch", "loss", "elbo", "kl", "val_elbo"}


@pytest.mark.tensorflow
def test_tensorboard_gets_every_term(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(linear.vae(), keras.callbacks.TensorBoard(tmp_path, write_graph=False))
    events = EventAccumulator(str(tmp_path / "validation"), size_guidance={"tensors": 0}).Reload()
    tags = events.Tags()["tensors"]
    assert {"epoch_elbo", "epoch_kl", "epoch_loss", "epoch_reconstruction"} <= set(tags)
    assert len(events.Tensors("epoch_elbo")) == 3


def test_a_callback_may_change_a_weight_of_the_loss_during_training():
    """In a compiled step too, where a number would have been frozen."""
    model = linear.vae(beta=1.0)

    class Double(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.loss_weights["kl"].assign(float(2**epoch))

    model.compile(keras.optimizers.SGD(0.0))
    history = model.fit(X, epochs=3, batch_size=BATCH, callbacks=[Double()], verbose=0).history
    found = (np.array(history["loss"]) - history["reconstruction"]) / history["kl"]
    np.testing.assert_allclose(found, [1, 2, 4], rtol=1e-4)
