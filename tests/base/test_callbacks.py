"""What happens around an epoch, and files that are never half written."""

import json
import os
import re

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.callbacks import JsonLines, LatentReport, SafeCheckpoint, StopOnNonFinite
from keras_vae.files.atomic import save_model, write_atomically

pytestmark = pytest.mark.usefixtures("eager_functions")

X = np.random.default_rng(0).random((32, 6), dtype="float32")


def small_vae(beta=1.0, learning_rate=1e-3):
    encoder, decoder = kv.nets.dense((6,), latent_dim=2, hidden=(8,), heads=2)
    model = kv.VAE(encoder, decoder, beta=beta, seed=0)
    model.compile(keras.optimizers.SGD(learning_rate), jit_compile=False)
    return model


def fit(model, *callbacks, epochs=1):
    return model.fit(X, epochs=epochs, batch_size=16, verbose=0, callbacks=list(callbacks))


def test_the_file_has_a_line_an_epoch_with_the_logs_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"epoch": 0}\n')
    history = fit(small_vae(), JsonLines(path), epochs=2).history
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert [line["loss"] for line in lines[1:]] == history["loss"]
    assert all(0 < line["seconds"] < 600 for line in lines[1:])


def test_numbers_that_json_has_not_are_null(tmp_path):
    callback = JsonLines(tmp_path / "m.jsonl")
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"loss": float("nan"), "kl": float("inf"), "units": 3})
    line = json.loads((tmp_path / "m.jsonl").read_text(), parse_constant=pytest.fail)
    assert (line["loss"], line["kl"], line["units"]) == (None, None, 3)


def test_the_checkpoint_is_the_model_with_its_optimizer(tmp_path):
    model = small_vae()
    fit(model, SafeCheckpoint(tmp_path / "m.keras"))
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 2
    codes, same = (keras.ops.convert_to_numpy(m.encode(X)) for m in (model, loaded))
    np.testing.assert_array_equal(same, codes)
    assert os.listdir(tmp_path) == ["m.keras"]


def test_a_loss_that_is_not_finite_ends_training_before_the_checkpoint(tmp_path):
    model = small_vae(learning_rate=1e30)
    with pytest.raises(RuntimeError, match=r"Received: (kl|reconstruction)=(nan|-?inf) in step"):
        fit(model, StopOnNonFinite(), SafeCheckpoint(tmp_path / "m.keras"), epochs=3)
    assert not (tmp_path / "m.keras").exists()


def test_what_is_left_of_a_broken_training_is_kept_for_a_post_mortem(tmp_path):
    model = small_vae(learning_rate=1e30)
    with pytest.raises(RuntimeError, match=r"of epoch 1\..*now: .*post_mortem\.keras"):
        fit(model, StopOnNonFinite(tmp_path), epochs=3)
    left = keras.saving.load_model(tmp_path / "post_mortem.keras")
    for one, other in zip(left.variables, model.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    about = json.loads((tmp_path / "post_mortem.json").read_text(), parse_constant=pytest.fail)
    assert re.match(r"(kl|reconstruction)=(nan|-?inf) in step \d of epoch 1", about["found"])
    assert "loss" in about["last_finite_means"]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Expected a loss that falls")
@pytest.mark.parametrize("name", ["Adam", "SGD"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "normal_per_element"])
def test_a_learning_rate_of_ten_ends_with_finite_losses_or_with_the_error(name, likelihood):
    encoder, decoder = kv.nets.dense(
        (6,), latent_dim=2, hidden=(8,), heads=2, decoder_heads=1 + (likelihood != "bernoulli")
    )
    model = kv.VAE(encoder, decoder, likelihood=likelihood, seed=0)
    model.compile(getattr(keras.optimizers, name)(10.0), jit_compile=False)
    try:
        history = fit(model, StopOnNonFinite(), epochs=5).history
    except RuntimeError as error:
        assert re.search("Received: (kl|reconstruction)=", str(error))
    else:
        assert all(np.isfinite(values).all() for values in history.values())


def test_active_units_are_counted_for_the_callbacks_that_follow(tmp_path):
    said = []
    history = fit(small_vae(), LatentReport(X, said.append), JsonLines(tmp_path / "m")).history
    line = json.loads((tmp_path / "m").read_text())
    assert line["val_active_units"] in (0, 1, 2)
    assert "loss" in history


@pytest.mark.parametrize(("spread", "steps"), [(0.0, 100), (1.0, 100), (0.0, 99)])
def test_a_collapsed_posterior_is_said_in_words(spread, steps):
    said = []
    model = small_vae()
    model.encoder.get_layer("z_mean").kernel.assign(
        spread * np.random.default_rng(0).normal(size=(8, 2))
    )
    model.steps.assign(steps)
    report = LatentReport(10 * X, said.append)
    report.set_model(model)
    report.on_epoch_end(0, {})
    report.on_train_end()
    assert bool(said) == (spread == 0.0 and steps == 100)
    assert all("posterior has collapsed" in text and "beta" in text for text in said)


def test_a_model_without_a_posterior_is_left_alone():
    encoder, decoder = kv.nets.dense((6,), latent_dim=2, hidden=())
    model = kv.Autoencoder(encoder, decoder)
    report = LatentReport(X, pytest.fail)
    report.set_model(model)
    logs = {}
    report.on_epoch_end(0, logs)
    report.on_train_end()
    assert logs == {}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def half(temporary):
        temporary.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_until_the_new_file_is_whole_the_old_one_is_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    seen = []

    def write(temporary):
        temporary.write_text("new")
        seen.append(path.read_text())

    write_atomically(path, write)
    assert seen == ["old"]
    assert path.read_text() == "new"


def test_a_model_is_saved_under_no_other_suffix(tmp_path):
    with pytest.raises(ValueError, match="ends in .keras"):
        save_model(small_vae(), tmp_path / "m.h5")
