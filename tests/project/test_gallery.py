"""The gallery: codes as pictures, and all pictures of a few models on the page."""

import re

import numpy as np
import pytest
from PIL import Image

from keras_vae import cli
from tools.gallery import __main__ as program
from tools.gallery import codes
from tools.gallery.page import STORIES
from tools.gallery.stories import _main_directions, _split_by_ink


def test_a_vector_becomes_a_square_of_its_numbers_from_black_to_white():
    picture = codes.to_images(np.array([[0.0, 1.0, 2.0, 4.0]]))[0, ..., 0]
    half = codes.CELL // 2
    assert picture.shape == (codes.CELL, codes.CELL)
    np.testing.assert_array_equal(picture[::half, ::half], [[0.0, 0.25], [0.5, 1.0]])
    assert (picture[:half, half:] == 0.25).all()


def test_the_channels_of_a_map_stand_side_by_side_and_empty_places_are_grey():
    maps = np.random.rand(2, 3, 4, 5)
    tile = codes.tile(maps)[..., 0]
    assert tile.shape == (2, 9, 12)
    for channel in range(5):
        row, column = divmod(channel, 3)
        part = tile[:, 3 * row : 3 * row + 3, 4 * column : 4 * column + 4]
        np.testing.assert_array_equal(part, maps[..., channel])
    assert (tile[:, 6:] == 0.5).all()


def test_integers_are_one_map_on_the_scale_of_the_codebook():
    picture = codes.to_images(np.array([[[0, 3], [6, 9]]], "int32"), highest=12.0)[0, ..., 0]
    np.testing.assert_allclose(picture[::42, ::42], [[0.0, 0.25], [0.5, 0.75]])


def test_bold_and_thin_are_of_each_class_by_itself():
    images = np.arange(60, dtype="uint8").reshape(60, 1, 1, 1)
    labels = np.repeat([0, 1], 30)
    bold, thin = _split_by_ink(images, labels)
    assert bold[:30].sum() == bold[30:].sum() == thin[:30].sum() == thin[30:].sum() == 10
    assert bold[20:30].all() and thin[30:40].all()


def test_main_directions_are_those_of_the_largest_variance():
    codes = np.random.default_rng(0).normal(size=(500, 4)) * [1, 9, 0.1, 4] + 7
    directions = _main_directions(codes)
    np.testing.assert_allclose(np.abs(directions), np.eye(4)[:, [1, 3]], atol=0.1)


@pytest.mark.tensorflow
def test_all_pictures_are_drawn_and_on_the_page(tmp_path, monkeypatch, capsys):
    chosen = ("ConvAutoencoder", "VQVAE", "TransformerVAE", "ConditionalVAE")
    everything = program._models
    monkeypatch.setattr(
        program,
        "_models",
        lambda listed, *rest: everything({n: listed[n] for n in chosen if n in listed}, *rest),
    )
    assert program.gallery(tmp_path, "digits", train=64, epochs=1) == 0
    drawn = {path.name for path in tmp_path.iterdir()} - {"README.md"}
    assert drawn == {*(f"{n}.png" for n in (*chosen, *STORIES)), "training.gif"}
    assert set(re.findall(r"\]\((.+?)\)", (tmp_path / "README.md").read_text())) == drawn
    for name in ("VQVAE.png", "samples.png"):
        (tmp_path / name).unlink()
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}
    assert program.gallery(tmp_path, "digits", train=64, epochs=1, missing=True) == 0
    assert {"VQVAE.png", "samples.png"} <= {path.name for path in tmp_path.iterdir()}
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == kept
    with Image.open(tmp_path / "training.gif") as film:
        assert film.n_frames == 2
    for name in drawn:
        with Image.open(tmp_path / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 1, name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": ("VQVEA",)}, "Expected models among.*VQVEA.*did you mean 'VQVAE'"),
        ({"stories": ("hole",)}, "Expected stories among.*hole.*did you mean 'holes'"),
        ({"epochs": 0}, "Expected --train and --epochs of at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_any_work(tmp_path, options, message):
    with pytest.raises(ValueError, match=f"(?i){message}"):
        program.gallery(tmp_path / "new", "digits", **options)
    assert not (tmp_path / "new").exists()


def test_the_program_answers_without_tensorflow(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(program.gallery, ["--help"], "python -m tools.gallery")
    assert stop.value.code == 0 and "--epochs" in capsys.readouterr().out
