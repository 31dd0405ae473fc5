"""The program that fits a prior: the file it writes, the picture, and what it refuses."""

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training import fit_prior
from tests.support.models import array

FAST = ("--epochs", "1", "--width", "8", "--blocks", "1", "--limit", "40", "--data", "digits")


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(fit_prior.fit_prior, [str(word) for word in words])
    return end.value.code


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A file of a model with integer codes, and one of a VAE."""
    folder = tmp_path_factory.mktemp("models")
    networks = kv.nets.conv_map((8, 8, 1), 2, (2,))
    kv.VQVAE(*networks, 4, likelihood="bernoulli", seed=0).save(folder / "vq.keras")
    kv.ConvVAE((8, 8, 1), latent_dim=2, filters=(2,), hidden=4).save(folder / "vae.keras")
    return folder


def test_a_limit_that_leaves_a_class_without_examples_is_refused(models, capsys):
    words = ("--classes", *FAST, "--limit", 3, "--out", models / "few.keras")
    assert run(models / "vq.keras", *words) == 2
    assert "in the first 3. (Raise --limit.)" in capsys.readouterr().err


def test_the_file_draws_what_its_prior_says_and_the_model_is_as_before(models, capsys):
    before = (models / "vq.keras").read_bytes()
    assert run(models / "vq.keras", "--classes", "--guidance", 1.5, *FAST) == 0
    assert "prior: autoregressive" in capsys.readouterr().out
    assert (models / "vq.keras").read_bytes() == before
    model = kv.load(models / "vq-prior.keras")
    assert model.sampler.classes == 10 and model.sampler.guidance == 1.5
    assert array(model.sample(3, seed=0, condition=[1, 2, 9])).shape == (3, 8, 8, 1)
    assert (models / "vq-prior.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("prior", ["maf", pytest.param("two_stage", marks=pytest.mark.slow)])
def test_a_prior_of_vectors_is_chosen_by_its_name(models, tmp_path, capsys, prior):
    target = tmp_path / "new.keras"
    assert run(models / "vae.keras", "--prior", prior, "--classes", "--out", target, *FAST) == 0
    assert f"prior: {prior}" in capsys.readouterr().out
    model = kv.load(target)
    assert (model.sampler.name, model.sampler.classes) == (prior, 10)
    assert array(model.sample(2, seed=1, condition=[0, 9])).shape == (2, 8, 8, 1)


def test_codes_of_real_numbers_get_a_flow(models, tmp_path, capsys):
    target = tmp_path / "new.keras"
    assert run(models / "vae.keras", "--out", target, *FAST) == 0
    assert "40 training images of digits, prior: flow" in capsys.readouterr().out
    model = kv.load(target)
    assert model.sampler.name == "flow"
    first, again = (array(model.sample(2, seed=1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


class Interrupted(kv.callbacks.ExactResume):
    """An `ExactResume` that is interrupted after a few steps, the last of them not written."""

    STEPS = 5

    def __init__(self, folder, callbacks):
        super().__init__(folder, callbacks, steps=2)
        self.done = 0

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self.done += 1
        if self.done == self.STEPS:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize(("file", "prior"), [("vae", "maf"), ("vq", "masked")])
def test_an_interrupted_fit_ends_with_the_bits_of_one_that_was_not(
    models, tmp_path, capsys, monkeypatch, file, prior
):
    words = (models / f"{file}.keras", "--prior", prior, *FAST, "--epochs", 3, "--batch-size", 12)
    whole, parts = tmp_path / "whole.keras", tmp_path / "parts.keras"
    assert run(*words, "--out", whole) == 0
    with monkeypatch.context() as patch:
        patch.setattr(kv.callbacks, "ExactResume", Interrupted)
        assert run(*words, "--out", parts) == 130
    assert not parts.exists() and (tmp_path / "parts-checkpoints").is_dir()
    assert run(*words, "--out", parts) == 2
    assert "parts-checkpoints. (Add --resume to go on" in capsys.readouterr().err
    assert run(*words, "--out", parts, "--resume", "--seed", 1) == 2
    assert "seed 0. Received: seed 1." in capsys.readouterr().err
    assert run(*words, "--out", parts, "--resume") == 0
    assert "Resumed after " in capsys.readouterr().out
    first, second = (kv.load(path).sampler.weights for path in (whole, parts))
    for name, part in first.items():
        np.testing.assert_array_equal(part, second[name])
    assert not (tmp_path / "parts-checkpoints").exists()
    written = parts.read_bytes()
    assert run(*words, "--out", parts, "--resume") == 0
    assert "its fit has ended" in capsys.readouterr().out and parts.read_bytes() == written


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--resume",), "(Leave out --resume to begin.)"),
        (("--out", "prior.h5"), "ends in .keras"),
        (("--out", "{folder}/vae.keras"), "vae.keras"),
        (("--guidance", "2"), "--classes"),
        (("--epochs", "0"), "--epochs"),
        (("--prior", "masked"), "prior='flow' or 'mixture'"),
        (("--prior", "mixture", "--epochs", "2"), "neither labels nor epochs"),
        (("--prior", "maf", "--classes", "--guidance", "2"), "Received: guidance"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(models, tmp_path, capsys, words, match):
    words = [word.format(folder=models) for word in words]
    words += [] if "--out" in words else ["--out", tmp_path / "new.keras"]
    given = [*words, "--data", "digits", "--limit", "40"]
    assert run(models / "vae.keras", *given) == 2
    assert match in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
