"""Measures that the evaluation program gives if asked: known answers, refusals, the report."""

import json
import math

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import keras_vae as kv
from keras_vae.training.data import binarization, dsprites
from keras_vae.training.data.loading import Data, load
from keras_vae.training.evaluate import measure_model
from keras_vae.training.evaluation import (
    base,
    below_floor,
    factors,
    generation,
    latent,
    likelihood,
    probes,
)
from keras_vae.training.evaluation.asked import EvaluationOptions
from tests.training.test_evaluate import run, run_directory

pytestmark = pytest.mark.tensorflow

IMAGES = np.random.default_rng(0).integers(0, 256, (45, 8, 8, 1), dtype=np.uint8)
PIXELS = IMAGES.astype("float32") / np.float32(255)
CODES = 3


def linear_vae(excess=0.0):
    """Probabilistic PCA of unit noise; with `excess` 0 its q(z | x) is the exact posterior.

    Args:
        excess: Added to the log variance of q(z | x).
    """
    encoder, decoder = kv.nets.dense((8, 8, 1), CODES, (), heads=2)
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(64, CODES)))[0]
    scales, center = np.array([3.0, 2.0, 0.5]), np.full(64, 0.4)
    loadings = directions * scales
    to_mean = loadings / (1.0 + scales**2)
    encoder.get_layer("z_mean").set_weights([to_mean, -center @ to_mean])
    log_var = -np.log1p(scales**2) + excess
    encoder.get_layer("z_log_var").set_weights([np.zeros((64, CODES)), log_var])
    decoder.layers[1].set_weights([loadings.T, center])
    model = kv.VAE(encoder, decoder, likelihood="normal", seed=0)
    law = multivariate_normal(center, loadings @ loadings.T + np.eye(64))
    return model, -law.logpdf(PIXELS.reshape(45, 64)).mean()


def binary_vae():
    keras.utils.set_random_seed(0)
    return kv.VAE(*kv.nets.dense((8, 8, 1), CODES, (16,), heads=2), seed=0)


def test_the_bound_of_a_linear_vae_with_the_exact_posterior_is_the_likelihood_of_pca():
    model, exact = linear_vae()
    rows = likelihood.importance_weighted(model, IMAGES, 10)
    assert rows["nll_1"].value == pytest.approx(exact, abs=1e-4)
    assert rows["nll_10"].value == pytest.approx(exact, abs=1e-4)
    assert rows["elbo_gap"].value == pytest.approx(0.0, abs=1e-4)
    assert rows["nll_standard_error"].value < 1e-5


def test_with_another_posterior_the_bound_falls_to_the_likelihood_as_samples_grow():
    model, exact = linear_vae(excess=1.5)
    rows = likelihood.importance_weighted(model, IMAGES, 2000)
    curve = [rows[f"nll_{count}"].value for count in (1, 10, 100, 1000, 2000)]
    assert curve == sorted(curve, reverse=True)
    assert curve[0] - exact > 0.5
    assert curve[-1] == pytest.approx(exact, abs=0.01)
    # KL of two Gaussians of one mean: (e^1.5 - 1 - 1.5) / 2 in each of three dimensions.
    gap = CODES * (math.exp(1.5) - 2.5) / 2
    assert rows["elbo_gap"].value == pytest.approx(gap, rel=0.02)


@pytest.mark.slow
def test_the_standard_error_is_that_of_the_mean_over_images():
    model, _ = linear_vae(excess=1.0)
    seeds = range(20)
    found = [
        -kv.estimators.log_likelihood(model, PIXELS, samples=50, seed=seed).mean() for seed in seeds
    ]
    stated = likelihood.importance_weighted(model, IMAGES, 50)["nll_standard_error"].value
    assert 0.6 < np.std(found, ddof=1) / stated < 1.6


def test_one_sample_has_no_standard_error():
    model, _ = linear_vae(excess=1.0)
    assert "nll_standard_error" not in likelihood.importance_weighted(model, IMAGES[:2], 1)
    _, error = kv.estimators.log_likelihood(model, PIXELS[:2], 1, return_standard_error=True)
    np.testing.assert_array_equal(error, [np.nan, np.nan])


@pytest.mark.slow
def test_bits_are_given_for_binary_images_only():
    binary = (IMAGES > 99).astype(np.uint8) * np.uint8(255)
    model = binary_vae()
    rows = likelihood.importance_weighted(model, binary, 5)
    expected = rows["nll_5"].value / (64 * math.log(2))
    assert rows["nll_bits_per_dim"].value == pytest.approx(expected)
    assert "nll_bits_per_dim" not in likelihood.importance_weighted(model, IMAGES, 5)


@pytest.mark.slow
def test_a_run_of_the_dynamic_protocol_is_measured_on_its_binary_test_images(tmp_path):
    model = binary_vae()
    images = load("digits", limit=60)
    report = measure_model(model, images, 50, EvaluationOptions(samples=20), "dynamic")
    test = binarization.dynamic_split(images).test.astype("float32") / np.float32(255)
    error = np.mean((np.asarray(model.reconstruct(test)) - test) ** 2)
    rows = report["measures"]
    assert rows["mse"]["value"] == pytest.approx(error, rel=1e-5)
    expected = -kv.estimators.log_likelihood(model, test, samples=20).mean()
    assert rows["nll_20"]["value"] == pytest.approx(expected)
    floor = binarization.entropy_floor(images.test)
    assert rows["nll_floor"]["value"] == pytest.approx(floor)
    assert report["protocol"] == "dynamic"


@pytest.mark.slow
def test_a_result_below_the_floor_fails_the_program(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(likelihood, "floor", lambda grey: base.Measure(1e4, "nats", ""))
    folder = run_directory(tmp_path / "run", binary_vae())
    assert run(folder, "--samples", 2, "--protocol", "dynamic") == 1
    assert "below the floor, so wrong: nll_1, nll_2" in capsys.readouterr().out


def test_only_estimates_are_held_against_the_floor():
    nats = {"nll_5": 47.0, "nll_floor": 45.5, "nll_standard_error": 0.1, "kl": 3.0}
    rows = {name: base.Measure(value, "nats", "") for name, value in nats.items()}
    assert below_floor(rows) == []
    rows["nll_50"] = base.Measure(45.0, "nats", "")
    assert below_floor(rows) == ["nll_50"]


@pytest.mark.slow
def test_the_table_of_a_run_holds_all_that_was_asked(tmp_path, capsys):
    folder = run_directory(tmp_path / "run", binary_vae())
    assert run(folder, "--samples", 20, "--probes", "--limit", 30) == 0
    report = json.loads((folder / "evaluation-limit-30.json").read_text())
    names = {"nll_1", "nll_10", "nll_20", "elbo_gap", "linear_probe", "knn_probe"}
    names |= {"mutual_information", "aggregate_kl", "mean_psnr"}
    assert names <= report["measures"].keys()
    assert report["test_images"] == 30
    assert report["asked"]["samples"] == 20
    assert {"processor_seconds", "machine", "date"} <= report.keys()
    text = (folder / "evaluation-limit-30.md").read_text()
    assert all(f"| {name} " in text for name in names)
    assert text in capsys.readouterr().out


@pytest.mark.slow
def test_the_parts_of_the_kl_are_its_mean_and_at_most_the_logarithm_of_the_count(tmp_path):
    model, _ = linear_vae()
    rows = measure_model(model, Data("x", IMAGES, IMAGES), 45)["measures"]
    total = rows["mutual_information"]["value"] + rows["aggregate_kl"]["value"]
    assert total == pytest.approx(rows["kl"]["value"], rel=1e-4)
    assert rows["mutual_information"]["value"] <= math.log(45)


def two_kinds(train_labels, test_labels):
    """Black and white images by turns."""
    images = np.zeros((40, 8, 8, 1), np.uint8)
    images[::2] = 255
    labels = (np.asarray(labels, np.int64) for labels in (train_labels, test_labels))
    return Data("kinds", images, images, *labels)


def test_probes_read_labels_that_the_codes_hold_and_learn_from_training_labels_alone():
    model, alternating = binary_vae(), [0, 1] * 20
    right = probes.accuracies(model, two_kinds(alternating, alternating), 16)
    assert [row.value for row in right.values()] == [1.0, 1.0]
    wrong = probes.accuracies(model, two_kinds(alternating, alternating[::-1]), 16)
    assert [row.value for row in wrong.values()] == [0.0, 0.0]


@pytest.mark.parametrize("batch_size", [45, 20])
def test_codes_are_those_of_encode_whatever_the_batch_size(batch_size):
    model = binary_vae()
    found = base.codes(model, IMAGES, batch_size)
    np.testing.assert_allclose(found, np.asarray(model.encode(PIXELS)), atol=1e-6)


class HalfOfFour(kv.Autoencoder):
    """Code 1 for white images, 3 for black ones."""

    codebook_size = 4

    def encode(self, x, training=False):
        return keras.ops.cast(3 - 2 * keras.ops.mean(x, axis=(1, 2)), "int32")


def test_the_use_of_a_codebook_is_counted_over_all_images():
    model = HalfOfFour(*kv.nets.dense((8, 8, 1), 1, ()), likelihood="bernoulli")
    rows = latent.codebook(model, two_kinds([0] * 40, [0] * 40).test, 16)
    assert rows["codebook_perplexity"].value == pytest.approx(2.0)
    assert rows["codebook_used"].value == 0.5
    assert latent.codebook(binary_vae(), IMAGES, 16) == {}


class TwoCodebooks(HalfOfFour):
    """The first integer tells white images from black ones, the second is always 2."""

    codebooks = 2

    def encode(self, x, training=False):
        first = super().encode(x)
        return keras.ops.concatenate([first, 2 * keras.ops.ones_like(first)], axis=1)


def test_the_use_of_several_codebooks_is_their_mean():
    model = TwoCodebooks(*kv.nets.dense((8, 8, 1), 1, ()), likelihood="bernoulli")
    rows = latent.codebook(model, two_kinds([0] * 40, [0] * 40).test, 16)
    assert rows["codebook_perplexity"].value == pytest.approx((2.0 + 1.0) / 2)
    assert rows["codebook_used"].value == (0.5 + 0.25) / 2
    assert "mean of 2 codebooks" in str(rows["codebook_used"])


def picture_vae():
    keras.utils.set_random_seed(0)
    return kv.VAE(*kv.nets.dense((14, 14, 1), 2, (8,), heads=2), seed=0)


def pictures(count=60):
    return np.random.default_rng(0).integers(0, 256, (count, 14, 14, 1), dtype=np.uint8)


def test_samples_are_those_of_the_model_whatever_the_batch_size():
    model = picture_vae()
    found = generation.samples(model, 30, batch_size=13)
    np.testing.assert_allclose(found, np.asarray(model.sample(30, seed=0)), atol=1e-6)


def test_samples_that_are_the_test_images_have_no_distance(monkeypatch):
    test = pictures()
    monkeypatch.setattr(generation, "samples", lambda *arguments: base.pixels(test))
    rows = generation.distances(picture_vae(), test, 50)
    assert rows["frechet_distance_hog"].value == pytest.approx(0.0, abs=1e-4)
    assert rows["coverage_hog"].value == 1.0
    assert not any("fid" in name.lower() for name in rows)


def test_distances_can_be_in_features_of_a_network_and_bear_its_name(tmp_path):
    inputs = keras.Input((14, 14, 1))
    network = keras.Model(inputs, keras.layers.AveragePooling2D(7)(inputs)[:, 0, :, 0])
    network.save(tmp_path / "means.keras")
    rows = generation.distances(picture_vae(), pictures(), 50, str(tmp_path / "means.keras"))
    assert {"frechet_distance_means", "coverage_means"} <= rows.keys()


def test_a_sampler_makes_any_autoencoder_generate():
    keras.utils.set_random_seed(0)
    model = kv.Autoencoder(*kv.nets.dense((14, 14, 1), 2, (8,)), likelihood="bernoulli")
    rows = generation.distances(model, pictures(), 50, fitted=(pictures(), 2))
    assert model.sampler is not None
    assert np.isfinite(rows["frechet_distance_hog"].value)


def sprite_vae(kernel):
    encoder, decoder = kv.nets.dense(factors.SHAPE, 2, (), heads=2)
    encoder.get_layer("z_mean").set_weights([kernel, np.zeros(2)])
    return kv.VAE(encoder, decoder, seed=0)


@pytest.mark.slow
def test_disentanglement_is_nothing_for_constant_codes_and_much_for_positions(monkeypatch):
    monkeypatch.setattr(factors, "MIG_IMAGES", 2000)
    few = {"votes": 200, "test_votes": 100, "variance_examples": 500}
    monkeypatch.setattr(factors, "VOTES", few)
    none = factors.disentanglement(sprite_vae(np.zeros((64 * 64, 2))), 500)
    assert none["factor_vae_score"].value == 0.0
    assert none["mig"].value == pytest.approx(0.0, abs=1e-6)
    down, right = np.mgrid[:64, :64] / 64 - 0.5
    moments = np.stack([right.ravel(), down.ravel()], axis=1) / 50
    of_position = factors.disentanglement(sprite_vae(moments), 500)
    # Two of five factors have a code of their own, though larger pictures move it further.
    assert of_position["mig"].value > 0.1
    assert 0.3 < of_position["factor_vae_score"].value <= 1.0


def test_a_picture_is_drawn_and_encoded_once_however_often_it_is_asked_for(monkeypatch):
    drawn = []
    render = dsprites.render
    monkeypatch.setattr(dsprites, "render", lambda f: drawn.append(len(f)) or render(f))
    model = sprite_vae(np.random.default_rng(0).normal(size=(64 * 64, 2)) / 64)
    codes = factors.Codes(model, 4)
    wanted = dsprites.factors_of(np.array([5, 700_000, 5, 31]))
    found = codes(wanted)
    assert sum(drawn) == 3
    expected = np.asarray(model.encode(render(wanted) / np.float32(255)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(codes(wanted[:2]), found[:2])
    assert sum(drawn) == 3


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            EvaluationOptions(samples=5),
            "a model that gives x a probability, such as a VAE, for --samples",
        ),
        (EvaluationOptions(samples=0), "--samples of at least 1. Received: 0"),
        (EvaluationOptions(distances=True), "generates images, such as a VAE, for --distances"),
        (EvaluationOptions(distances=True, sampler=2), "at least 14x14 pixels for the HOG"),
        (EvaluationOptions(distances=True, sampler=0), "--sampler of at least 1"),
        (EvaluationOptions(sampler=3), "--distances with --sampler"),
        (EvaluationOptions(features="mine.keras"), "--distances with --features"),
        (
            EvaluationOptions(distances=True, sampler=2, features="incept"),
            "--features hog, or the .keras",
        ),
        (
            EvaluationOptions(probes=True),
            "data with labels for --probes. Received: x, which has none",
        ),
        (EvaluationOptions(factors=True), "images of shape (64, 64, 1)"),
    ],
)
def test_a_measure_that_cannot_be_given_is_refused_before_any_work(asked, message, monkeypatch):
    model = kv.Autoencoder(*kv.nets.dense((8, 8, 1), 2, ()), likelihood="bernoulli")
    monkeypatch.setattr(type(model), "evaluate", lambda *a, **k: pytest.fail("work was done"))
    with pytest.raises(ValueError) as error:
        measure_model(model, Data("x", IMAGES, IMAGES), 50, asked)
    assert str(error.value).startswith("Expected") and "Received: " in str(error.value)
    assert message in str(error.value)


def test_codes_that_are_maps_have_no_disentanglement():
    model = kv.Autoencoder(*kv.nets.conv_map(factors.SHAPE, 1, (2,)), likelihood="bernoulli")
    with pytest.raises(ValueError, match="codes that are vectors"):
        factors.check(model)


def test_sprites_are_loaded_by_name(monkeypatch):
    part = dsprites.read_dsprites(6, 2)
    monkeypatch.setattr(dsprites, "read_dsprites", lambda: part)
    assert load("dsprites").image_shape == factors.SHAPE


@pytest.mark.parametrize("words", [["--samples", 0], ["--limit", 0], ["--batch-size", 0]])
def test_numbers_that_cannot_be_meant_are_refused(words, tmp_path, capsys):
    assert run(tmp_path / "no_run", *words) == 2
    assert f"Expected {words[0]} of at least 1. Received: 0." in capsys.readouterr().err
