"""Programs take models whose classes are the user's: `--import MODULE`."""

import importlib
import sys

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training.predict import predict
from keras_vae.training.train import main as train

pytestmark = pytest.mark.tensorflow

MODULE = '''
import keras
import keras_vae as kv

@keras.saving.register_keras_serializable("mine")
class Plain(kv.Autoencoder):
    """A model of mine."""
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A module of a user and a file of its model, in a process that has seen neither."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "own_plain.py").write_text(MODULE)
    keras.utils.set_random_seed(0)
    model = importlib.import_module("own_plain").Plain(*kv.nets.dense((3,), 2, ()))
    model.save("plain.keras")
    forget()
    np.save("x.npy", np.zeros((4, 3), "float32"))
    sys.path.remove(str(tmp_path))
    yield tmp_path
    forget()


def forget():
    sys.modules.pop("own_plain", None)
    keras.saving.get_custom_objects().pop("mine>Plain", None)


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(predict, words)
    return end.value.code


def test_a_program_imports_the_module_first(folder, capsys):
    assert run("plain.keras", "x.npy", "codes", "--import", "own_plain") == 0
    assert run("plain.keras", "x.npy", "again", "--import=own_plain") == 0
    assert (folder / "codes" / "manifest.json").is_file()


def test_without_it_the_class_is_named_and_what_to_do(folder, capsys):
    assert run("plain.keras", "x.npy", "codes") == cli.BAD_INPUT
    message = capsys.readouterr().err
    assert "Expected a model of known classes. Received: plain.keras, which has Plain" in message
    assert "--import MODULE" in message and len(message) < 400


@pytest.mark.parametrize("words", [("--import", "no_such_module"), ("--import",)])
def test_a_module_that_is_none_is_bad_input(folder, capsys, words):
    assert run("plain.keras", "x.npy", "codes", *words) == cli.BAD_INPUT
    assert "Expected --import with the name of a module" in capsys.readouterr().err


def test_training_takes_it_too(folder, capsys):
    with pytest.raises(SystemExit) as end:
        train(["--import", "own_plain", "--list"])
    assert end.value.code == 0 and "own_plain" in sys.modules


def test_commands_to_type_next_have_the_modules(folder):
    assert cli.next_command("x") == "keras-vae x"
    assert run("plain.keras", "x.npy", "codes", "--import", "own_plain") == 0
    assert run("plain.keras", "x.npy", "codes", "--import", "own_plain") == 0
    assert cli.next_command("x") == "keras-vae x --import own_plain"


def test_the_help_of_a_program_names_it(capsys):
    assert run("--help") == 0
    assert "--import MODULE" in capsys.readouterr().out
