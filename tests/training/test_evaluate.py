"""The evaluation program: its numbers against NumPy, its files, its exit codes."""

import json
import math

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training import evaluation
from keras_vae.training.evaluate import evaluate, quarantine, save
from keras_vae.training.runs import run_directory as runs

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager_functions")]

IMAGES = np.random.default_rng(0).integers(0, 256, (45, 8, 8, 1), dtype=np.uint8)
PIXELS = IMAGES.astype("float64") / 255


def vae(likelihood="bernoulli", collapsed=False, steps=100):
    keras.utils.set_random_seed(0)
    heads = kv.distributions.get(likelihood).heads
    networks = kv.nets.dense((8, 8, 1), 3, (16,), heads=2, decoder_heads=heads)
    model = kv.VAE(*networks, likelihood=likelihood, seed=0)
    model.steps.assign(steps)
    if collapsed:
        model.encoder.get_layer("z_mean").kernel.assign(np.zeros((16, 3)))
    return model


def run_directory(folder, model, **config):
    folder.mkdir()
    model.save(folder / "model.keras")
    settings = {"data": "digits", "limit": 45, **config}
    runs.write_config(
        folder,
        {"recipe": "vae_digits", "arguments": {}, "settings": settings, "image_shape": [8, 8, 1]},
    )
    return folder


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(evaluate, [str(word) for word in words])
    return end.value.code


@pytest.mark.parametrize("batch_size", [45, 20], ids=["one batch", "ragged"])
def test_errors_are_means_over_all_images(batch_size):
    model = vae()
    rows = evaluation.measure(model, IMAGES, batch_size)
    error = np.mean((np.asarray(model.reconstruct(PIXELS)) - PIXELS) ** 2)
    assert rows["mse"].value == pytest.approx(error, rel=1e-5)
    assert rows["psnr"].value == pytest.approx(-10 * math.log10(error), rel=1e-5)


@pytest.mark.parametrize("batch_size", [45, 20], ids=["one batch", "ragged"])
def test_the_terms_are_means_over_all_images(batch_size):
    model = vae()
    rows = evaluation.measure(model, IMAGES, batch_size)
    mean, log_var = (np.asarray(part, "float64") for part in model.encoder(PIXELS))
    kl = 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var, axis=1).mean()
    assert rows["kl"].value == pytest.approx(kl, rel=1e-5)
    assert rows["elbo"].value == pytest.approx(-rows["kl"].value - rows["reconstruction"].value)
    assert rows["loss"].value == pytest.approx(-rows["elbo"].value)


def test_bits_are_given_only_where_the_likelihood_is_of_bytes():
    rows = evaluation.measure(vae("discretized_logistic"), IMAGES, 45)
    assert rows["bits_per_dim"].value == pytest.approx(-rows["elbo"].value / 64 / math.log(2))
    model = vae()
    rows = evaluation.measure(model, IMAGES, 45)
    assert "bits_per_dim" not in rows
    assert "'bernoulli' gives no probability" in " ".join(evaluation.notes(model, rows))


def test_active_units_are_those_that_vary():
    model = vae()
    kernel = keras.ops.convert_to_numpy(model.encoder.get_layer("z_mean").kernel).copy()
    kernel[:, 1] = 0.0
    kernel[:, [0, 2]] *= 10.0
    model.encoder.get_layer("z_mean").kernel.assign(kernel)
    assert evaluation.measure(model, IMAGES, 20)["active_units"].value == 2


def test_a_denoiser_is_measured_on_corrupted_images_too():
    networks = kv.nets.dense((8, 8, 1), 3, (16,))
    corruption = kv.layers.MaskingNoise(1.0)
    model = kv.DenoisingAutoencoder(*networks, corruption=corruption, likelihood="bernoulli")
    rows = evaluation.measure(model, IMAGES, 20)
    assert rows["psnr_corrupted"].value == pytest.approx(-10 * math.log10(np.mean(PIXELS**2)))
    empty = np.asarray(model.reconstruct(np.zeros((1, 8, 8, 1))))
    expected = -10 * math.log10(np.mean((PIXELS - empty) ** 2))
    assert rows["psnr_denoised"].value == pytest.approx(expected, rel=1e-5)
    nats = -np.sum(PIXELS * np.log(empty) + (1 - PIXELS) * np.log1p(-empty)) / len(PIXELS)
    assert rows["reconstruction_denoised"].value == pytest.approx(nats, rel=1e-4)
    assert "mse_covered" not in rows
    assert "elbo" not in rows and "active_units" not in rows


def test_what_was_covered_is_measured_apart_beside_the_mean_image():
    """Of a half the corrupted pixels, filled with 5, and of a denoiser that answers 0.25."""
    model = kv.DenoisingAutoencoder(
        *kv.nets.dense((8, 8, 1), 3, ()), corruption=kv.layers.HalfOcclusion(fill=5.0, seed=3)
    )
    *_, kernel, bias = model.decoder.weights
    kernel.assign(0.0 * kernel)
    bias.assign(0.0 * bias + 0.25)
    rows = evaluation.measure(model, IMAGES, 20)
    twin = kv.layers.HalfOcclusion(fill=5.0, seed=3)
    parts = [PIXELS[start : start + 20].astype("float32") for start in range(0, len(PIXELS), 20)]
    covered = np.concatenate([np.asarray(twin(part, training=True)) for part in parts]) == 5.0
    assert covered.mean() == 0.5
    for name, guess in (("mse_covered", 0.25), ("mse_covered_mean", PIXELS.mean(axis=0))):
        wanted = np.mean(np.square(PIXELS - guess)[covered])
        assert rows[name].value == pytest.approx(wanted, rel=1e-5)


def test_a_run_is_measured_and_the_table_is_kept(tmp_path, capsys):
    folder = run_directory(tmp_path / "run", vae())
    assert run(folder) == 0
    out = capsys.readouterr().out
    text = (folder / "evaluation.md").read_text()
    assert text in out and "| elbo " in text
    report = json.loads((folder / "evaluation.json").read_text())
    assert report["test_images"] == 45
    assert report["likelihood"] == "bernoulli"
    assert {"elbo", "kl", "mse", "psnr", "active_units"} <= report["measures"].keys()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1  # A cell with a bar would break it.


def test_measuring_twice_gives_the_same_numbers(tmp_path):
    folder = run_directory(tmp_path / "run", vae())
    reports = []
    for _ in range(2):
        assert run(folder) == 0
        reports.append(json.loads((folder / "evaluation.json").read_text())["measures"])
    assert reports[0] == reports[1]


def test_of_a_training_that_was_stopped_it_says_how_far_it_got(tmp_path, capsys):
    folder = run_directory(tmp_path / "run", vae(), epochs=3)
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    assert run(folder) == 0
    said = "The training has gone through 2 of its 3 epochs."
    assert said in capsys.readouterr().out and said in (folder / "evaluation.md").read_text()
    (folder / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3}\n')
    assert run(folder) == 0
    assert "gone through" not in capsys.readouterr().out


def test_other_data_are_measured_beside_the_run_s_own(tmp_path):
    np.savez(tmp_path / "other.npz", train=IMAGES, test=IMAGES[:7])
    folder = run_directory(tmp_path / "run", vae())
    assert run(folder, "--data", tmp_path / "other.npz") == 0
    reports = sorted(path.name for path in folder.glob("evaluation*"))
    assert reports == ["evaluation-other.json", "evaluation-other.md"]


@pytest.mark.slow
def test_data_with_a_dot_in_their_name_or_of_one_name_do_not_replace_each_other(tmp_path, capsys):
    folder = run_directory(tmp_path / "run", vae())
    for name in ("faces.v1.0", "faces.v1.1", "sub/faces.v1.1"):
        path = tmp_path / f"{name}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, train=IMAGES, test=IMAGES[: 5 + len(name)])
        assert run(folder, "--data", path) == 0
    kept = [path for path in folder.glob("evaluation*.json")]
    assert {"evaluation-faces.v1.0.json", "evaluation-faces.v1.1.json"} <= {p.name for p in kept}
    counts = sorted(json.loads(path.read_text())["test_images"] for path in kept)
    assert counts == [15, 15, 19]
    assert (
        "Kept the earlier report, which is of other data, settings, or measures"
        in capsys.readouterr().out
    )
    assert run(folder, "--data", tmp_path / "sub/faces.v1.1.npz") == 0
    assert len(list(folder.glob("evaluation*.json"))) == 3  # The same data again.


def test_a_report_on_some_images_is_next_to_the_whole_one(tmp_path):
    folder = run_directory(tmp_path / "run", vae())
    assert run(folder) == 0
    whole = (folder / "evaluation.json").read_bytes(), (folder / "evaluation.md").read_bytes()
    assert run(folder, "--limit", 5) == 0
    assert run(folder, "--limit", 7, "--data", "digits") == 0
    reports = {path.name for path in folder.glob("evaluation*.json")}
    assert reports == {
        "evaluation.json",
        "evaluation-limit-5.json",
        "evaluation-limit-7-digits.json",
    }
    assert json.loads((folder / "evaluation-limit-5.json").read_text())["test_images"] == 5
    assert whole == tuple((folder / f"evaluation.{end}").read_bytes() for end in ("json", "md"))


REPORT = {
    "date": "2026-11-21T10:20:30+00:00",
    "measures": {"mse": 1.0},
    "protocol": "plain",
    "test_images": 90,
    "asked": {"samples": None, "sampler": 10},
    "repeats": 3,
    "settings": {"layer": "h"},
    "rows": [{"labels": 100}, {"labels": 1000}],
}


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "dynamic"},
        {"test_images": 45},
        {"asked": {"samples": 5, "sampler": None}},
        {"repeats": 1},
        {"settings": {"layer": None}},
        {"rows": [{"labels": 100}]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_report_with_other_settings_does_not_replace_the_earlier_one(tmp_path, other):
    save(REPORT, "long", tmp_path, "evaluation")
    assert quarantine({**REPORT, "measures": {"mse": 2.0}}, tmp_path, "evaluation") == []
    assert len(quarantine({**REPORT, **other}, tmp_path, "evaluation")) == 2


def test_two_reports_of_one_second_are_both_put_aside(tmp_path):
    found = {"measures": {"mse": 1.0, "nll": 2.0}, "date": "2026-11-21T10:20:30+00:00"}
    for number in (1, 2):
        save({**found, "number": number}, "long", tmp_path, "evaluation")
        quarantine({"measures": {"mse": 3.0}}, tmp_path, "evaluation")
    kept = [json.loads(path.read_text())["number"] for path in tmp_path.glob("*.json")]
    assert sorted(kept) == [1, 2] and len(list(tmp_path.glob("*.md"))) == 2


def test_a_lone_model_needs_data_and_gets_a_table_only(tmp_path, capsys):
    vae().save(tmp_path / "m.keras")
    assert run(tmp_path / "m.keras") == 2
    assert "Give --data NAME" in capsys.readouterr().err
    assert run(tmp_path / "m.keras", "--data", "digits") == 0
    assert "| psnr " in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_a_collapsed_posterior_is_said_in_words(tmp_path, capsys):
    assert run(run_directory(tmp_path / "run", vae(collapsed=True))) == 0
    assert "posterior has collapsed" in capsys.readouterr().out


def test_after_a_few_steps_nothing_is_said_of_a_collapse(tmp_path, capsys):
    assert run(run_directory(tmp_path / "run", vae(collapsed=True, steps=1))) == 0
    said = capsys.readouterr().out
    assert "after 1 step of training, too few to judge" in said and "collapsed" not in said


def test_a_broken_model_fails_the_program(tmp_path, capsys):
    model = vae()
    model.decoder.trainable_variables[-1].assign(np.full(64, np.nan))
    assert run(run_directory(tmp_path / "run", model)) == 1
    assert "Warning: not a number: elbo, reconstruction" in capsys.readouterr().out


def test_images_of_another_shape_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "wide.npz", train=IMAGES[:, :, :5], test=IMAGES[:, :, :5])
    folder = run_directory(tmp_path / "run", vae())
    assert run(folder, "--data", tmp_path / "wide.npz") == 2
    assert "Expected images of shape (8, 8, 1)" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no zip at all", None], ids=["empty", "text", "cut"])
def test_a_damaged_model_is_an_error_without_a_traceback(tmp_path, capsys, content):
    folder = run_directory(tmp_path / "run", vae())
    whole = (folder / "model.keras").read_bytes()
    (folder / "model.keras").write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert run(folder) == 2
    assert "Expected a model that Keras can load" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "with a config.json in it"),
        ("{", "Expected JSON in .*It was damaged"),
        ("{}", "Expected \\['argu"),
    ],
)
def test_a_folder_that_is_no_run_is_refused(tmp_path, config, message):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(ValueError, match=message):
        runs.open_run(tmp_path)


def test_a_run_that_does_not_exist_is_answered_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs.create(None, "vae")
    (tmp_path / "runs/vae-1/config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="Did you mean 'runs/vae-1'"):
        runs.open_run("runs/vae-2")
    # Every run is under runs/, which makes none alike.
    with pytest.raises(FileNotFoundError, match=r"There are: runs/vae-1"):
        runs.open_run("runs/nope")


def test_a_keras_model_of_another_kind_is_refused(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Expected a model of keras_vae. Received: a Sequential"):
        runs.open_run(tmp_path / "m.keras").model()


def test_an_evaluation_with_other_measures_is_kept_beside_the_new_one(tmp_path, capsys):
    report = {"measures": {"mse": 1.0, "nll_10": 2.0}, "date": "2026-11-21T10:20:30+00:00"}
    save(report, "long", tmp_path, "evaluation")
    again = {"measures": {"mse": 3.0}, "date": "2026-11-22T00:00:00+00:00"}
    moved = quarantine(again, tmp_path, "evaluation")
    save(again, "short", tmp_path, "evaluation")
    assert [path.name for path in moved] == [
        f"evaluation-2026-11-21T10-20-30.{ending}" for ending in ("json", "md")
    ]
    assert json.loads(moved[0].read_text()) == report and moved[1].read_text() == "long"
    assert json.loads((tmp_path / "evaluation.json").read_text()) == again
    assert quarantine(report, tmp_path, "evaluation") == []  # It has all that the other has.
