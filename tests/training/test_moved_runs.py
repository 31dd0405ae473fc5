"""A run whose data or recipe were moved says which option helps, and goes on with it."""

import numpy as np
import pytest

from keras_vae.training.runs import run_directory
from keras_vae.training.train import main
from tests.support.image_files import picture

pytestmark = pytest.mark.tensorflow

RECIPE = '''
from keras_vae.training.recipes import Recipe

def recipe(image_shape: tuple = (4, 4, 1), seed: int = 0) -> Recipe:
    """A VAE that trains in seconds."""
    import keras
    import keras_vae as kv

    networks = kv.nets.dense(image_shape, 2, (4,), heads=2)
    model = kv.VAE(*networks, seed=seed)
    return Recipe(model, lambda _: keras.optimizers.Adam(), "digits", epochs=1, batch_size=9)
'''


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code


@pytest.mark.long
def test_a_run_goes_on_after_its_data_and_its_recipe_were_moved(tmp_path, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "mine.py").write_text(RECIPE)
    np.save(old / "x.npy", picture(0, (20, 4, 4)))
    assert run(old / "mine.py", "--data", old / "x.npy", "--out", old / "run") == 0
    old.rename(new)
    again = (new / "mine.py", "--out", new / "run", "--resume")
    assert run(*again) == 2
    assert f"no {old / 'x.npy'}. (If they were moved, give their new place with --data" in (
        capsys.readouterr().err
    )
    with pytest.raises(FileNotFoundError, match="Expected the data of the run.*--data"):
        run_directory.open_run(new / "run").data()
    np.save(new / "y.npy", picture(0, (30, 4, 4)))
    assert run(*again, "--data", new / "y.npy") == 2
    assert "Received: 27 training and 3 test images of 4x4x1 in y" in capsys.readouterr().err
    np.save(new / "w.npy", picture(1, (20, 4, 4)))
    assert run(*again, "--data", new / "w.npy") == 2
    assert "the images that the run was trained on. Received: as many" in capsys.readouterr().err
    assert run(*again, "--data", new / "x.npy") == 0
    found = run_directory.open_run(new / "run")
    assert found.config["data"] == str(new / "x.npy") and len(found.data().train) == 18
    np.save(new / "z.npy", picture(0, (20, 4, 4)))
    assert run(*again, "--data", new / "z.npy") == 2  # The data are where they were.
    assert "--data" in capsys.readouterr().err
    (new / "other.py").write_text(RECIPE)
    assert run(new / "other.py", *again[1:]) == 2
    assert "Expected the recipe of the run" in capsys.readouterr().err
