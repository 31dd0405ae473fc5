"""What programs call their examples: the words of reports, lines, and names of files."""

import json

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.training.data.kinds import count_of, kind_of, one_of
from keras_vae.training.data.loading import Data
from keras_vae.training.data.sources import folder
from keras_vae.training.evaluate import keep_report, markdown, measure_model
from keras_vae.training.evaluation import generation
from keras_vae.training.evaluation.asked import EvaluationOptions
from keras_vae.training.runs import pictures
from keras_vae.training.train import main
from tests.training.test_fits import DATA

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager_functions")]
OTHERS = ("series", "volumes", "counts")


@pytest.mark.parametrize(
    "number, kind, text",
    [
        (1, "images", "1 image"),
        (1, "test rows", "1 test row"),
        (1, "series", "1 series"),
        (1_000, "volumes", "1,000 volumes"),
        (0, "steps", "0 steps"),
    ],
)
def test_a_number_has_the_form_of_its_noun(number, kind, text):
    assert count_of(number, kind) == text


def test_kinds_are_known_by_the_axes():
    kinds = [kind_of(shape) for shape in [(3,), (9, 2), (8, 8, 1), (4, 4, 4, 1)]]
    assert [one_of(kind) for kind in kinds] == ["row", "series", "image", "volume"]


def vae_of(kind):
    keras.utils.set_random_seed(0)
    shape = DATA[kind].image_shape
    likelihood = "poisson" if kind == "counts" else "normal"
    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense(shape, 2, (), heads=2, decoder_heads=heads)
    return kv.VAE(*networks, likelihood=likelihood, seed=0)


def many(kind):
    """Enough examples for the distances."""
    x = np.tile(DATA[kind].train, (4, *[1] * len(DATA[kind].image_shape)))
    return Data("made", x, x)


def features_of(kind, path):
    """The path of a network from the examples of a kind to vectors."""
    inputs = keras.Input(DATA[kind].image_shape)
    keras.Model(inputs, keras.layers.Flatten()(inputs)).save(path)
    return str(path)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_report_speaks_of_images_for_images_alone(kind, tmp_path):
    """With each measure that the examples can have, distances in features of one's own too."""
    features = features_of(kind, tmp_path / "net.keras")
    asked = EvaluationOptions(1, True, features, 2, pca=True)
    report = measure_model(vae_of(kind), many(kind), 24, asked)
    text = markdown(report)
    assert "image" not in text and "pixel" not in text and "picture" not in text
    assert f"24 test {DATA[kind].kind} of made" in text
    assert "-log p(x), 1 importance sample " in text and "2 principal components" in text
    assert "coverage_net" in text


def test_a_denoiser_of_volumes_speaks_of_volumes():
    networks = kv.nets.dense((4, 4, 4, 1), 2, ())
    model = kv.DenoisingAutoencoder(*networks, corruption=kv.layers.MaskingNoise(0.5))
    meaning = measure_model(model, DATA["volumes"], 6)["measures"]["psnr_corrupted"]["meaning"]
    assert meaning == "of corrupted volumes"


REFUSED = {
    "the features of pictures": (
        "volumes",
        ("hog", 10),
        r"Received: volumes of shape \(4, 4, 4, 1\).*--features FILE.keras, a network from volumes",
    ),
    "no prior": ("volumes", (None, None), "a model that generates volumes.*Autoencoder.*--sampler"),
    "another network": ("images", ("volumes", 2), r"from images of shape \(8, 8, 1\) to vectors"),
    "too many Gaussians": ("counts", (None, 25), "each Gaussian of --sampler.*and 24 to train on"),
    "no network": ("counts", ("absent.keras", 2), "a network from rows to vectors"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_distances_that_cannot_be_are_refused_before_the_work(name, tmp_path):
    kind, (features, sampler), message = REFUSED[name]
    if features is None or features in DATA:
        features = features_of(features or kind, tmp_path / "net.keras")
    model = kv.Autoencoder(*kv.nets.dense(DATA[kind].image_shape, 2, ()))
    with pytest.raises(ValueError, match=message):
        generation.check(model, many(kind), features, sampler)


def test_gaussians_of_integer_codes_are_refused_before_the_work(tmp_path):
    model = kv.VQVAE(*kv.nets.conv_map((8, 8, 1), 2, (2,)), 4, seed=0)
    features = features_of("images", tmp_path / "net.keras")
    with pytest.raises(ValueError, match="real numbers for --sampler.*int32.*fit-prior"):
        generation.check(model, many("images"), features, 3)


@pytest.mark.parametrize("shape", [(5,), (20, 2), (4, 4, 4, 1)])
def test_an_explorer_of_something_else_is_not_told_to_fit_a_prior(shape):
    from keras_vae.export.explorer.page import check_model

    model = kv.Autoencoder(*kv.nets.dense(shape, 2, ()))
    with pytest.raises(ValueError, match="grey or color images") as error:
        check_model(model)
    assert kind_of(shape) in str(error.value) and "fit-prior" not in str(error.value)


def test_an_explorer_of_a_conditional_model_is_not_told_to_fit_a_prior():
    from keras_vae.export.explorer.page import check_model

    model = kv.ConditionalVAE(*kv.nets.conditional(kv.nets.dense, (8, 8, 1), 2, 3))
    with pytest.raises(ValueError, match="which decodes z and condition") as error:
        check_model(model)
    assert "fit-prior" not in str(error.value)


def test_a_training_of_rows_speaks_of_rows(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(pictures, "draw", lambda *_: [])
    words = ["vae_digit_counts", "--likelihood", "poisson", "--limit", "9", "--batch-size", "9"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--epochs", "1", "--out", str(tmp_path / "run")])
    said = capsys.readouterr().out
    assert end.value.code == 0 and "image" not in said
    assert "digit_counts: 9 training and 9 test rows of 64" in said
    assert "the order of the rows" in said and "1 step an epoch, of 9 rows" in said
    assert "rows/s with validation" in said


def test_the_files_of_a_report_have_names_without_blanks_and_signs(tmp_path):
    report = {"data": "breast_cancer, 50 % missing", "date": "2026-11-21T10:20:30", "measures": {}}
    keep_report(report, "text", tmp_path, "evaluation", "table:breast_cancer:50")
    stem = "evaluation-breast_cancer-50-missing"
    assert {path.name for path in tmp_path.iterdir()} == {f"{stem}.json", f"{stem}.md"}
    assert json.loads((tmp_path / f"{stem}.json").read_text())["source"] == "table:breast_cancer:50"


def test_paths_are_shown_as_text(tmp_path):
    from tests.support.image_files import picture, save

    save(tmp_path / "a.png", picture(0))
    with pytest.raises(ValueError, match=r"Received: a\.png alone\.$"):
        folder.read_folder(tmp_path, None, None)
    model = vae_of("counts")
    with pytest.raises(TypeError, match=r"Received: '.*x\.npy'\. \(Read the file"):
        model.encode(tmp_path / "x.npy")
    assert np.asarray(model.encode(DATA["counts"].test)).shape == (6, 2)
