"""The program that compares classifiers: which labels it takes, what it trains, what it refuses."""

import json
import shutil

import numpy as np
import pytest

from keras_vae import cli
from keras_vae.training import classify


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(classify.classify, [str(word) for word in words])
    return end.value.code


LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(4), [30, 20, 25, 25]))


def test_numbers_of_labels_are_read():
    assert classify.numbers_of_labels("100, 1_000,all") == [100, 1000, None]


def test_as_many_of_each_class_are_chosen_and_sets_are_nested():
    few, more = (classify.choose_images(LABELS, count, seed=3) for count in (12, 40))
    assert np.bincount(LABELS[few]).tolist() == [3] * 4
    assert np.bincount(LABELS[more]).tolist() == [10] * 4
    assert set(few) < set(more) and (np.diff(few) > 0).all()
    assert set(classify.choose_images(LABELS, 12, seed=4)) != set(few)
    np.testing.assert_array_equal(classify.choose_images(LABELS, None, seed=3), np.arange(100))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "100,many"], "Received: 'many'"),
        (["--labels", "0"], "Received: '0'"),
        (["--labels", ""], "Received: ''"),
        (["--epochs", "0"], "Expected --epochs of at least 1"),
        (["--batch-size", "-1"], "Expected --batch-size of at least 1"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_loaded(words, message, capsys):
    assert run("nowhere", *words) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def folder(tmp_path):
    """A run whose data are two kinds of images: with a light upper or lower half."""
    import keras

    import keras_vae as kv
    from keras_vae.training.runs import run_directory

    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = generator.integers(0, 100, (60, 6, 6, 1), dtype=np.uint8)
    images[labels == 0, :3] += 120
    images[labels == 1, 3:] += 120
    arrays = {"train": images[:40], "test": images[40:]}
    arrays |= {"y_train": labels[:40], "y_test": labels[40:]}
    np.savez(tmp_path / "halves.npz", **arrays)
    np.savez(tmp_path / "bare.npz", train=images, test=images)
    keras.utils.set_random_seed(0)
    model = kv.VAE(*kv.nets.dense((6, 6, 1), 3, (8,), heads=2), seed=0)
    folder = tmp_path / "run"
    folder.mkdir()
    model.save(folder / "model.keras")
    settings = {"data": str(tmp_path / "halves.npz")}
    config = {"recipe": "vae_digits", "arguments": {}, "image_shape": [6, 6, 1]}
    run_directory.write_config(folder, {**config, "settings": settings})
    return folder


FAST = ("--repeats", 1, "--epochs", 1, "--learning-rate", 0.03, "--batch-size", 10)


@pytest.mark.long
@pytest.mark.tensorflow
def test_three_networks_are_compared_and_the_table_is_kept(folder, capsys):
    assert run(folder, "--labels", "10,all", "--least-steps", 40, "--hidden", 4, *FAST) == 0
    text = (folder / "classification.md").read_text()
    assert text in capsys.readouterr().out
    report = json.loads((folder / "classification.json").read_text())
    assert [row["labels"] for row in report["rows"]] == [10, 40]
    assert all(value == 1.0 for value in report["rows"][1]["accuracy"].values())
    assert report["settings"]["hidden"] == [4] and report["model"] == "VAE"
    cells = [cell.strip() for cell in text.splitlines()[-1].split("|")]
    assert cells[1:3] == ["40", "100.00 (100.00 - 100.00)"]


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.usefixtures("eager_functions")
def test_the_table_of_other_data_is_kept_beside_the_run_s_own(folder):
    short = ("--labels", 10, "--least-steps", 1, *FAST)
    for name in ("other.1", "other.2"):
        shutil.copy(folder.parent / "halves.npz", folder.parent / f"{name}.npz")
        assert run(folder, *short, "--data", folder.parent / f"{name}.npz") == 0
    assert sorted(path.name for path in folder.glob("classification*.json")) == [
        "classification-other.1.json",
        "classification-other.2.json",
    ]


@pytest.mark.tensorflow
def test_networks_differ_in_where_they_start_and_in_what_they_train(folder):
    """After no step: two have the encoder of the run, and all three the same head."""
    from keras_vae.training.runs import run_directory

    opened = run_directory.open_run(str(folder))
    model, settings = opened.model(), {"layer": None, "hidden": (), "dropout": 0.0}
    made = {
        kind: classify.network(model, opened.data(), kind, 5, settings) for kind in classify.KINDS
    }
    x = np.random.default_rng(1).random((3, 6, 6, 1), "float32")
    codes = {kind: np.asarray(m.get_layer("encoder")(x)) for kind, m in made.items()}
    np.testing.assert_array_equal(codes["frozen"], np.asarray(model.encode(x)))
    np.testing.assert_array_equal(codes["fine_tuned"], codes["frozen"])
    assert np.abs(codes["scratch"] - codes["frozen"]).max() > 1e-2
    counts = {kind: len(m.trainable_variables) for kind, m in made.items()}
    assert counts == {"frozen": 2, "fine_tuned": 6, "scratch": 6}


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "bare.npz"], "data with labels"),
        (["--labels", "11"], "multiples of 2.*up to 40. Received: 11"),
        (["--labels", "100"], "up to 40. Received: 100"),
        (["--layer", "nowhere"], "Expected layer to be one of the encoder's"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder, words, message, capsys, monkeypatch):
    import re

    monkeypatch.chdir(folder.parent)
    assert run(folder, "--labels", "10", *words, *FAST) == 2
    assert re.search(message, capsys.readouterr().err)
