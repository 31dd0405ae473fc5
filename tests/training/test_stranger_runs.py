"""A run directory from a stranger is read, and nothing in it is run."""

import json
import sys
import zipfile

import keras
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.files import scripts
from keras_vae.training.evaluation import generation
from keras_vae.training.runs import best_epoch, run_directory
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
    module = scripts.run_python_file(run / "strange.py")
    module.Strange(*dense(), seed=1).save(run / "model.keras")
    forget()
    (run / "mark").unlink()
    with pytest.raises(ValueError, match=r"has Strange.*so add --import .*strange.py\)"):
        run_directory.open_run(run).model()
    assert not (run / "mark").exists()

    def load():
        assert type(run_directory.open_run(run).model()).__name__ == "Strange"

    cli.after_imports([str(run / "strange.py")], load)
    assert cli.next_command("x") == f"keras-vae x --import {run / 'strange.py'}"


@pytest.mark.parametrize(
    ("name", "value"),
    [("recipe", 3), ("arguments", []), ("settings", "x"), ("image_shape", 28)],
)
def test_a_configuration_of_other_types_is_refused(run, name, value):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, name: value}))
    with pytest.raises(ValueError, match=f"as {name} in .*config.json. Received:"):
        run_directory.open_run(run)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000])
def test_a_configuration_that_is_no_text_is_refused(run, content):
    (run / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match="Expected JSON in"):
        run_directory.open_run(run)


def test_notes_on_a_run_do_not_read_what_its_metrics_say(run):
    """They come after an hour of measuring."""
    (run / "metrics.jsonl").write_bytes(b"\xff\xfe\n\x00\n")
    config = {**run_directory.open_run(run).config, "settings": {"epochs": 3}}
    assert "2 of its 3 epochs" in run_directory.Run(run, config).notes[0]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"{", b'{"val_elbo": "x"}', b"[" * 100_000])
def test_metrics_that_are_none_are_refused_with_their_line(run, line):
    (run / "metrics.jsonl").write_bytes(b'{"val_elbo": 1.0}\n' + line + b"\n")
    with pytest.raises(ValueError, match="metrics.jsonl. Received: "):
        best_epoch.epoch_costs(run / "metrics.jsonl", "elbo")


def test_the_network_of_features_is_loaded_with_all_checks(run):
    """An HDF5 file of that name would go to another loader of Keras."""
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(run / "net.keras")
    assert generation.extractor(str(run / "net.keras")).name == "net"
    (run / "net.keras").rename(run / "net.h5")
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        generation.extractor(str(run / "net.h5"))
    with zipfile.ZipFile(run / "net.h5", "a") as archive:
        archive.writestr("run.py", "harm")
    (run / "net.h5").rename(run / "net.keras")
    with pytest.raises(ValueError, match="the member 'run.py'"):
        generation.extractor(str(run / "net.keras"))
