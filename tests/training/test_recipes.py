"""Recipes: all are documented, typed, buildable; files of users; what is refused."""

import inspect
import re
import subprocess
import sys

import pytest

from keras_vae.training import recipes, train_options

USER_RECIPE = '''
from keras_vae.training.recipes import Recipe

def recipe(width: int = 4) -> Recipe:
    """A recipe of mine."""
    return Recipe(model=width, optimizer=None, data="digits", epochs=1, batch_size=2)
'''


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_explains_every_argument(name):
    function = recipes.find(name)
    documented = re.findall(r"^ {4}(\w+): \S", inspect.getdoc(function), re.MULTILINE)
    assert documented == list(inspect.signature(function).parameters)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_builds_a_model_for_the_data_that_it_names(name):
    import keras_vae as kv

    recipe = recipes.find(name)(seed=3)
    assert isinstance(recipe, recipes.Recipe)
    assert isinstance(recipe.model, kv.Autoencoder)
    assert recipe.model.seed == 3
    assert name.endswith(recipe.data.removeprefix("table:"))
    shapes = {"digits": (8, 8, 1), "mnist1d": (40, 1), "dsprites": (64, 64, 1)}
    shapes |= {"photo_crops": (32, 32, 3), "digit_counts": (64,), "table:breast_cancer": (30,)}
    shapes["ellipsoids"] = (16, 16, 16, 1)
    assert recipe.model.event_shape == shapes.get(recipe.data, (28, 28, 1))


@pytest.mark.tensorflow
@pytest.mark.parametrize("penalty", ["l1", "kl", "top_k"])
def test_the_sparse_recipe_has_codes_that_its_penalty_takes(penalty):
    import numpy as np

    model = recipes.find("sparse_digits")(penalty=penalty).model
    z = np.asarray(model.encode(np.random.default_rng(0).random((4, 8, 8, 1), "float32")))
    assert penalty != "kl" or (0 < z.min() and z.max() < 1)
    assert penalty != "top_k" or (np.count_nonzero(z, axis=1) <= 10).all()


@pytest.mark.tensorflow
def test_the_recipe_of_grey_levels_has_levels_of_maps():
    function = recipes.find("grey_vae_fashion_mnist")
    given = {"levels": (0, 1), "filters": (2, 3), "latent_dim": 5, "latent_channels": 2}
    model = recipes.call(function, {**given, "image_shape": (8, 8, 1), "warm_up_steps": 4}, 0).model
    assert type(model).__name__ == "LadderVAE" and model.latent_shape == (5 + 2 * 2 * 2,)
    assert model.family.__name__ == "DiscretizedLogisticMixture"


@pytest.mark.tensorflow
def test_the_colour_recipe_takes_a_discriminator_and_a_network_of_features(tmp_path):
    import keras

    make = recipes.find("vq_photo_crops")
    assert not make().model.extra_terms
    keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3)]).save(
        tmp_path / "f.keras"
    )
    options = {"perceptual_network": str(tmp_path / "f.keras"), "perceptual_weight": 0.3}
    small = {"codebook_size": 8, "filters": (4, 8), "image_shape": (16, 16, 3)}
    model = make(**small, **options, adversarial_weight=0.2, adversarial_start=7).model
    weights = {name: model.loss_weights.setting(name) for name in ("perceptual", "adversarial")}
    assert weights == {"perceptual": 0.3, "adversarial": 0.2}
    assert model.extra_terms[1].start_step == 7


@pytest.mark.tensorflow
def test_the_vamp_recipe_starts_from_the_networks_of_a_run(tmp_path):
    import numpy as np

    small = {"latent_dim": 2, "hidden": (4,), "image_shape": (6, 6, 1)}
    trained = recipes.find("gated_vae_fashion_mnist")(**small).model
    trained.save(tmp_path / "vae.keras")
    recipe = recipes.find("gated_vamp_vae_fashion_mnist")
    start = str(tmp_path / "vae.keras")
    model = recipe(components=3, start=start, warm_up_steps=0, **small).model
    x = np.random.default_rng(0).random((5, 6, 6, 1), "float32")
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(trained(x)))
    assert np.any(np.asarray(recipe(components=3, **small).model(x)) != np.asarray(trained(x)))


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["gated_vae_mnist", "gated_iwae_mnist"])
def test_a_gated_recipe_for_mnist_starts_from_the_networks_of_a_run(name, tmp_path):
    import numpy as np

    small = {"latent_dim": 2, "hidden": (4,), "image_shape": (6, 6, 1)}
    trained = recipes.find("gated_vae_mnist")(seed=5, **small).model
    trained.save(tmp_path / "vae.keras")
    recipe = recipes.find(name)(start=str(tmp_path / "vae.keras"), protocol="plain", **small)
    x = np.random.default_rng(0).random((5, 6, 6, 1), "float32")
    np.testing.assert_array_equal(np.asarray(recipe.model(x)), np.asarray(trained(x)))
    assert recipe.protocol == "plain"


def test_looking_at_recipes_imports_no_keras():
    code = (
        "import sys; from keras_vae.training import recipes; recipes.summaries();"
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_name_is_answered_with_the_nearest_and_all_others():
    with pytest.raises(ValueError, match="Did you mean 'conv_vae_digits'") as error:
        recipes.find("conv_vae_digit")
    assert all(name in str(error.value) for name in recipes.names())
    assert str(error.value).endswith("'conv_vae_digits'?)")  # Below the list, where it is read.


def test_a_file_of_a_user_is_a_recipe(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(USER_RECIPE)
    function = recipes.find(str(path))
    assert function(width=7).model == 7
    assert train_options.parse("mine", function, ["--width", "9"])[1] == {"width": 9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("other = 1", "Expected a function named recipe"),
        ("def recipe(a=1): pass", "Received: a without"),
        ("def recipe(a: int): pass", "Received: a without"),
    ],
)
def test_a_file_without_a_proper_recipe_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(TypeError, match=message):
        recipes.find(str(path))


def test_modules_beside_a_recipe_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())
    (tmp_path / "a_module_beside_it.py").write_text("WIDTH = 3")
    (tmp_path / "mine.py").write_text("import a_module_beside_it" + USER_RECIPE)
    assert "width" in inspect.signature(recipes.find(str(tmp_path / "mine.py"))).parameters


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match="Received: nowhere.py"):
        recipes.find("nowhere.py")


def test_an_argument_that_the_program_has_itself_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(USER_RECIPE.replace("width", "epochs"))
    with pytest.raises(ValueError, match="Received: epochs"):
        train_options.parse("mine", recipes.find(str(path)), [])


@pytest.mark.parametrize(
    "words",
    [["--epochs", "0"], ["--batch-size", "-1"], ["--limit", "0"], ["--seed", "-1"], ["--resume"]],
)
def test_numbers_that_cannot_be_meant_are_refused(words):
    with pytest.raises(ValueError, match="Expected --"):
        train_options.parse("x", recipes.find("vae_digits"), words)


def test_stored_options_are_the_defaults_of_a_continuation():
    function = recipes.find("vae_digits")
    stored = {"arguments": {"hidden": [5, 6]}, "settings": {"seed": 4, "limit": 8}}
    settings, arguments = train_options.parse("x", function, ["--epochs", "9"], stored)
    assert arguments["hidden"] == (5, 6)
    assert (settings.seed, settings.limit, settings.epochs) == (4, 8, 9)
    train_options.refuse_changes(stored, settings, arguments)


def test_a_continuation_with_another_option_is_refused():
    function = recipes.find("vae_digits")
    stored = {"arguments": {"latent_dim": 5}, "settings": {"seed": 4}}
    settings, arguments = train_options.parse("x", function, ["--latent-dim", "6"], stored)
    with pytest.raises(ValueError, match=r"--latent-dim 6 \(the run has 5\)"):
        train_options.refuse_changes(stored, settings, arguments)


@pytest.mark.parametrize("rate", [-1.0, float("inf"), float("nan")])
def test_a_learning_rate_without_a_sense_is_refused_before_the_work(rate):
    import keras

    for optimizer in (keras.optimizers.Adam(rate), recipes.cosine_adam(rate)(10)):
        with pytest.raises(ValueError, match="Expected a learning rate of at least 0. Received: "):
            recipes.check_learning_rate(optimizer)


def test_a_schedule_may_warm_up_from_0():
    import keras

    warm_up = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=1e-3, warmup_steps=2)
    recipes.check_learning_rate(keras.optimizers.Adam(warm_up))


def test_a_recipe_that_python_cannot_read_is_named_with_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def recipe():\n    return (\n")
    with pytest.raises(ValueError, match=r"mine\.py, with '\(' was never closed in line 2"):
        recipes.find(str(path))
