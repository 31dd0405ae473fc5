"""The presets of the package: whole, small, described, and as good as their cards say."""

import functools
from pathlib import Path

import numpy as np
import pytest
import yaml

import keras_vae as kv
from keras_vae.presets import places
from tests.support.models import array
from tools.presets.entries import ENTRIES

MOST_BYTES = 5_000_000
CLASSES = {
    "conv_vae_fashion_mnist": kv.ConvVAE,
    "denoising_digits": kv.DenoisingAutoencoder,
    "detector_sneakers": kv.AnomalyDetector,
    "lstm_mnist1d": kv.LSTMAutoencoder,
    "vae_digits": kv.VAE,
    "vq_vae_fashion_mnist": kv.VQVAE,
}
# A metric that each card must have.
METRICS = {
    **{"conv_vae_fashion_mnist": "elbo", "vae_digits": "elbo", "denoising_digits": "psnr_denoised"},
    **{"detector_sneakers": "auroc", "lstm_mnist1d": "mse", "vq_vae_fashion_mnist": "mse"},
}


@functools.cache
def read(name):
    return kv.presets.read(name)


def test_there_are_six_and_each_has_a_recipe():
    assert kv.presets.names() == sorted(CLASSES) == sorted(ENTRIES)


def test_they_are_small():
    files = [path for path in places.SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    listed = {place.path / file for place in map(read, CLASSES) for file in place.config["files"]}
    assert {path for path in files if path.name != "config.json"} == listed


@pytest.mark.parametrize("name", CLASSES)
def test_a_card_has_metrics_exports_license_and_the_command_that_made_it(name):
    preset = read(name)
    assert METRICS[name] in preset.metrics
    assert preset.config["license"] == "apache-2.0" and preset.config["model"]["weights"]
    assert preset.config["command"] == f"python -m tools.presets {name}"
    assert preset.config["data"].keys() == {"name", "title", "url", "license"}
    formats = {row["format"]: row for row in preset.config["exports"]}
    assert {*formats} == {"SavedModel", "LiteRT, float32", "LiteRT, float16"}
    assert all(row["bytes"] > 0 and row["error"] < 0.05 for row in formats.values())
    head = yaml.safe_load(preset.card.split("---\n")[1])
    assert head["library_name"] == "keras_vae" and head["model-index"][0]["name"] == name
    for text in (*preset.metrics, *formats, preset.config["command"], f'from_preset("{name}")'):
        assert text in preset.card, text


@pytest.mark.parametrize("name", CLASSES)
def test_a_preset_loads_and_answers(name):
    model = kv.from_preset(name)
    assert type(model) is CLASSES[name]
    shape = tuple(read(name).config["model"]["event_shape"])
    assert np.isfinite(array(model.score(np.full((2, *shape), 0.5, "float32")))).all()


def test_a_detector_keeps_its_threshold():
    preset = read("detector_sneakers")
    assert kv.from_preset("detector_sneakers").threshold.value == preset.threshold
    assert preset.labels.index("Sneaker") == 7
    assert preset.metrics["auroc"]["value"] > 0.9
    assert abs(preset.metrics["false_positive_rate"]["value"] - 0.05) < 0.02


@pytest.mark.parametrize("name", ["vae_digits", "denoising_digits"])
def test_a_metric_of_the_card_is_that_of_the_model(name):
    from keras_vae.training.data.loading import as_floats, load

    x = as_floats(load("digits").test)
    error = np.square(array(kv.from_preset(name).reconstruct(x)).astype("float64") - x).mean()
    assert error == pytest.approx(read(name).metrics["mse"]["value"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["vae_digits", "denoising_digits"])
def test_the_command_on_the_card_measures_what_is_on_it(name):
    from keras_vae.training.evaluate import measure_model
    from keras_vae.training.runs.run_directory import open_run

    assert f"`keras-vae evaluate {name}`" in read(name).card
    run = open_run(name)
    found = measure_model(run.model(), run.data(), batch_size=250)["measures"]
    for metric, entry in read(name).metrics.items():
        assert found[metric]["value"] == pytest.approx(entry["value"], rel=1e-5), metric


def test_a_preset_is_a_lone_model_for_programs_and_knows_its_data(tmp_path, monkeypatch):
    from keras_vae.training.runs.run_directory import open_run

    run = open_run("vae_digits")
    assert run.path.suffix == ".keras" and type(run.model()) is kv.VAE
    assert run.data().name == "digits" and run.notes == []
    path = run.model().save_to_preset(tmp_path / "mine")
    with pytest.raises(ValueError, match="Give --data NAME"):
        open_run(path).data()


def test_the_program_lists_them_and_shows_a_card(capsys):
    from keras_vae.presets.program import presets

    presets()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(CLASSES)]] == sorted(CLASSES)
    presets("vae_digits")
    assert capsys.readouterr().out == read("vae_digits").card


def test_the_page_of_the_guide_lists_them():
    text = (Path(__file__).parents[2] / "docs/presets.md").read_text()
    assert all(f"| `{name}` |" in text for name in CLASSES)
