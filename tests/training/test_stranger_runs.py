"""A run directory from a stranger is read, and nothing in it is run."""

import json
import sys

import keras
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training.runs import run_directory
from tests.support.models import dense

pytestmark = pytest.mark.tensorflow

RECIPE = '''
import pathlib
import keras
import keras_vae as kv

pathlib.Path("mark").touch()

@keras.saving.register_keras_serializable("mine")
class Strange(kv.Autoencoder):
    """A model of a recipe."""
'''


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose recipe is a file that leaves a mark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(cli, "_imported", [])
    (tmp_path / "strange.py").write_text(RECIPE)
    config = {"recipe": str(tmp_path / "strange.py"), "arguments": {}, "settings": {}}
    (tmp_path / "config.json").write_text(json.dumps({**config, "image_shape": [6]}))
    yield tmp_path
    forget()


def forget():
    sys.modules.pop("recipe_file_strange", None)
    keras.saving.get_custom_objects().pop("mine>Strange", None)


def test_the_recipe_that_a_run_names_is_not_run(run):
    kv.Autoencoder(*dense(), seed=1).save(run / "model.keras")
    assert isinstance(run_directory.open_run(run).model(), kv.Autoencoder)
    assert not (run / "mark").exists()


def test_classes_of_the_recipe_are_had_by_importing_it(run):
    module = cli.run_python_file(run / "strange.py")
    module.Strange(*dense(), seed=1).save(run / "model.keras")
    forget()
    (run / "mark").unlink()
    with pytest.raises(ValueError, match=r"has Strange.*so add --import .*strange.py\)"):
        run_directory.open_run(run).model()
    assert not (run / "mark").exists()

    def load():
        assert type(run_directory.open_run(run).model()).__name__ == "Strange"

    cli.after_imports([str(run / "strange.py")], load)
    assert cli.with_imports("x") == f"x --import {run / 'strange.py'}"
