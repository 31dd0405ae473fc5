"""Entries of config.json: one that is saved can be read, and one of a stranger is checked."""

import shutil

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.files import hashed_json
from tests.support.models import dense
from tests.support.presets import kernel, signed, signed_weights, vae

WITH_FLOAT64 = pytest.mark.only_on("tensorflow", "torch")  # JAX has it on demand.
ROW = {"format": "LiteRT", "endpoints": "decode", "bytes": 5, "error": 0.1}


@pytest.fixture(scope="module")
def model():
    return vae()


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "mine"
    model.save_to_preset(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "mine")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"description": 3}, "description to be text"),
        ({"description": "\ud800"}, "description to be text"),
        ({"description": "a" * (5 << 20)}, "at most 4 MB"),
        ({"license": ["mit"]}, "license to be text"),
        ({"labels": ["\ud800"]}, "labels to be a list of names"),
        ({"data": {3: "x"}}, "data to be"),
        ({"data": {"name": 3}}, "data to be"),
        ({"data": {"name": "x", "size": np.zeros(2)}}, "data to be"),
        ({"data": {"name": "x", "size": float("nan")}}, "data to be"),
        ({"metrics": {"mse": {"value": 1, "unit": 3}}}, "metrics to be"),
        ({"metrics": {"mse": {"value": 1, "of": {1, 2}}}}, "metrics to be"),
        ({"metrics": {"": 1}}, "metrics to be"),
        ({"exports": [1]}, "exports with"),
        ({"exports": ROW}, "exports to be a list"),
        ({"exports": "LiteRT"}, "exports to be a list"),
        ({"exports": [{**ROW, "bytes": "5 kB"}]}, "bytes"),
        ({"exports": [{**ROW, "bytes": -5}]}, "bytes"),
        ({"exports": [{**ROW, "error": float("nan")}]}, "error"),
        ({"exports": [{**ROW, "endpoints": ["decode"]}]}, "exports to be"),
    ],
)
def test_an_entry_that_could_not_be_read_is_not_saved(given, message, model, tmp_path):
    with pytest.raises((ValueError, TypeError), match=f"Expected.*{message}") as caught:
        model.save_to_preset(tmp_path / "mine", **given)
    assert isinstance(caught.value, kv.errors.KerasVAEError) and "Received" in str(caught.value)
    assert len(str(caught.value)) < 500 and list(tmp_path.iterdir()) == []


def test_numbers_of_numpy_are_numbers(model, tmp_path):
    rows = [{**ROW, "bytes": np.int64(5), "error": np.float32(0.5)}]
    path = model.save_to_preset(tmp_path / "mine", metrics={"mse": np.float32(0.5)}, exports=rows)
    preset = kv.presets.read(path)
    assert preset.metrics["mse"]["value"] == 0.5 == preset.config["exports"][0]["error"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": 3}, "Expected model in"),
        ({"metrics": {"mse": 3}}, "Expected metrics in"),
        ({"metrics": {"mse": {"value": "low"}}}, "Expected metrics in"),
        ({"metrics": {"mse": {"value": float("inf")}}}, "Expected metrics in"),
        ({"data": {"name": 3}}, "Expected data in"),
        ({"exports": [{**ROW, "bytes": None}]}, "Expected exports in"),
        ({"threshold": True}, "Expected threshold in"),
        ({"version": True}, "Expected a preset of version 1. Received: True"),
        ({"threshold": 3.0}, "Expected the threshold 3.0, as .* says. Received: None"),
    ],
)
def test_an_entry_of_a_stranger_is_refused(changes, message, folder):
    signed(folder, **changes)
    with pytest.raises(ValueError, match=message):
        kv.from_preset(folder)


@pytest.mark.parametrize("entry", [{"event_shape": [7]}, {"latent_shape": [7]}, {"of": "VAE"}])
def test_a_model_is_the_one_that_its_preset_describes(entry, folder):
    described = hashed_json.read(folder / "config.json")["model"]
    signed(folder, model=described | entry)
    with pytest.raises(ValueError, match=r"as .*config.json says. Received: .* in model.keras"):
        kv.from_preset(folder)


def test_a_long_name_of_a_file_is_that_of_no_file(folder):
    files = hashed_json.read(folder / "config.json")["files"]
    signed(folder, files=files | {"a" * 300: "x"})
    with pytest.raises(ValueError, match="no such file"):
        kv.from_preset(folder)


def test_unknown_entries_are_of_a_later_program_and_do_no_harm(folder):
    signed(folder, color="blue")
    assert kv.from_preset(folder).event_shape == (6,)


# Weights.


def put_nan(weights):
    values = weights[kernel(weights)]
    values[0, 0] = np.nan


def make_complex(weights):
    name = kernel(weights)
    values = weights[name][()].astype("complex64")
    del weights[name]
    weights[name] = values


@pytest.mark.parametrize(
    ("change", "message"),
    [(put_nan, "finite weights"), (make_complex, "the array .* of complex numbers")],
)
def test_weights_that_are_no_finite_numbers_are_refused(change, message, folder):
    signed_weights(folder, change)
    with pytest.raises(ValueError, match=f"Expected.*{message}"):
        kv.from_preset(folder)


@pytest.mark.parametrize(
    ("policy", "asked", "kept"),
    [
        ("mixed_float16", "float32", "float32"),
        ("float16", "float32", "float16"),
        ("bfloat16", "float16", "bfloat16"),
        pytest.param("float64", "float32", "float64", marks=WITH_FLOAT64),
        pytest.param("float64", "float16", "float16", marks=WITH_FLOAT64),
    ],
)
def test_the_card_has_the_type_of_the_weights_in_the_file(policy, asked, kept, tmp_path):
    model = kv.Autoencoder(
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, dtype=policy)]),
        keras.layers.Dense(6, dtype=policy),
    )
    path = model.save_to_preset(tmp_path / "mine", weights_dtype=asked)
    assert kv.presets.read(path).config["model"]["weights"] == kept
    if kept == "float16" != policy:
        whole = model.save_to_preset(tmp_path / "whole")
        sizes = [len(kv.presets.read(one).read("model.keras")) for one in (whole, path)]
        values = sum(int(np.prod(w.shape)) for w in model.weights if len(w.shape))
        assert sizes[0] - sizes[1] >= 6 * values  # Bytes: from 8 to 2 for each.
    found = kv.from_preset(path)
    assert [w.dtype for w in found.weights] == [w.dtype for w in model.weights]


def test_a_model_that_nobody_could_load_is_not_saved(tmp_path):
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Lambda(lambda x: 2 * x)])
    model = kv.Autoencoder(encoder, keras.layers.Dense(6))
    with pytest.raises(ValueError, match="without Python code.*Received: a Lambda layer"):
        model.save_to_preset(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_detector_with_weights_that_are_not_finite_is_not_saved(tmp_path):
    model = kv.VAE(*dense(heads=2))
    model.encoder.weights[0].assign(model.encoder.weights[0] * np.nan)
    with pytest.raises(ValueError, match="finite weights"):
        kv.AnomalyDetector(model).save_to_preset(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []
