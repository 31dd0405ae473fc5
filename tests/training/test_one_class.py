"""The one-class test: distances and areas against SciPy and scikit-learn, what is refused."""

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist

import keras_vae as kv
from keras_vae import cli
from keras_vae.training import one_class, recipes
from keras_vae.training.data.loading import Data
from keras_vae.training.evaluation import unusual

pytestmark = pytest.mark.usefixtures("eager_functions")

RANDOM = np.random.default_rng(0)
SHAPE = (8, 8, 1)


def pictures(count, level):
    """Noise about a level."""
    return RANDOM.integers(level - 20, level + 20, (count, *SHAPE), dtype=np.uint8)


def two_classes(train=20, test=10):
    images = [np.concatenate([pictures(n, 60), pictures(n, 66)]) for n in (train, test)]
    labels = [np.repeat([0, 1], n) for n in (train, test)]
    return Data("levels", *images, *labels)


def small_recipe(image_shape=SHAPE, seed=0):
    """A recipe that trains in no time."""
    networks = kv.nets.dense(image_shape, 3, (16,), heads=2)
    model = kv.VAE(*networks, likelihood="normal_learned_scale", seed=seed)
    return recipes.Recipe(model, keras.optimizers.Adam(1e-3), "digits", epochs=1, batch_size=8)


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(one_class.one_class, [str(word) for word in words])
    return end.value.code


def test_the_nearest_of_a_training_image_is_not_itself():
    train, x = RANDOM.random((30, 2, 3)), RANDOM.random((7, 2, 3))
    flat, others = train.reshape(30, 6), x.reshape(7, 6)
    expected = np.sort(cdist(others, flat), axis=1)[:, 4]
    np.testing.assert_allclose(unusual.nearest(train, x), expected, rtol=1e-6)
    among_others = np.sort(cdist(flat, flat), axis=1)[:, 5]
    np.testing.assert_allclose(unusual.nearest(train), among_others, rtol=1e-6)


def test_roots_keep_black_and_white_and_spread_the_dark():
    levels = np.array([0, 1, 64, 255], np.uint8)
    np.testing.assert_array_equal(unusual.roots(levels), [0, 16, 128, 255])


def test_spreads_are_those_of_the_training_images():
    known = np.exp(RANDOM.normal(2.0, 3.0, 1000))
    found = unusual.standardize_logs(known, known)
    assert found.mean() == pytest.approx(0.0, abs=1e-9)
    assert found.std() == pytest.approx(1.0)
    assert np.isfinite(unusual.standardize_logs(np.zeros(1), known)).all()


@pytest.mark.tensorflow
def test_the_areas_are_those_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    images = two_classes()
    found = one_class.measure_class(small_recipe(), images, 1)
    assert found.keys() == unusual.MEANINGS.keys()
    flat = images.test.reshape(20, -1) / 255.0
    distance = np.sort(cdist(flat, images.train[20:].reshape(20, -1) / 255.0), axis=1)[:, 4]
    expected = roc_auc_score(images.test_labels != 1, distance)
    assert found["pixels"] == pytest.approx(expected)
    assert 0.5 < expected < 1.0


@pytest.mark.tensorflow
def test_scores_are_of_reconstructions_and_codes_of_square_roots():
    model, images = small_recipe().model, two_classes()
    found = unusual.scores(model, images.train, images.test, batch_size=7)
    seen = (unusual.roots(images.test) / 255.0).astype("float32")
    made = np.asarray(model(seen))
    error = np.linalg.norm((seen - made).reshape(20, -1), axis=1)
    np.testing.assert_allclose(found["error"], error, rtol=1e-5)
    np.testing.assert_allclose(found["score"], np.asarray(model.score(seen)), rtol=1e-5)
    known = (unusual.roots(images.train) / 255.0).astype("float32")
    codes = [np.asarray(model.encode(x)) for x in (seen, known)]
    expected = np.sort(cdist(*codes), axis=1)[:, 4]
    np.testing.assert_allclose(found["codes"], expected, rtol=1e-3)


@pytest.mark.tensorflow
@pytest.mark.parametrize("validate", [False, True])
def test_the_program_prints_a_row_for_each_score(validate, monkeypatch, capsys, tmp_path):
    images = two_classes(train=36)
    arrays = {"x_train": images.train, "x_test": images.test}
    labels = {"y_train": images.train_labels, "y_test": images.test_labels}
    np.savez(tmp_path / "levels.npz", **arrays, **labels)
    monkeypatch.setattr(recipes, "find", lambda name: small_recipe)
    words = ["--data", tmp_path / "levels.npz", *["--validate"] * validate]
    assert run(*words) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[1].strip(): line.split("|") for line in lines if line[0] == "|"}
    assert [cell.strip() for cell in rows["measure"][2:5]] == ["mean", "0", "1"]
    assert unusual.MEANINGS.keys() <= rows.keys()
    mean, *each = (float(cell) for cell in rows["manifold"][2:5])
    assert mean == pytest.approx(np.mean(each), abs=0.06)
    seen = "12 training images that no model saw" if validate else "20 test images"
    assert f"Of {seen} of levels" in lines


def test_the_recipe_is_given_the_shape_the_seed_and_the_epochs():
    made = one_class.new_recipe(
        small_recipe, Data("x", *[np.zeros((1, 6, 4, 1), "uint8")] * 2), 7, 5
    )
    assert (made.model.event_shape, made.model.seed, made.epochs) == ((6, 4, 1), 5, 7)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "with labels of two classes"),
        (np.zeros(40, int), "with labels of two classes"),
        (np.arange(40) // 38, "Received: 2"),
    ],
    ids=["no labels", "one class", "two images of a class"],
)
def test_data_without_classes_are_refused(labels, message):
    images = pictures(40, 60)
    with pytest.raises(ValueError, match=message):
        one_class.check(Data("levels", images, images, labels, labels))


@pytest.mark.parametrize("option", ["--epochs", "--limit"])
def test_counts_below_one_are_refused(option, capsys):
    assert run(option, 0) == 2
    assert f"Expected {option} of at least 1" in capsys.readouterr().err
