"""The examples in the docstrings of public names: each runs as it stands and shows what it says."""

import inspect
from pathlib import Path

import pytest

from keras_vae.base.fitting import Fitting
from tests.support.examples import documented, given, public, run

ROOT = Path(__file__).parents[2]

# Examples that are not run, each with the reason.
NOT_RUN = {
    "export.serving.Client": "needs a server; tests/export/test_client.py has one",
    **{
        f"export.torch_files.{name}": "needs the PyTorch backend; tests/export/test_torch_files.py"
        for name in ("files.read_metadata", "writer.verify")
    },
}


@pytest.fixture(autouse=True)
def fast(tmp_path, monkeypatch):
    """An empty folder, a seed, steps that are not compiled, and at most two epochs."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)

    monkeypatch.chdir(tmp_path)
    fit = Fitting.fit

    def short(*args, epochs=1, **kwargs):
        return fit(*args, epochs=min(epochs, 2), **kwargs)

    monkeypatch.setattr(Fitting, "fit", short)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def with_example(name):
    return ">>>" in inspect.getdoc(public(name))


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
@pytest.mark.parametrize("name", [n for n in documented() if with_example(n) and n not in NOT_RUN])
def test_an_example_runs_and_shows_what_it_says(name):
    assert run(name, inspect.getdoc(public(name))) > 0


@pytest.mark.tensorflow
def test_a_wrong_output_and_an_unknown_name_are_errors():
    assert run("good", ">>> 1 + 1\n2\n>>> [1,\n...  2]\n") == 2
    with pytest.raises(AssertionError, match="Received"):
        run("wrong", ">>> 1 + 1\n3\n")
    with pytest.raises(NameError):
        run("unknown", ">>> nothing\n")


@pytest.mark.tensorflow
def test_the_page_names_what_the_examples_take_as_given():
    text = (ROOT / "docs/api/index.md").read_text()
    missing = [name for name in given() if f"`{name}`" not in text]
    assert not missing, f"Expected the names in docs/api/index.md. Missing: {missing}."


@pytest.mark.parametrize("name", NOT_RUN)
def test_an_example_that_is_not_run_exists(name):
    assert NOT_RUN[name] and with_example(name)
