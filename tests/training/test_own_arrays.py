"""Arrays of the user's own as data of recipes: rows, series and volumes, each as its kind."""

import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.training import recipes, session
from keras_vae.training.data.loading import load
from keras_vae.training.train_options import Settings

pytestmark = pytest.mark.tensorflow
RANDOM = np.random.default_rng(0)
COUNTS = RANDOM.poisson(3, (30, 5))
SERIES = RANDOM.normal(size=(30, 8, 2))
VOLUMES = RANDOM.integers(0, 256, (30, 8, 8, 8), dtype="uint8")
SMALL = {
    "vae_digit_counts": {"hidden": (4,), "likelihood": "poisson"},
    "tcn_mnist1d": {"width": 4},
    "conv_autoencoder_ellipsoids": {"filters": (2,), "hidden": 4},
    "tabular_vae_breast_cancer": {"latent_dim": 2},
    "vae_digits": {"hidden": (4,)},
}


def prepared(recipe, path):
    """The data of a recipe and the model for them, as `keras-vae train` makes them."""
    made, data = session.prepare(recipes.find(recipe), SMALL[recipe], Settings(data=str(path)))
    assert tuple(made.model.event_shape) == data.image_shape
    return data


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    "recipe, array",
    [
        ("vae_digit_counts", COUNTS),
        ("vae_digit_counts", COUNTS.astype("uint8")),
        ("tcn_mnist1d", SERIES),
        ("conv_autoencoder_ellipsoids", VOLUMES),
        ("conv_autoencoder_ellipsoids", VOLUMES[..., None] / 255),
    ],
    ids=["counts", "bytes of counts", "series", "volumes", "floats of volumes"],
)
def test_arrays_are_the_examples_that_the_recipe_takes(tmp_path, recipe, array, suffix):
    path = tmp_path / f"own{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    else:
        np.savez(path, x_train=array[3:], x_test=array[:3])
    data = prepared(recipe, path)
    wanted = array[..., None] if array is VOLUMES else array.astype("float32")
    assert data.train.dtype == wanted.dtype
    found = data.test if suffix == ".npz" else data.train[:2]
    np.testing.assert_array_equal(found, wanted[:3] if suffix == ".npz" else wanted[1:3])


@pytest.mark.parametrize(
    "recipe, array, message",
    [
        (
            "tabular_vae_breast_cancer",
            COUNTS,
            "Received: rows of .*Train on a table of your own in",
        ),
        ("tcn_mnist1d", COUNTS / 3, "series: before its path"),
        ("vae_digits", COUNTS, "Expected images"),
        (
            "vae_digit_counts",
            COUNTS / 3,
            "Expected whole numbers.*Data of counts: digit_counts, FI",
        ),
        ("conv_autoencoder_ellipsoids", VOLUMES / 9.0, r"x in \[0, 1\].*x are the volumes of own"),
    ],
    ids=["a table", "a recording", "images", "fractions", "volumes of other floats"],
)
def test_arrays_of_others_are_refused_in_words_of_the_recipe(tmp_path, recipe, array, message):
    np.save(tmp_path / "own.npy", array)
    with pytest.raises(UsageError, match=message):
        prepared(recipe, tmp_path / "own.npy")


def test_counts_that_float32_cannot_hold_are_refused_with_their_row(tmp_path):
    np.save(tmp_path / "own.npy", np.where(COUNTS == COUNTS[7, 2], 2**24 + 1, COUNTS))
    with pytest.raises(UsageError, match="16777217 in row"):
        load(tmp_path / "own.npy", kind="rows")


def test_a_table_in_a_text_file_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "own.csv").write_text("a,b\n1,x\n")
    with pytest.raises(UsageError, match="in Python: Schema and TabularVAE"):
        load(tmp_path / "own.csv")
