"""One module has one identity, whatever name it is imported by, and classes register in time."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_modules_of_a_clone_are_those_that_the_wheel_installs():
    run(
        "import training.recipes, keras_vae.training.recipes as installed\n"
        "from training.data.sources import base\n"
        "import keras_vae.training.data.sources.base as same, sys\n"
        "assert training.recipes is installed and base is same\n"
        "assert installed.__spec__.name == 'keras_vae.training.recipes'\n"
        "assert 'keras' not in sys.modules\n"
    )


def test_a_missing_module_of_a_clone_is_missing():
    run(
        "import training\n"
        "try:\n    import training.nothing\n"
        "except ModuleNotFoundError as error:\n    assert error.name == 'training.nothing'\n"
        "else:\n    raise SystemExit(1)\n"
    )


@pytest.mark.long
@pytest.mark.parametrize("order", ["import keras, keras_vae", "import keras_vae, keras"])
def test_classes_are_registered_whichever_is_imported_first(order):
    run(f"{order}\nassert keras.saving.get_registered_object('keras_vae>VAE') is keras_vae.VAE\n")


FIRST = ["backend", "loading", "estimators", "anomalies", "distributions", "acceleration.batching"]


@pytest.mark.long
def test_any_module_can_be_the_first_one_and_registers_the_classes():
    """Each in a process without Keras, forked from one that has read its packages."""
    run(
        "import os, sys, numpy\n"
        f"for name in {FIRST}:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        status = 1\n"
        "        try:\n"
        "            assert 'keras' not in sys.modules\n"
        "            __import__(f'keras_vae.{name}')\n"
        "            import keras\n"
        "            assert keras.saving.get_registered_object('keras_vae>VAE')\n"
        "            module = sys.modules[f'keras_vae.{name}']\n"
        "            assert module.__spec__.name == module.__name__ == f'keras_vae.{name}'\n"
        "            status = 0\n"
        "        finally:\n"
        "            os._exit(status)\n"
        "    assert os.waitpid(child, 0)[1] == 0, name\n"
    )


@pytest.mark.slow
def test_public_modules_have_their_short_names():
    run(
        "import keras_vae as kv, keras_vae.schedules\n"
        "from keras_vae.priors import MixturePrior\n"
        "from keras_vae.variational import priors\n"
        "assert kv.priors is priors and kv.schedules is keras_vae.losses.schedules\n"
        "assert callable(kv.compile_fast) and kv.plots and kv.layers.Outlines\n"
    )


def test_an_unknown_name_is_an_attribute_error():
    import keras_vae

    with pytest.raises(AttributeError, match="no attribute 'VEA'"):
        keras_vae.VEA  # noqa: B018
