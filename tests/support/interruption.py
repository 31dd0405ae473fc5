"""A training that forgets nothing easily, interrupted at any of its events."""

import json

import keras
import numpy as np

import keras_vae as kv
from keras_vae.callbacks import ExactResume, JsonLines
from keras_vae.checkpointing import files, state

X = np.random.default_rng(0).random((20, 6), dtype="float32")
EPOCHS, STEPS = 3, 3  # 20 rows in batches of 8, the last one ragged.


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


def damage(folder):
    newest = files.list_checkpoints(folder / "checkpoints")[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
