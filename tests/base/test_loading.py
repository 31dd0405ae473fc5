"""A .keras file that was damaged, made to harm or is no model is refused, and runs nothing."""

import io
import json
import math
import random
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.backend.keras_private import limit_variables
from keras_vae.errors import UsageError
from keras_vae.files import keras_archive
from tests.support.models import array, dense, uniform
from tests.support.serving import ENVIRONMENT, ROOT

X = uniform(3, 6)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.keras"
    kv.Autoencoder(*dense(), seed=1).save(path)
    return path


def rewritten(path, change=None, extra=()):
    """The same archive with members changed by name and others added, at the same path."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members = (change or (lambda members: members))(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [*members.items(), *extra]:
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)


def refused(path, message, error=ValueError):
    """Loading raises, names the file, and changes no file."""
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    with pytest.raises(error) as caught:
        kv.load(path)
    text = str(caught.value)
    assert "Expected" in text and "Received" in text and path.name in text and message in text, text
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before


def test_a_whole_file_is_loaded(file):
    model = kv.load(file)
    np.testing.assert_array_equal(array(model(X)), array(keras.saving.load_model(file)(X)))


def test_a_detector_is_loaded(tmp_path):
    detector = kv.AnomalyDetector(kv.Autoencoder(*dense(), seed=1))
    detector.save(tmp_path / "detector.keras")
    assert isinstance(kv.load(tmp_path / "detector.keras"), kv.AnomalyDetector)


def test_every_flipped_bit_is_refused_or_changes_nothing(file):
    """Some bits of a zip archive say nothing: dates, and what system wrote it."""
    whole, wanted = file.read_bytes(), array(kv.load(file)(X))
    refusals = 0
    for position in random.Random(0).sample(range(len(whole)), 60):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        try:
            found = array(kv.load(file)(X))
        except ValueError as error:
            refusals += 1
            assert "Expected" in str(error) and file.name in str(error)
        else:
            np.testing.assert_array_equal(found, wanted)
    assert refusals > 50


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(file, share):
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    refused(file, "no whole zip archive")


def test_a_file_that_is_not_there_is_named(tmp_path):
    refused(tmp_path / "absent.keras", "which is no file", FileNotFoundError)


@pytest.mark.parametrize(
    "name",
    ["../escaped.txt", "FOLDER/escaped.txt", "assets/../../escaped.txt", "assets\\..\\x", "run.py"],
)
def test_a_member_that_leaves_the_archive_is_refused(file, name):
    name = name.replace("FOLDER", str(file.parent))
    rewritten(file, extra=[(name, "harm")])
    refused(file, repr(name))
    assert not list(file.parent.parent.rglob("escaped.txt"))


@pytest.mark.parametrize("name", ["model.weights.h5", "config.json", "metadata.json", "assets/a"])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(file, name):
    bomb = b"\0" * 20_000_000
    rewritten(file, lambda members: {**members, name: bomb})
    refused(file, "bytes that say they are 20000000")


# Small files that say they are large.


def with_weights(path, change):
    """The file with its weights changed by a function of the open HDF5 file."""

    def rewrite(members):
        content = io.BytesIO(members["model.weights.h5"])
        with h5py.File(content, "a") as weights:
            change(weights)
        return {**members, "model.weights.h5": content.getvalue()}

    rewritten(path, rewrite)


def test_a_layer_that_is_larger_than_the_weights_is_not_made(file, monkeypatch):
    """It would take gigabytes before the weights are seen not to fit."""
    asked = []
    full = keras.Variable._initialize_with_initializer
    monkeypatch.setattr(
        keras.Variable,
        "_initialize_with_initializer",
        lambda self, initializer: asked.append(self.shape) or full(self, initializer),
    )

    def change(members):
        units = members["config.json"].replace(b'"units": 6', b'"units": 5000000')
        assert units != members["config.json"]
        return {**members, "config.json": units}

    rewritten(file, change)
    refused(file, "Expected variables that are not much larger than the stored weights")
    assert asked and max(map(math.prod, asked)) < 1000


def test_the_limit_is_over_when_a_file_is_loaded(file):
    kv.load(file)
    assert keras.Variable(np.zeros(1), shape=(1,)).shape == (1,)
    with limit_variables(100):
        keras.Variable(keras.initializers.Zeros(), shape=(25,), dtype="float32")
        with pytest.raises(ValueError, match="not much larger"):
            keras.Variable(keras.initializers.Zeros(), shape=(1,), dtype="bfloat16")
    keras.Variable(keras.initializers.Zeros(), shape=(1,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.create_dataset("big", (10**9,), "float32"), "say they are 4000"),
        (lambda w: w.create_dataset("x", (9,), "f4", external="elsewhere"), "in other files"),
        (lambda w: w.__setitem__("x", h5py.ExternalLink("elsewhere.h5", "/")), "the link '//x'"),
        (lambda w: w.__setitem__("x", h5py.SoftLink("/layers")), "the link '//x'"),
        (lambda w: w.__setitem__("x", ["a", "b"]), "of objects"),
        (lambda w: w.__setitem__("x", h5py.Empty("f4")), ""),
        (lambda w: w.__setitem__("x", w["/"]), ""),  # A group in itself.
    ],
    ids=["no content", "other file", "external link", "soft link", "objects", "empty", "circle"],
)
def test_weights_hold_all_that_they_say(file, change, message):
    with_weights(file, change)
    if message:
        refused(file, message)
    else:
        kv.load(file)


def test_thousands_of_assets_are_refused(file):
    """Keras unpacks each into a file."""
    rewritten(file, extra=[(f"assets/{number}", "") for number in range(1000)])
    refused(file, "1,000 assets, more than 200")


def test_another_format_is_refused_whatever_its_zip_half_is(file):
    """A file can be HDF5 and zip at once; Keras chooses by the name."""
    other = file.with_suffix(".h5")
    file.rename(other)
    refused(other, "a file whose name ends in .keras")


def test_weights_alone_are_refused_with_the_ways_to_read_and_write_them(file, tmp_path):
    path, model = tmp_path / "w.weights.h5", kv.load(file)
    model.save_weights(path)
    refused(path, f"weights alone: make the same model anew, and call model.load_weights('{path}')")
    with pytest.raises(UsageError, match=r"w.weights.h5'. \(Weights .*model.save_weights.\)"):
        model.save(path)


def test_what_was_checked_is_loaded_also_if_the_name_is_another_file_by_then(file, monkeypatch):
    """Somebody renames another file to the path between the check and the loading."""
    wanted = array(kv.load(file)(X))
    other = file.with_name("other.keras")
    kv.Autoencoder(*dense(), seed=2).save(other)
    check = keras_archive.find_problem

    def check_and_swap(opened):
        problem = check(opened)
        if other.exists():
            other.rename(file)
        return problem

    monkeypatch.setattr(keras_archive, "find_problem", check_and_swap)
    np.testing.assert_array_equal(array(kv.load(file)(X)), wanted)
    assert not other.exists()


@pytest.mark.parametrize("error", [AssertionError(), OverflowError("large"), MemoryError()])
def test_an_error_of_any_kind_is_one_of_the_file(file, monkeypatch, error):
    def broken(*arguments, **named):
        raise error

    monkeypatch.setattr("keras_vae.backend.keras_private.load_open_file", broken)
    refused(file, str(error) or type(error).__name__)


def test_a_sampler_that_is_none_is_refused(file):
    def change(weights):
        for name, shape in {"log_weights": (2,), "means": (3, 4), "factors": (2, 4)}.items():
            weights["vars"][f"sampler_{name}"] = np.zeros(shape, "float32")

    with_weights(file, change)
    refused(file, "arrays of a mixture")


@pytest.mark.parametrize("name", ["model.weights.h5", "config.json", "metadata.json"])
def test_a_member_that_is_missing_is_named(file, name):
    rewritten(file, lambda members: {n: c for n, c in members.items() if n != name})
    refused(file, f"no {name}")


def test_a_member_that_is_there_twice_is_refused(file):
    with pytest.warns(UserWarning, match="Duplicate"):
        rewritten(file, extra=[("config.json", "{}")])
    refused(file, "a member twice")


def test_another_model_of_keras_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    refused(tmp_path / "other.keras", "a Sequential")


# Code in files.


def with_layer(path, layer):
    """The file with its encoder replaced by the configuration of some object."""

    def change(members):
        config = json.loads(members["config.json"])
        config["config"]["encoder"] = layer
        return {**members, "config.json": json.dumps(config)}

    rewritten(path, change)


def test_a_lambda_layer_is_refused(file):
    code = keras.layers.Lambda(lambda x: x)
    with_layer(file, keras.saving.serialize_keras_object(code))
    refused(file, "lambda")


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("subprocess", "Popen"), ("builtins", "exec")]
)
def test_a_function_of_another_module_is_never_called(file, module, name, tmp_path):
    touched = tmp_path / "touched"
    config = {"args": [f"touch {touched}"], "arguments": f"touch {touched}"}
    layer = {"module": module, "class_name": name, "config": config, "registered_name": name}
    with_layer(file, layer)
    refused(file, file.name)
    assert not touched.exists()


def test_a_pickle_is_refused_and_not_opened(tmp_path):
    import pickle

    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    (tmp_path / "model.keras").write_bytes(pickle.dumps(Harm()))
    refused(tmp_path / "model.keras", "no whole zip archive")
    assert not (tmp_path / "touched").exists()


def test_the_library_has_no_pickle_no_lambda_layer_and_no_unsafe_mode():
    found = [
        f"{path}: {word}"
        for folder in ("keras_vae", "training", "export")
        for path in (ROOT / folder).rglob("*.py")
        for word in ("import pickle", "layers.Lambda", "safe_mode=False", "allow_pickle=True")
        if word in path.read_text()
    ]
    assert not found


# The network.

OFFLINE = """
import socket, sys

def blocked(*_, **__):
    raise AssertionError("a network was used")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = blocked
socket.getaddrinfo = blocked
import keras_vae
keras_vae.load(sys.argv[1]).predict(__import__("numpy").zeros((1, 6)), verbose=0)
print("loaded")
"""


@pytest.mark.long
def test_import_and_load_use_no_network(file):
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(file)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip().endswith("loaded"), done.stderr


def test_the_test_of_the_network_would_see_a_connection():
    blocked = OFFLINE.split("import keras_vae")[0] + "socket.create_connection(('localhost', 9))"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True)
    assert "a network was used" in done.stderr


@pytest.mark.parametrize("given", [[kv.VAE], kv.VAE, "VAE"], ids=["a list", "a class", "text"])
def test_own_classes_that_are_no_dictionary_are_refused(file, given):
    with pytest.raises(TypeError, match="Expected custom_objects to be a dictionary.*Received"):
        kv.load(file, custom_objects=given)
