"""Choosing a model on validation images: the best epoch is kept, and resuming repeats it."""

import json
import math

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.training.runs import best_epoch, pictures, run_directory
from keras_vae.training.train import main

pytestmark = pytest.mark.tensorflow

RECIPE = '''
from keras_vae.training.recipes import Recipe

def recipe(
    protocol: str = "dynamic", best: str = "elbo", patience: int | None = None, rate: float = 1e-2,
    vamp: bool = False, image_shape: tuple = (8, 8, 1), seed: int = 0
) -> Recipe:
    """A VAE that trains in a second."""
    import keras
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, 2, (8,), heads=2)
    model = kv.VampVAE(*networks, components=5) if vamp else kv.VAE(*networks, seed=seed)
    schedules = keras.optimizers.schedules
    return Recipe(
        model, lambda steps: keras.optimizers.SGD(schedules.CosineDecay(rate, steps)),
        data="digits", epochs=3, batch_size=10, protocol=protocol, best=best, patience=patience,
        adapt=vamp,
    )
'''


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "chosen.py"
    path.write_text(RECIPE)
    return path


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(pictures, "draw", lambda *arguments: [])


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([*map(str, words), "--limit", "60"])
    return end.value.code


def weights(path):
    return [np.asarray(v) for v in run_directory.load_model(path).trainable_variables]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def written(folder, *values):
    lines = [json.dumps({"epoch": i + 1, "val_elbo": value}) for i, value in enumerate(values)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


class Model:
    terms = ("reconstruction", "kl")
    stop_training = False


def keeper(folder, **arguments):
    callback = best_epoch.KeepBest(folder, **arguments)
    callback.set_model(Model())
    return callback


def after_each_epoch(folder, values, **arguments):
    """What best.keras holds when each epoch has written its number as its model."""
    callback, held = keeper(folder, **arguments), []
    for count in range(1, len(values) + 1):
        written(folder, *values[:count])
        (folder / "model.keras").write_text(str(count))
        callback.on_epoch_end(count - 1)
        held.append((folder / "best.keras").read_text())
    return held, callback.model.stop_training


def test_the_file_is_always_that_of_the_highest_bound(tmp_path):
    held, stopped = after_each_epoch(tmp_path, [-9.0, -8.0, -8.5, None, -7.0, -7.5])
    assert held == ["1", "2", "2", "2", "5", "5"]
    assert not stopped


def test_patience_counts_the_epochs_since_the_best(tmp_path):
    assert after_each_epoch(tmp_path, [-9.0, -8.0, -8.5], patience=2) == (["1", "2", "2"], False)
    assert after_each_epoch(tmp_path, [-9.0, -8.0, -8.5, -8.1], patience=2)[1]


def test_a_loss_term_is_to_be_low(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"val_kl": 3.0, "val_elbo": -1.0}\n{"val_kl": null}\n')
    assert best_epoch.epoch_costs(path, "kl") == [3.0, math.inf]
    assert best_epoch.epoch_costs(path, "elbo") == [1.0, math.inf]


def test_a_crash_between_the_two_files_is_mended_at_the_next_start(tmp_path):
    written(tmp_path, -9.0, -8.0)
    (tmp_path / "model.keras").write_text("2")
    (tmp_path / "best.keras").write_text("1")
    keeper(tmp_path).keep()
    assert (tmp_path / "best.keras").read_text() == "2"


def test_what_the_model_does_not_measure_cannot_choose(recipe, tmp_path, capsys):
    assert run(recipe, "--out", tmp_path / "run", "--best", "loss_of_hair") == 2
    assert "one of ('elbo', 'reconstruction', 'kl'). Received: 'loss" in capsys.readouterr().err


def test_an_unknown_protocol_is_refused_before_training(recipe, tmp_path, capsys):
    assert run(recipe, "--out", tmp_path / "run", "--protocol", "statc") == 2
    assert "Expected a protocol" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_training_under_a_protocol_keeps_the_best_and_says_what_it_saw(recipe, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(recipe, "--out", out, "--epochs", "4") == 0
    printed = capsys.readouterr().out
    assert "digits, protocol dynamic: 50 training and 10 validation images" in printed
    assert "best.keras" in printed
    opened = run_directory.open_run(out)
    assert opened.protocol == "dynamic"
    assert opened.model_path == out / "best.keras"
    costs = best_epoch.epoch_costs(out / "metrics.jsonl", "elbo")
    is_last = costs.index(min(costs)) == 3
    assert same(weights(out / "best.keras"), weights(out / "model.keras")) == is_last


@pytest.mark.slow
def test_a_training_that_only_gets_worse_keeps_its_first_epoch_and_ends(recipe, tmp_path, capsys):
    out = tmp_path / "run"
    # The KL is least before anything is learned.
    words = ["--rate", "0.03", "--best", "kl"]
    assert run(recipe, "--out", out, "--epochs", "9", *words, "--patience", "2") == 0
    costs = best_epoch.epoch_costs(out / "metrics.jsonl", "kl")
    assert len(costs) == costs.index(min(costs)) + 3 < 9
    assert "No better val_kl for 2 epochs" in capsys.readouterr().out
    assert not same(weights(out / "best.keras"), weights(out / "model.keras"))


@pytest.mark.long
def test_a_run_in_two_parts_has_the_best_of_one_in_one(recipe, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(recipe, "--out", whole) == 0

    def interrupt(self, epoch, logs=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(keras.callbacks.TensorBoard, "on_epoch_end", interrupt)
        assert run(recipe, "--out", parts) == 130
    assert run(recipe, "--out", parts, "--resume") == 0
    for name in ("best.keras", "model.keras"):
        assert same(weights(whole / name), weights(parts / name))


@pytest.mark.slow
def test_epochs_of_a_scheduled_training_are_not_changed_on_the_way(recipe, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(recipe, "--out", out, "--epochs", "2") == 0
    assert run(recipe, "--out", out, "--resume", "--epochs", "3") == 2
    assert "Expected --epochs 2, over which the learning rate" in capsys.readouterr().err


@pytest.mark.slow
def test_the_learning_rate_falls_to_zero_over_the_whole_training(recipe, tmp_path):
    assert run(recipe, "--out", tmp_path / "run", "--epochs", "2") == 0
    model = run_directory.load_model(tmp_path / "run" / "model.keras", compile=True)
    assert int(model.optimizer.iterations) == 10
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_a_recipe_can_ask_for_a_start_from_the_data(recipe, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(kv.VampVAE, "adapt", lambda self, data: seen.append(next(iter(data))))
    assert run(recipe, "--out", tmp_path / "run", "--vamp", "--epochs", "1") == 0
    assert len(np.unique(np.asarray(seen[0]))) > 2  # Grey images, not binary draws of them.
