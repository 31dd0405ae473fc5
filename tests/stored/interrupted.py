"""A short training with checkpoints, which the stored ones continue."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_vae as kv

EPOCHS = 2
X = np.random.default_rng(0).random((12, 3)).astype("float32")


class Killed(Exception):
    pass


class Kill(keras.callbacks.Callback):
    """Interrupts the training before a step of the second epoch."""

    def __init__(self, step: int | None) -> None:
        super().__init__()
        self.kill_at = step
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.epoch == 1 and batch == self.kill_at:
            raise Killed


def train(folder: Path, kill_at: int | None = None) -> tuple[Any, dict[str, list[float]]]:
    """Train, or continue from the checkpoints in `folder`, and return the model and the history."""
    keras.utils.set_random_seed(3)
    # The default when the checkpoints were written.
    networks = kv.nets.dense((3,), latent_dim=1, hidden=(2,), heads=2, activation="relu")
    beta, geco = kv.schedules.LinearWarmUp(7), kv.controllers.Geco(target=2.0)
    model = kv.VAE(*networks, beta=beta, loss_weights={"reconstruction": geco}, seed=1)
    rate = keras.optimizers.schedules.CosineDecay(0.05, 6)
    model.compile(keras.optimizers.Adam(rate), run_eagerly=True)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    others = [stop, Kill(kill_at)]
    resume = kv.callbacks.ExactResume(folder, callbacks=others, minutes=None, steps=1)
    validation = (X[:4],)
    history = model.fit(
        X, epochs=EPOCHS, batch_size=4, validation_data=validation, callbacks=[resume], verbose=0
    ).history
    return model, history
