"""A preset comes back as it was saved; a damaged, foreign or dangerous folder is refused."""

import io
import json
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.files import digests, hashed_json
from keras_vae.presets import contents
from tests.support.models import array, dense, uniform
from tests.support.presets import signed, vae

X = uniform(3, 6)


@pytest.fixture(scope="module")
def model():
    made = vae()
    made.compile("adam")
    made.steps.assign(7)
    return made


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    about = {"data": "digits", "labels": ["a", "b"], "license": "mit", "description": "Two."}
    exports = [{"format": "LiteRT", "endpoints": "decode", "bytes": 5000, "error": 2e-7}]
    metrics = {"elbo": {"value": -1.5, "unit": "nats", "meaning": "a bound"}, "mse": 0.25}
    folder = tmp_path_factory.mktemp("saved") / "mine"
    path = model.save_to_preset(folder, **about, metrics=metrics, exports=exports)
    assert path == str(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "mine")


def refused(folder, message, error=ValueError):
    with pytest.raises(error, match=message) as caught:
        kv.from_preset(folder)
    assert "Expected" in str(caught.value) and "Received" in str(caught.value)


def test_a_model_comes_back_from_its_folder(saved, model):
    found = kv.from_preset(saved)
    np.testing.assert_array_equal(array(found.encode(X)), array(model.encode(X)))
    np.testing.assert_array_equal(array(found.sample(2, seed=1)), array(model.sample(2, seed=1)))
    assert int(found.steps) == 7 and found.loss_weights["kl"] == 0.5
    assert getattr(found, "optimizer", None) is None
    found.compile("sgd", run_eagerly=keras.backend.backend() == "tensorflow")
    assert np.isfinite(found.train_on_batch(X)).all()


def test_the_folder_has_the_model_and_no_optimizer(saved):
    with zipfile.ZipFile(saved / "model.keras") as archive:
        assert "compile_config" not in json.loads(archive.read("config.json"))
    assert sorted(path.name for path in saved.iterdir()) == [
        *("README.md", "config.json", "model.keras")
    ]


def test_optimizers_of_models_within_are_left_out_and_layers_of_that_name_stay(tmp_path):
    class Optimizer(keras.layers.Dense):
        pass

    encoder = keras.Sequential([keras.Input((6,)), Optimizer(3)])
    model = kv.Autoencoder(encoder, keras.layers.Dense(6), seed=1)
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    path = kv.AnomalyDetector(model).save_to_preset(tmp_path / "detector")
    with zipfile.ZipFile(tmp_path / "detector/model.keras") as archive:
        assert b"compile_config" not in archive.read("config.json")
        names = []
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        weights.visit(names.append)
    optimizers = [name for name in names if name.endswith("optimizer")]
    assert len(optimizers) == 1 and optimizers[0].endswith("encoder/layers/optimizer")
    found = kv.from_preset(path, custom_objects={"Optimizer": Optimizer})
    np.testing.assert_array_equal(array(found.encode(X)), array(model.encode(X)))


def test_what_a_preset_knows(saved):
    preset = kv.presets.read(saved)
    assert (preset.name, preset.labels, preset.data, preset.threshold) == (
        *("mine", ["a", "b"], "digits", None),
    )
    assert preset.metrics["mse"] == {"value": 0.25}
    assert preset.config["model"] == {
        **{"class": "VAE", "parameters": preset.config["model"]["parameters"]},
        **{"training_steps": 7, "event_shape": [6], "latent_shape": [3], "weights": "float32"},
        **{"likelihood": "bernoulli", "preprocess": None, "data_range": [0.0, 1.0]},
    }
    assert preset.config["files"] == {
        name: digests.of_file(saved / name) for name in ("model.keras", "README.md")
    }


def test_the_card_has_metrics_exports_hashes_and_a_head_of_yaml(saved):
    yaml = pytest.importorskip("yaml")
    card = (saved / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "mit" and head["datasets"] == ["digits"]
    (result,) = head["model-index"][0]["results"]
    assert {"type": "elbo", "value": -1.5} in result["metrics"]
    for text in (
        "| elbo | -1.5 | nats | a bound |",
        "| LiteRT | decode | 5 kB | 2.0e-07 |",
        f"| model.keras | `{digests.of_file(saved / 'model.keras')}` |",
        "| labels | a, b |",
        'kv.from_preset("./mine")',
    ):
        assert text in card, text


def test_the_head_of_a_card_keeps_any_text_and_number(model, tmp_path):
    yaml = pytest.importorskip("yaml")
    odd = 'a: "b"\n- \u2028\x85 \U0001f600 \xe9'
    numbers = {"small": 1e-05, "large": -2e22, "exact": 0.1}
    path = model.save_to_preset(tmp_path / "odd", license=odd, metrics=numbers)
    head = yaml.safe_load(kv.presets.read(path).card.split("---\n")[1])
    found = head["model-index"][0]["results"][0]["metrics"]
    assert head["license"] == odd
    assert {entry["type"]: entry["value"] for entry in found} == numbers


def test_text_of_others_does_not_break_the_tables_of_a_card(model, tmp_path):
    path = model.save_to_preset(tmp_path / "odd", labels=["a|b", "c\n| d"])
    assert r"| labels | a\|b, c \| d |" in kv.presets.read(path).card


def test_half_precision_rounds_weights_and_nothing_else(tmp_path):
    detector = kv.AnomalyDetector(vae(), score="elbo")
    detector.threshold = 1.0000001
    path = detector.save_to_preset(tmp_path / "half", weights_dtype="float16")
    found, preset = kv.from_preset(path), kv.presets.read(path)
    assert found.threshold == detector.threshold and preset.threshold == detector.threshold.value
    assert preset.config["model"]["of"] == "VAE" and preset.config["model"]["score"] == "elbo"
    for new, old in zip(found.model.weights, detector.model.weights, strict=True):
        assert new.dtype == old.dtype
        half = array(old).astype("float16") if array(old).ndim else array(old)
        np.testing.assert_array_equal(array(new), half)


def test_a_weight_that_half_precision_does_not_hold_is_an_error(tmp_path):
    model = vae()
    model.decoder.weights[0].assign(array(model.decoder.weights[0]) + 1e5)
    with pytest.raises(ValueError, match=r"Expected weights that float16 holds.*Received: 1"):
        model.save_to_preset(tmp_path / "half", weights_dtype="float16")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"weights_dtype": "int8"}, ValueError, "weights_dtype to be 'float32' or 'float16'"),
        ({"metrics": {"mse": "low"}}, TypeError, "the value of the metric mse"),
        ({"metrics": {"mse": float("nan")}}, ValueError, "the value of the metric mse"),
        ({"metrics": [1]}, TypeError, "metrics to be a dictionary"),
        ({"exports": [{"format": "LiteRT"}]}, ValueError, "exports with"),
        ({"labels": "abc"}, TypeError, "labels to be a list of names"),
        ({"data": 3}, TypeError, "data to be a dictionary"),
    ],
)
def test_wrong_entries_of_a_card_are_refused(model, tmp_path, given, error, message):
    with pytest.raises(error, match=message):
        model.save_to_preset(tmp_path / "mine", **given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_stays(folder, model):
    before = (folder / "config.json").read_bytes()
    with pytest.raises(FileExistsError, match="Expected a new folder"):
        model.save_to_preset(folder)
    assert (folder / "config.json").read_bytes() == before


def test_only_models_of_this_library_that_are_built_are_saved(tmp_path):
    with pytest.raises(TypeError, match="Received: a Sequential"):
        kv.presets.save(keras.Sequential(), tmp_path / "mine")
    layers = keras.layers.Dense(2), keras.layers.Dense(6)
    with pytest.raises(ValueError, match="that is not built"):
        kv.Autoencoder(*layers).save_to_preset(tmp_path / "mine")


# Damaged folders.


@pytest.mark.parametrize("name", ["config.json", "README.md", "model.keras"])
@pytest.mark.parametrize("change", [lambda text: text[:-9], lambda text: text + b" x"])
def test_a_changed_file_is_refused(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    refused(folder, "Expected")


def test_every_flipped_bit_of_the_configuration_is_refused(folder):
    path, whole = folder / "config.json", (folder / "config.json").read_bytes()
    for position in range(0, len(whole), max(len(whole) // 50, 1)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="Expected"):
            contents.read_folder(folder)


@pytest.mark.parametrize("name", ["README.md", "model.keras"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    refused(folder, f"{name} as it was written. Received: no such file")


def test_files_next_to_those_of_a_preset_are_not_its_own(folder):
    (folder / ".gitattributes").write_text("of the hub")
    assert kv.presets.read(folder).name == "mine"


# Folders of others.


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", "no JSON", '{"module": "keras_hub.src.models"}', "[" * 100_000, None],
)
def test_another_folder_is_no_preset(folder, content):
    path = folder / "config.json"
    path.unlink() if content is None else path.write_text(content)
    refused(folder, "Expected a preset, a folder whose config.json is of keras_vae")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "Expected a preset of version 1. Received: 2.*newer keras-vae"),
        ({"files": {}}, "Expected model.keras and README.md"),
        ({"files": {"../model.keras": "x"}}, "lead out"),
        ({"files": ["model.keras"]}, "Expected files in"),
        ({"model": {"class": "ConvVAE"}}, "Expected the class ConvVAE, as .* says. Received: VAE"),
        ({"model": {}}, "Expected model in"),
        ({"labels": [1]}, "Expected labels in"),
        ({"metrics": "good"}, "Expected metrics in"),
    ],
)
def test_a_signed_configuration_of_a_stranger_is_checked_too(folder, changes, message):
    signed(folder, **changes)
    refused(folder, message)


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../../b", "..", "a\\b", "a//b"])
def test_no_name_of_a_file_leads_out_of_the_folder(folder, name):
    files = hashed_json.read(folder / "config.json")["files"]
    signed(folder, files=files | {name: "x"})
    refused(folder, "no names that lead out of it")


def test_a_preset_runs_no_code_of_its_author(folder, model, tmp_path):
    network = keras.Sequential([keras.Input((6,)), keras.layers.Lambda(lambda x: x)])
    network.save(folder / "model.keras")
    files = hashed_json.read(folder / "config.json")["files"]
    signed(folder, files=files | {"model.keras": digests.of_file(folder / "model.keras")})
    refused(folder, "without Python code")


@pytest.mark.parametrize(
    ("preset", "error", "message"),
    [
        ("vae_digit", FileNotFoundError, "Received: 'vae_digit', which does not exist"),
        ("no/such/folder", FileNotFoundError, "does not exist"),
        (3, TypeError, "Expected preset to be a name, a path or hf://USER/NAME"),
        (b"mine", TypeError, "Expected preset"),
    ],
)
def test_an_unknown_name_is_refused(preset, error, message):
    with pytest.raises(error, match=message):
        kv.from_preset(preset)


def test_own_classes_are_given_by_name(tmp_path):
    class Mine(kv.VAE):
        pass

    path = Mine(*dense(heads=2), seed=1).save_to_preset(tmp_path / "own")
    refused(path, "Received: .*which has Mine")
    assert type(kv.from_preset(path, custom_objects={"Mine": Mine})) is Mine
