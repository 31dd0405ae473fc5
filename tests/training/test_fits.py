"""Recipes and data that do not fit: what is expected, what came, and which data fit."""

import functools

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training import fits, one_class, recipes, session
from keras_vae.training.data import loading, splits
from keras_vae.training.data.loading import Data
from keras_vae.training.data.sources import registry
from keras_vae.training.fit_prior import fit_prior
from keras_vae.training.runs.run_directory import Run
from keras_vae.training.train_options import Settings

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager_functions")]

RANDOM = np.random.default_rng(0)
COUNTS = RANDOM.integers(0, 17, (6, 5)).astype("float32")
COLUMNS = RANDOM.normal(size=(6, 3)).astype("float32")
COLUMNS[3, 1] = np.nan


def data_of(x, **more):
    return Data("made", x, x, **more)


DATA = {
    "images": data_of(RANDOM.integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)),
    "series": data_of(RANDOM.normal(size=(6, 20, 2)).astype("float32")),
    "volumes": data_of(RANDOM.integers(0, 256, (6, 4, 4, 4, 1), dtype=np.uint8)),
    "counts": data_of(COUNTS),
    "tables": data_of(
        COLUMNS, schema=kv.tables.Schema.infer(dict(zip("abc", COLUMNS.T, strict=True)))
    ),
}
RECIPES = {
    "images": ("vae_digits", {"hidden": (4,)}),
    "series": ("tcn_mnist1d", {"width": 4}),
    "volumes": ("conv_autoencoder_ellipsoids", {"filters": (2,), "hidden": 4}),
    "counts": ("vae_digit_counts", {"hidden": (4,)}),
    "tables": ("tabular_vae_breast_cancer", {"latent_dim": 2}),
}


@functools.cache
def made(kind):
    name, arguments = RECIPES[kind]
    return recipes.find(name), arguments, recipes.call(recipes.find(name), arguments, 0).model


def fit_to(kind, data):
    """The model of the recipe of a kind for some data, as the programs make it."""
    function, arguments, model = made(kind)
    fits.check_kind(function, model, data)
    model = fits.model_for(function, arguments, model, data, 0)
    any_kind = fits.takes_any_kind(function)
    fits.check_values(model, data, "made", ("train", "test"), any_kind)
    return model


@pytest.mark.parametrize("kind", RECIPES)
def test_a_recipe_takes_other_data_of_its_kind(kind):
    assert tuple(fit_to(kind, DATA[kind]).event_shape) == DATA[kind].image_shape


@pytest.mark.parametrize("given", DATA)
@pytest.mark.parametrize("kind", [kind for kind in RECIPES if kind != "counts"])
def test_a_recipe_names_the_data_that_fit_in_place_of_others(kind, given):
    if given == kind:
        return
    with pytest.raises(ValueError) as error:
        fit_to(kind, DATA[given])
    said, shape = str(error.value), tuple(made(kind)[2].event_shape)
    assert f"Expected {kind} of shape {shape} or another one, which the recipe takes" in said
    assert f"Received: {DATA[given].kind} of shape {DATA[given].image_shape} in made" in said
    names = [source.usage for source in registry.SOURCES if source.gives == kind]
    names += ["FILE.npy", "FILE.npz"] if kind in ("series", "volumes") else []
    own = " Train on a table of your own in Python: Schema and TabularVAE of keras_vae.tables."
    advice = "A recipe with an argument shape: tuple[int, ...] takes all kinds."
    wanted = f"(Data of {kind}: {', '.join(names)}.{own if kind == 'tables' else ''} {advice})"
    assert len(names) > 0 and said.endswith(wanted)


def recipe(image_shape: tuple[int, ...] = (8, 8, 1), seed: int = 0) -> recipes.Recipe:
    networks = kv.nets.dense(image_shape, 2, (4,))
    model = kv.Autoencoder(*networks, seed=seed)
    return recipes.Recipe(model, lambda steps: "adam", "digits", 1, 8)


def test_a_shape_of_any_length_takes_all_kinds():
    model = recipe().model
    fits.check_kind(recipe, model, DATA["series"])
    assert fits.model_for(recipe, {}, model, DATA["series"], 0).event_shape == (20, 2)


def test_a_run_that_has_begun_with_data_of_another_kind_goes_on(monkeypatch):
    monkeypatch.setattr(loading, "load", lambda name, **options: DATA["series"])
    function, arguments, _ = made("images")
    given = function, {**arguments, "likelihood": "normal"}
    with pytest.raises(ValueError, match="Expected images of shape"):
        session.prepare(*given, Settings())
    resumed, _ = session.prepare(*given, Settings(resume=True, out="runs/begun"))
    assert resumed.model.event_shape == (20, 2)


@pytest.mark.parametrize("given", ["images", "series", "volumes"])
def test_a_recipe_of_counts_names_data_of_counts(given):
    message = r"Expected .* made\. Data of counts: digit_counts, FILE.npy, FILE.npz\.\)$"
    with pytest.raises(ValueError, match=message):
        fit_to("counts", DATA[given])


def test_counts_beyond_the_first_row_are_checked_before_the_training():
    counts = np.where(np.arange(6)[:, None] == 4, 0.5, COUNTS).astype("float32")
    with pytest.raises(ValueError, match="Expected whole numbers.*the rows of made.*digit_counts"):
        fit_to("counts", Data("made", COUNTS, counts))


@pytest.mark.parametrize(
    "name, data", [("vae_digits", "digits"), ("vae_digit_counts", "digit_counts")]
)
def test_no_data_are_advised_that_the_recipe_refuses_or_has(name, data):
    """Of a Poisson likelihood of images, and of counts above the largest one."""
    arguments = {"likelihood": "poisson" if data == "digits" else "beta_binomial_8"}
    with pytest.raises(ValueError, match=rf"Expected .* of {data}\.\)$"):
        session.prepare(recipes.find(name), arguments, Settings(limit=9))


def rows_recipe(shape: tuple[int, ...] = (3,), seed: int = 0) -> recipes.Recipe:
    """A recipe of rows of numbers."""
    networks = kv.nets.dense(shape, 2, (), heads=2)
    return recipes.Recipe(kv.VAE(*networks, likelihood="normal"), "sgd", "made", 1, 2)


@pytest.mark.parametrize("function", [recipes.find("vae_digit_counts"), rows_recipe])
def test_missing_numbers_are_named_with_the_data_that_have_none(function):
    settings = Settings(data="table:wine", limit=9)
    with pytest.raises(ValueError) as error:
        session.prepare(function, {}, settings)
    said = str(error.value)
    assert "without missing numbers" in said and "rows with missing numbers in wine" in said
    assert "tabular_vae_breast_cancer takes them" in said
    complete = "table:wine:0 is complete" in said
    assert complete == (function is rows_recipe) != ("Data of counts: digit_counts" in said)


def test_what_is_complete_does_train():
    recipe, _ = session.prepare(rows_recipe, {}, Settings(data="table:wine:0", limit=9))
    assert recipe.model.event_shape == (13,)


@pytest.mark.parametrize("name", ["wine", "diabetes", "breast_cancer", "iris:50", "Iris"])
def test_the_bare_name_of_a_table_is_told_its_form(name):
    advice = rf"\(Give table:{name.lower()}\)$"
    with pytest.raises(ValueError, match=rf"Received: '{name}'\. {advice}"):
        loading.load(name)


def test_a_name_like_that_of_a_table_is_answered_with_it():
    with pytest.raises(ValueError, match="did you mean table:breast_cancer"):
        loading.load("brest_cancer")


@pytest.mark.parametrize("shape", [(30, 3), (6, 20, 2)])
def test_a_file_of_numbers_that_are_no_pixels_is_told_its_source(shape, tmp_path):
    np.save(tmp_path / "x.npy", RANDOM.normal(size=shape))
    with pytest.raises(ValueError, match="x.npy.*put series: before its path"):
        loading.load(tmp_path / "x.npy")


@pytest.mark.parametrize("percent", ["12.5", "half", "91"])
def test_a_percentage_of_a_table_has_its_form_and_an_example(percent):
    message = rf"a whole number from 0 to 90\. .*table:wine:{percent}\. \(For example table:wine:50"
    with pytest.raises(ValueError, match=message):
        loading.load(f"table:wine:{percent}")


@pytest.mark.parametrize("given", [kind for kind in DATA if kind != "images"])
@pytest.mark.parametrize("part", [splits.training_data, splits.evaluation_data])
def test_only_images_are_binarized(given, part):
    message = f"Expected images for the protocol dynamic.*Received: {DATA[given].kind} in made"
    with pytest.raises(ValueError, match=rf"{message}\. \(Use plain or held_out\.\)"):
        part(DATA[given], "dynamic")


def test_a_run_names_the_kind_that_it_was_trained_on(monkeypatch):
    monkeypatch.setattr(loading, "load", lambda *_, **__: DATA["counts"])
    run = Run(None, {"settings": {"data": "x"}, "image_shape": [8, 8, 1]})
    message = (
        r"Expected images of shape \(8, 8, 1\).*Received: rows of shape \(5,\) in made.*digits"
    )
    with pytest.raises(ValueError, match=message):
        run.data()


@pytest.mark.parametrize("given", [kind for kind in DATA if kind != "images"])
def test_the_one_class_test_is_of_images(given):
    labels = np.arange(6) % 2
    data = data_of(DATA[given].train, train_labels=labels, test_labels=labels)
    with pytest.raises(ValueError, match=f"Expected images.*Received: {data.kind} in made.*digits"):
        one_class.check(data)


def test_a_prior_is_fitted_to_data_that_the_model_takes(tmp_path, capsys):
    keras.utils.set_random_seed(0)
    kv.VAE(*kv.nets.dense((8, 8, 1), 2, (), heads=2)).save(tmp_path / "vae.keras")
    with pytest.raises(SystemExit) as end:
        cli.main(fit_prior, [str(tmp_path / "vae.keras"), "--data", "digit_counts"])
    said = capsys.readouterr().err
    assert end.value.code == cli.BAD_INPUT
    assert "Expected images of shape (8, 8, 1), which the model takes" in said
    assert "Received: rows of shape (64,) in digit_counts. (Data of images: digits, " in said
