"""Pictures after a training: as many as the data allow, and never its exit status."""

import json

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.training.data.sources.base import Data
from keras_vae.training.runs import pictures
from tests.support.models import uniform

LABELED = {"train_labels": np.arange(20) % 3, "label_names": ("a", "b", "c")}


@pytest.fixture(scope="module")
def models():
    return {
        "plane": kv.ConvVAE((8, 8, 1), 2, (2,), hidden=4, seed=0),
        "wide": kv.ConvVAE((8, 8, 1), 5, (2,), hidden=4, seed=0),
        "plain": kv.Autoencoder(*kv.nets.dense((8, 8, 1), 5), seed=0),
        "series": kv.LSTMVAE((4, 2), 3, units=(3,), seed=0),
    }


def data_of(kind, count, labeled):
    series = kind == "series"
    train, test = (uniform(n, *((4, 2) if series else (8, 8, 1))) for n in (20, count))
    if not series:
        train, test = ((255 * x).astype("uint8") for x in (train, test))
    labels = {**LABELED, "test_labels": np.arange(count) % 3} if labeled else {}
    return Data("made", train, test, **labels)


@pytest.mark.long
@pytest.mark.parametrize("labeled", [False, True])
@pytest.mark.parametrize("kind", ["plane", "wide", "plain", "series"])
def test_every_picture_is_drawn_from_one_to_five_test_examples(
    tmp_path, models, capsys, kind, labeled
):
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text(json.dumps({"epoch": 0, "loss": 2.0, "val_loss": 2.0}) + "\n")
    whole = None
    for count in (5, 2, 1):
        folder = tmp_path / str(count)
        drawn = pictures.draw(models[kind], data_of(kind, count, labeled), metrics, folder)
        assert capsys.readouterr().err == ""
        found = {path.stem for path in drawn}
        assert {path.stem for path in folder.glob("*.png")} == found
        whole = whole or found
        # Between one example and another there must be another.
        assert whole - found <= ({"interpolation"} if count == 1 else set())


def test_a_picture_that_fails_is_named_and_the_others_are_drawn(
    tmp_path, models, capsys, monkeypatch
):
    def broken(*_, **__):
        raise RuntimeError("no ink")

    monkeypatch.setattr(kv.plots, "reconstructions", broken)
    metrics = tmp_path / "nothing.jsonl"  # Loss curves fail, too.
    drawn = pictures.draw(models["plain"], data_of("plain", 5, False), metrics, tmp_path / "p")
    error = capsys.readouterr().err
    assert "No picture reconstructions: no ink" in error and "No picture loss_curves:" in error
    assert {path.stem for path in drawn} == {"latents", "interpolation"}


def test_a_folder_that_cannot_be_made_is_no_failure_of_the_training(tmp_path, models, capsys):
    (tmp_path / "pictures").touch()
    data = data_of("plain", 5, False)
    assert pictures.draw(models["plain"], data, tmp_path / "m", tmp_path / "pictures") == []
    assert "No pictures:" in capsys.readouterr().err
