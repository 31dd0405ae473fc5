"""The tables of docs/hyperparameters.md have the defaults of the recipes."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)`.* \| (\d+) \| (\S+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "hyperparameters.md").read_text())


@pytest.mark.parametrize(("recipe", "model", "code", "rate", "batch", "epochs"), ROWS)
def test_a_row_has_the_defaults_of_its_recipe(recipe, model, code, rate, batch, epochs):
    module = importlib.import_module(f"keras_vae.training.recipes.{recipe}")
    source = inspect.getsource(module)
    default = inspect.signature(module.recipe).parameters
    assert re.search(rf"model ?= ?kv\.(tables\.)?{model}\(", source)
    assert default["latent_dim"].default == int(code)
    assert default["learning_rate"].default == float(rate)
    assert f"batch_size={batch}," in source and f"epochs={epochs}," in source


def test_the_page_has_rows():
    assert len(ROWS) == 20
