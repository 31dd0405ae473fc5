"""The gallery: the parts of its figures, and the figures of a few models on the page."""

import re

import numpy as np
import pytest
from PIL import Image

from keras_vae import cli
from tools.catalogue.models import public_models
from tools.gallery import __main__ as program
from tools.gallery import factors, integers, outlines, panels, planes
from tools.gallery.models import FIGURES
from tools.gallery.page import MODELS, STORIES
from tools.gallery.png import to_image
from tools.gallery.stories import _main_directions, _split_by_ink


def test_numbers_get_the_colors_of_a_map_from_their_smallest_to_their_largest():
    from matplotlib import colormaps

    colors = panels.color_map(np.array([[2.0, 6.0], [4.0, 2.0]]))
    np.testing.assert_array_equal(
        colors[0], [colormaps["viridis"](0)[:3], colormaps["viridis"](255)[:3]]
    )
    middle = panels.color_map(np.zeros(1), "RdBu", -1.0, 1.0)
    np.testing.assert_array_equal(middle[0], colormaps["RdBu"](0.5)[:3])


def test_one_code_in_the_middle_of_each_map_is_another():
    maps = np.array([[[1, 2], [3, 4]], [[1, 1], [1, 4]], [[2, 2], [2, 2]]])
    changed = integers.with_one_changed(maps)
    assert (changed != maps).sum(axis=(1, 2)).tolist() == [1, 1, 1]
    assert (changed[:, 1, 1] != maps[:, 1, 1]).all() and np.isin(changed, maps).all()


def test_correlations_tell_which_unit_follows_which_factor():
    random = np.random.default_rng(0)
    sizes = random.normal(size=(2000, 3))
    codes = np.stack([-2 * sizes[:, 1], random.normal(size=2000)], axis=1)
    np.testing.assert_allclose(factors.correlations(codes, sizes), [[0, 1, 0], [0, 0, 0]], atol=0.1)


def test_ellipses_grow_and_move_with_their_factors():
    sizes, images = factors.ellipses(50)
    places = np.arange(factors.SIDE)
    weight = images.sum(axis=(1, 2, 3))
    assert np.corrcoef(sizes[:, 0], weight)[0, 1] > 0.95
    for factor, axis in ((1, 1), (2, 2)):  # x is along columns.
        center = (images.sum(axis=(axis, 3)) * places).sum(axis=1) / weight
        assert np.corrcoef(sizes[:, factor], center)[0, 1] > 0.99


def bar(width, height):
    """Return an image of 20x20 with a bright bar in its middle."""
    image = np.zeros((20, 20, 1), "float32")
    top, left = 10 - height // 2, 10 - width // 2
    image[top : top + height, left : left + width] = 1
    return image


def test_an_outline_runs_around_the_bright_pixels_at_even_steps():
    (outline,) = outlines.outlines(bar(12, 8)[None], 41)
    assert outline.shape == (41, 2) and outline.dtype == "float32"
    np.testing.assert_allclose(outline[0], outline[-1])
    # In units of half an image: the bar has 12 by 8 pixels, less the cut corners.
    np.testing.assert_allclose(np.ptp(outline, axis=0), [1.2, 0.8], atol=0.05)
    np.testing.assert_allclose(outline.min(axis=0) + outline.max(axis=0), 0, atol=0.05)
    steps = np.hypot(*np.diff(outline, axis=0).T)
    assert steps.min() > 0.8 * steps.max()
    assert outline[0] @ [-1, 1] > 0.9  # It begins at the top left.


def test_longer_outlines_have_more_points():
    images = np.stack([bar(4, 4), bar(12, 12), bar(18, 18)])
    x, mask = outlines.outlines_of_many_lengths(images, 16, 3.0)
    counts = mask.sum(axis=1)
    np.testing.assert_allclose(counts, [5, 15, 16], atol=1)
    assert counts[2] == 16 and (x[mask == 0] == 0).all()


def test_a_stretch_of_each_sequence_is_hidden():
    x, mask = outlines.hide_stretches(np.ones((20, 32, 2), "float32"), 12)
    np.testing.assert_array_equal(x, np.repeat(mask[..., None], 2, axis=2))
    for row in mask:
        hidden = np.flatnonzero(row == 0)
        assert len(hidden) == 12 == hidden[-1] - hidden[0] + 1


def test_clouds_are_drawn_around_the_origin_whatever_their_place():
    cloud = np.random.default_rng(0).normal(size=(300, 2)) * 0.1 + [3.0, -1.0]
    np.testing.assert_allclose(planes._center(cloud).std(), 1, rtol=1e-6)


def test_lines_are_drawn_in_a_cell_each():
    line = panels.Line(np.array([[-1.0, -1.0], [1.0, 1.0]]), "#ff0000", 4.0)
    image = np.asarray(to_image(panels.rows_of_lines({"a": [[line], []], "b": [[], [line]]}, "")))
    red = (image[..., 0] > 200) & (image[..., 1] < 50)
    rows, columns = np.nonzero(red)
    # The line of the first row ends before that of the second begins, in both directions.
    upper = columns < (columns.min() + columns.max()) / 2
    assert rows[upper].max() < rows[~upper].min() and 200 < upper.sum() < 0.6 * len(rows)


def test_every_public_model_has_a_figure_and_a_sentence():
    assert set(FIGURES) == set(MODELS) == set(public_models())


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
@pytest.mark.usefixtures("eager_functions")
def test_all_pictures_are_drawn_and_on_the_page(tmp_path, monkeypatch, capsys):
    chosen = ("ConditionalVAE", "FSQ", "IWAE", "LadderVAE", "SparseAutoencoder", "WAE")
    monkeypatch.setattr(program, "MODELS", {name: MODELS[name] for name in chosen})
    monkeypatch.setattr("tools.gallery.page.MODELS", program.MODELS)
    assert program.gallery(tmp_path, "digits", train=64, epochs=1) == 0
    drawn = {path.name for path in tmp_path.iterdir()} - {"README.md"}
    assert drawn == {*(f"{n}.png" for n in (*chosen, *STORIES)), "training.gif"}
    page = (tmp_path / "README.md").read_text()
    assert set(re.findall(r"!\[.*?\]\((.+?)\)", page)) == drawn
    for name in ("FSQ.png", "samples.png"):
        (tmp_path / name).unlink()
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}
    assert program.gallery(tmp_path, "digits", train=64, epochs=1, missing=True) == 0
    assert {"FSQ.png", "samples.png"} <= {path.name for path in tmp_path.iterdir()}
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
