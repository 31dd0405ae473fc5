"""The training program, run as a user runs it, on a tiny recipe and digits."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae.training.runs import folder_lock, pictures, run_directory
from keras_vae.training.session import steps_per_execution
from keras_vae.training.train import few_steps_advice, main

pytestmark = pytest.mark.tensorflow

TINY = '''
from keras_vae.training.recipes import Recipe

def recipe(
    latent_dim: int = 2, learning_rate: float = 1e-3, image_shape: tuple = (8, 8, 1), seed: int = 0
) -> Recipe:
    """A VAE that trains in a second."""
    import keras
    import keras_vae as kv

    encoder, decoder = kv.nets.dense(image_shape, latent_dim, (16,), heads=2)
    return Recipe(
        model=kv.VAE(encoder, decoder, seed=seed),
        optimizer=keras.optimizers.Adam(learning_rate),
        data="digits",
        epochs=3,
        batch_size=16,
    )
'''


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "tiny.py"
    path.write_text(TINY)
    return str(path)


def run(*words):
    """The exit code of `keras-vae train WORDS`."""
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code


def weights(folder):
    """All numbers of the saved model, its optimizer's and its random generators' included."""
    return state_of(run_directory.load_model(folder / "model.keras", compile=True))


def state_of(model):
    variables = [*model.variables, *model.optimizer.variables, model.seed_generator.state]
    return [np.asarray(variable) for variable in variables]


def assert_same(first, second):
    assert len(first) == len(second) > 10
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A run of three epochs at once."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run(tiny, "--out", folder, "--limit", "50", "--seed", "5") == 0
    return folder


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    """Pictures take longer than these trainings; the fixture `trained` has drawn some."""
    monkeypatch.setattr(pictures, "draw", lambda *arguments: [])


def test_a_run_leaves_all_that_is_promised(trained):
    assert {path.name for path in trained.iterdir()} == {
        "model.keras",
        "config.json",
        "metrics.jsonl",
        "checkpoints",
        "logs",
        "pictures",
    }
    pictures = {path.name for path in (trained / "pictures").iterdir()}
    assert pictures >= {
        "reconstructions.png",
        "samples.png",
        "interpolation.png",
        "latents.png",
        "loss_curves.png",
        "traversal.png",
        "manifold.png",
    }
    assert any((trained / "logs" / "train").iterdir())


def test_every_epoch_is_a_line_of_metrics(trained):
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert {"seconds", "loss", "elbo", "val_elbo", "val_active_units"} <= lines[0].keys()
    assert lines[2]["loss"] < lines[0]["loss"]


def test_the_run_opens_with_its_data_and_model(trained):
    opened = run_directory.open_run(trained)
    assert opened.config["image_shape"] == [8, 8, 1]
    assert opened.config["settings"]["seed"] == 5
    assert len(opened.data().train) == 50
    model = opened.model()
    assert model.reconstruct(opened.data().test[:2] / np.float32(255)).shape == (2, 8, 8, 1)
    assert int(model.steps) == 3 * 4  # 50 images in batches of 16.
    assert model.seed == 5


@pytest.mark.long
def test_the_same_seed_gives_the_same_weights_in_another_process(trained, tiny, tmp_path):
    command = [sys.executable, "-m", "training.train", tiny, "--limit", "50", "--seed", "5"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "again")],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"keras-vae evaluate {tmp_path / 'again'}" in done.stdout
    assert "Seed 5" in done.stdout
    assert_same(weights(trained), weights(tmp_path / "again"))


@pytest.mark.slow
def test_a_run_in_two_parts_ends_with_the_weights_of_one_in_one(trained, tiny, tmp_path):
    out = tmp_path / "parts"
    assert run(tiny, "--out", out, "--limit", "50", "--seed", "5", "--epochs", "1") == 0
    # As after a crash between the line of an epoch and its model.
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "seconds": 1.0}\n{"epo')
    assert run(tiny, "--out", out, "--resume", "--epochs", "3") == 0
    assert_same(weights(trained), weights(out))
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    whole = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["val_elbo"] for line in lines] == [line["val_elbo"] for line in whole]
    assert run_directory.open_run(out).config["settings"]["epochs"] == 3


@pytest.mark.slow
def test_a_run_that_ended_before_its_first_epoch_did_starts_again(trained, tiny, tmp_path):
    out = tmp_path / "early"
    out.mkdir()
    (out / "config.json").write_bytes((trained / "config.json").read_bytes())
    assert run(tiny, "--out", out, "--resume") == 0
    assert_same(weights(trained), weights(out))


@pytest.mark.slow
def test_a_run_goes_on_with_as_many_steps_in_one_go_as_it_had(trained, tiny, tmp_path):
    out, config = tmp_path / "before", run_directory.open_run(trained).config
    assert (config["steps_per_epoch"], config["steps_per_execution"]) == (4, 4)
    out.mkdir()
    run_directory.write_config(out, config | {"steps_per_execution": 2})
    assert run(tiny, "--out", out, "--resume") == 0
    assert run_directory.open_run(out).config["steps_per_execution"] == 2
    assert_same(weights(trained), weights(out))


def test_a_complete_run_is_not_trained_again(trained, tiny, capsys, monkeypatch):
    before = (trained / "model.keras").read_bytes()
    drawn = []
    monkeypatch.setattr(pictures, "draw", lambda model, *more: drawn.append(model) or [])
    assert run(tiny, "--out", trained, "--resume") == 0
    assert_same(state_of(drawn[0]), weights(trained))
    assert "All 3 epochs are done" in capsys.readouterr().out
    assert (trained / "model.keras").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "2"], "Expected --epochs of at least 3"),
        (["--latent-dim", "4"], r"--latent-dim 4 (the run has 2)"),
        (["--seed", "6"], r"--seed 6 (the run has 5)"),
        (["--data", "fashion_mnist"], "only --epochs may change"),
    ],
)
def test_a_continuation_as_something_else_is_refused(trained, tiny, capsys, words, message):
    assert run(tiny, "--out", trained, "--resume", *words) == 2
    assert message in capsys.readouterr().err


def test_a_run_is_not_continued_with_another_recipe(trained, capsys):
    assert run("vae_digits", "--out", trained, "--resume") == 2
    assert "Received: vae_digits" in capsys.readouterr().err


def test_a_folder_with_files_is_never_written_to(tiny, tmp_path, capsys):
    (tmp_path / "precious.txt").write_text("mine")
    assert run(tiny, "--out", tmp_path, "--limit", "20") == 2
    assert "has files in it" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["precious.txt"]


def test_a_run_to_continue_must_exist(tiny, tmp_path, capsys):
    assert run(tiny, "--out", tmp_path / "none", "--resume") == 2
    assert "does not exist" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_runs_are_numbered_and_two_at_once_get_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [str(run_directory.create(None, recipe)) for recipe in ("a", "a", "b", "/x/a.py")]
    assert made == ["runs/a-1", "runs/a-2", "runs/b-1", "runs/a-3"]


def test_a_folder_that_cannot_be_made_is_an_error_without_a_traceback(tiny, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(tiny, "--out", tmp_path / "file" / "run", "--limit", "20") == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: Expected a folder as ")
    assert f"Received: the file {tmp_path / 'file'}. (Choose" in said


@pytest.mark.slow
def test_other_images_change_the_model_that_takes_them(tiny, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", train=images, test=images[:10])
    out = tmp_path / "run"
    assert run(tiny, "--out", out, "--data", tmp_path / "mine.npz", "--epochs", "1") == 0
    opened = run_directory.open_run(out)
    assert opened.config["image_shape"] == [6, 5, 3]
    assert opened.model().event_shape == (6, 5, 3)
    assert opened.data().train.shape == (40, 6, 5, 3)


def test_a_recipe_for_one_shape_refuses_images_of_another(tmp_path, capsys):
    path = tmp_path / "rigid.py"
    path.write_text(
        TINY.replace("image_shape: tuple = (8, 8, 1), ", "").replace("image_shape,", "(7, 7, 1),")
    )
    assert run(path, "--out", tmp_path / "run") == 2
    assert "Expected images of shape (7, 7, 1)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_broken_training_ends_with_the_name_of_the_term(tiny, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(tiny, "--out", out, "--limit", "50", "--learning-rate", "1e30") == 2
    assert re.search("Expected finite losses. Received: (kl|reconstr)", capsys.readouterr().err)
    assert not (out / "model.keras").exists()


@pytest.mark.parametrize(
    ("steps", "most"), [(469, 67), (24, 24), (64, 32), (83, 1), (1, 1), (96, 32)]
)
def test_steps_in_one_go_always_divide_an_epoch(steps, most):
    assert steps_per_execution(steps, None) == most


def test_steps_in_one_go_that_would_overrun_an_epoch_are_refused():
    assert steps_per_execution(12, 6) == 6
    with pytest.raises(ValueError, match="1, 2, 3, 4, 6, 12. Received: 5"):
        steps_per_execution(12, 5)


def test_the_seed_orders_the_images(tiny, tmp_path, monkeypatch):
    import keras_vae as kv
    from keras_vae.training.data.loading import load, training_batches

    seen = []

    def first_batch(model, batches, **kwargs):
        seen.extend(np.asarray(batch) for batch in batches.take(1))
        raise KeyboardInterrupt

    monkeypatch.setattr(kv.VAE, "fit", first_batch)
    run(tiny, "--out", tmp_path / "run", "--seed", "5")
    for seed, same in ((5, True), (0, False)):
        expected = next(iter(training_batches(load("digits").train, 16, seed)))
        assert np.array_equal(seen[0], expected) == same


def test_two_processes_do_not_train_in_one_folder(trained, tiny, capsys):
    with folder_lock.lock(trained):
        assert run(tiny, "--out", trained, "--resume") == 2
    assert "another one is at it" in capsys.readouterr().err


def test_an_interrupted_training_says_how_to_go_on(tiny, tmp_path, capsys, monkeypatch):
    import keras_vae as kv

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(kv.VAE, "fit", interrupt)
    out = tmp_path / "run"
    assert run(tiny, "--out", out, "--limit", "50") == 130
    assert f"--out {out} --resume" in capsys.readouterr().err


def test_a_likelihood_that_is_not_for_the_data_is_refused_before_there_is_a_folder(
    tiny, tmp_path, capsys
):
    out = tmp_path / "run"
    assert run("conv_vae_digits", "--likelihood", "categorical", "--out", out) == 2
    assert "last axis of a categorical likelihood" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("steps", "epochs", "batch_size", "said"),
    [(2, 50, 128, "--batch-size 25"), (2, 9, 128, ""), (10, 50, 128, ""), (8, 50, 25, "")],
    ids=["few steps", "few epochs", "ten steps", "a small batch"],
)
def test_many_epochs_of_few_steps_get_advice(steps, epochs, batch_size, said):
    recipe = SimpleNamespace(epochs=epochs, batch_size=batch_size)
    advice = few_steps_advice(steps, recipe, images=256)
    assert said in advice and bool(advice) == bool(said)
