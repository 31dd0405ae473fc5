"""`--precision` of the training program."""

import json

import keras
import numpy as np
import pytest

from keras_vae.backend.keras_private import flatten_layers
from keras_vae.training.runs import pictures, run_directory
from keras_vae.training.train import main
from keras_vae.training.train_options import Settings

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Calls the program on a few digits; gives the exit code and the run directory."""
    monkeypatch.setattr(pictures, "draw", lambda *_: [])

    def run(*words):
        short = ("--epochs", "1", "--limit", "64", "--steps-per-execution", "1")
        with pytest.raises(SystemExit) as end:
            main(["vae_digits", "--out", str(tmp_path / "run"), *short, *words])
        return end.value.code, tmp_path / "run"

    return run


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_computes_in_it_and_keeps_float32(train, precision, capsys):
    code, folder = train("--precision", precision)
    assert code == 0
    model = run_directory.load_model(folder / "model.keras", compile=True)
    computed = {layer.compute_dtype for layer in flatten_layers(model) if layer.weights}
    assert {precision} <= {f"mixed_{dtype}" for dtype in computed}
    assert {str(weight.dtype) for weight in model.trainable_variables} == {"float32"}
    scales = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scales == (precision == "mixed_float16")
    lines = (folder / run_directory.METRICS).read_text().splitlines()
    assert np.isfinite(json.loads(lines[-1])["loss"])
    assert train("--precision", "float32", "--resume")[0] == 2
    assert "precision" in capsys.readouterr().err


def test_a_device_without_it_is_an_error_before_anything_is_written(train, monkeypatch, capsys):
    def refuse(*_, **__):
        raise RuntimeError("no kernel for bfloat16\nand much more")

    monkeypatch.setattr(keras.ops, "conv", refuse)
    code, folder = train("--precision", "mixed_bfloat16")
    assert code == 2 and not folder.exists()
    said = capsys.readouterr().err
    assert "Expected a device that computes in bfloat16" in said
    assert "(no kernel for bfloat16). (Leave --precision out.)" in said


def test_float32_is_what_there_is_without_it():
    assert Settings().precision == "float32"
