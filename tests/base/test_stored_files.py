"""Files that earlier versions wrote load in this one, give the same answers, and train on.

If a test fails here, users' files fail too: change the code, not the file. `tests/stored/make.py`
adds files for new classes.
"""

import json
import lzma
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_vae as kv
from tests.stored import interrupted
from tests.stored.answers import load_batch

ROOT = Path(__file__).parents[2]
FILES = ROOT / "tests" / "stored" / "files"
NAMES = sorted(path.name.removesuffix(".keras.xz") for path in FILES.glob("*.keras.xz"))
CHECKPOINTS = sorted(path.name for path in (FILES / "checkpoints").glob("*.state"))
EXACT = {"rtol": 1e-5, "atol": 1e-6}
# Half precision has three digits, of which processors round the last one differently.
HALF = {"rtol": 5e-3, "atol": 5e-3}
TRAIN = (sys.executable, "-m", "training.train")
STRICT = ("-W", "error::UserWarning")
LARGEST_TOTAL = 1_500_000
ADD = "Run `python -m tests.stored.make`, which adds files and replaces none."


def tolerance(name):
    return HALF if name == "half_precision" else EXACT


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A folder with the stored models as they were written, and their batches."""
    folder = tmp_path_factory.mktemp("stored")
    for name in NAMES:
        content = lzma.decompress((FILES / f"{name}.keras.xz").read_bytes())
        (folder / f"{name}.keras").write_bytes(content)
        shutil.copy(FILES / f"{name}.npz", folder)
    return folder


@pytest.fixture(scope="module")
def fresh(copies, tmp_path_factory):
    """The folder of answers of one fresh process, which has made none of the models."""
    out = tmp_path_factory.mktemp("answers")
    command = [sys.executable, *STRICT, "-m", "tests.stored.answers", str(copies), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture
def found(fresh, name):
    problem = fresh / f"{name}.txt"
    assert not problem.exists(), problem.read_text()
    return dict(np.load(fresh / f"{name}.npz"))


@pytest.fixture
def wanted(name):
    with np.load(FILES / f"{name}.npz") as file:
        return {key: file[key] for key in file.files if not key.startswith("x_")}


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_model_gives_the_answers_it_gave(found, wanted, name):
    now = {key: value for key, value in wanted.items() if not key.startswith("next_")}
    assert now.keys() <= found.keys()
    for key, value in now.items():
        np.testing.assert_allclose(found[key], value, **tolerance(name), err_msg=key)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("detector")])
def test_a_stored_model_trains_on_as_it_did(found, wanted, name):
    later = {key: value for key, value in wanted.items() if key.startswith("next_")}
    assert {"next_loss", "next_answers_score"} <= later.keys() <= found.keys()
    assert np.any(later["next_answers_score"] != wanted["score"])
    for key, value in later.items():
        np.testing.assert_allclose(found[key], value, **tolerance(name), err_msg=key)


def test_models_of_several_inputs_are_among_the_stored_ones():
    assert sum(isinstance(load_batch(FILES / f"{name}.npz"), list) for name in NAMES) >= 4


def objects(config):
    """All objects in the configuration of a model, which are dictionaries with a class name."""
    if isinstance(config, dict):
        yield from [config] if "class_name" in config else []
    for value in config.values() if isinstance(config, dict) else config:
        if isinstance(value, dict | list):
            yield from objects(value)


@pytest.fixture(scope="module")
def configs(copies):
    opened = [zipfile.ZipFile(path) for path in sorted(copies.glob("*.keras"))]
    texts = [file.read("config.json") for file in opened]
    for file in opened:
        file.close()
    return [json.loads(text) for text in texts]


def test_every_public_model_has_a_stored_file(configs):
    public = [getattr(kv, name) for name in kv.__all__]
    models = {kind.__name__ for kind in public if isinstance(kind, type)}
    models = {name for name in models if issubclass(getattr(kv, name), keras.Model)}
    assert models <= {config["class_name"] for config in configs}, ADD


def test_every_likelihood_has_a_stored_file(configs):
    stored = {one["config"].get("likelihood") for config in configs for one in objects(config)}
    # Not in the configuration: Bernoulli of the VAE is a default, and tokens are categorical.
    assert set(kv.distributions.FAMILIES) - {"categorical"} <= stored, ADD


@pytest.mark.parametrize(
    "module", [kv.layers, kv.schedules, kv.controllers, kv.priors, kv.quantization]
)
def test_every_public_class_that_a_model_keeps_has_a_stored_file(configs, module):
    stored = {one.get("registered_name") for config in configs for one in objects(config)}
    public = [getattr(module, name) for name in dir(module) if not name.startswith("_")]
    names = {keras.saving.get_registered_name(kind) for kind in public if isinstance(kind, type)}
    assert {name for name in names if name.startswith("keras_vae>")} <= stored, ADD


def test_stored_files_are_small():
    assert sum(path.stat().st_size for path in FILES.rglob("*")) < LARGEST_TOTAL


@pytest.mark.tensorflow
@pytest.mark.parametrize("newest", CHECKPOINTS)
def test_a_training_goes_on_from_a_stored_checkpoint_to_the_same_end(tmp_path, capsys, newest):
    for name in CHECKPOINTS[: CHECKPOINTS.index(newest) + 1]:
        shutil.copy(FILES / "checkpoints" / name, tmp_path)
    model, history = interrupted.train(tmp_path)
    assert newest in capsys.readouterr().out  # The name of the checkpoint that was taken.
    found = {**history, "score": keras.ops.convert_to_numpy(model.score(interrupted.X))}
    with np.load(FILES / "checkpoints" / "end.npz") as end:
        assert set(end.files) <= set(found)
        for key in end.files:
            np.testing.assert_allclose(found[key], end[key], **EXACT, err_msg=key)


@pytest.mark.long
@pytest.mark.tensorflow
def test_a_stored_run_is_continued(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(FILES / "run", run)
    before = json.loads((run / "metrics.jsonl").read_text())
    done = subprocess.run(
        [*TRAIN, "vae_digits", "--resume", "--epochs", "2", "--out", str(run)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "agg"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[0] == before and [line["epoch"] for line in lines] == [1, 2]
    assert lines[1]["loss"] < lines[0]["loss"]


def test_the_model_of_a_stored_run_reconstructs_digits():
    model = kv.load(FILES / "run" / "model.keras")
    digits = np.zeros((2, *model.event_shape), "float32")
    assert model.reconstruct(digits).shape == (2, 8, 8, 1)
