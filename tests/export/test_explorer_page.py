"""The description of a model for the explorer page: what is refused, and places on the map."""

import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.export.explorer.page import describe
from keras_vae.export.explorer.page_files import PAGE
from keras_vae.training.data.loading import load
from keras_vae.training.data.resizing import CropTo

pytestmark = pytest.mark.tensorflow


def images(count=5, shape=(4, 4, 1)):
    test = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    return SimpleNamespace(name="noise", test=test, test_labels=None, label_names=None)


def vae(shape=(4, 4, 1), latent_dim=2):
    return kv.VAE(*kv.nets.dense(shape, latent_dim, (8,), heads=2), seed=0)


@pytest.mark.parametrize("latent_dim, count, points", [(1, 5, 600), (2, 5, 1), (3, 1, 600)])
def test_each_image_has_two_finite_numbers_as_its_place(latent_dim, count, points):
    about = describe(vae(latent_dim=latent_dim), images(count), points)
    places = np.array([point["at"] for point in about["points"]])
    assert places.shape == (min(count, points), 2) and np.isfinite(places).all()


def test_places_are_those_of_the_two_main_directions():
    model, data = vae(latent_dim=3), images()
    places = np.array([point["at"] for point in describe(model, data, 600)["points"]])
    mean = np.asarray(model.encode(data.test / np.float32(255)))
    wanted = np.linalg.eigvalsh(np.cov(mean.T))[::-1][:2]
    np.testing.assert_allclose(np.var(places, axis=0, ddof=1), wanted, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("name", ["z_mean", "z_log_var"])
def test_a_model_without_finite_codes_is_refused(name):
    model = vae()
    kernel = model.encoder.get_layer(name).kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(
        ValueError, match="Expected .*finite weights.*Received: NaN or infinity.*[Tt]rain"
    ):
        describe(model, images(), 600)


@pytest.mark.parametrize("shape", [(6, 1), (4, 4, 2), (5,)])
def test_a_model_of_something_else_than_images_is_refused(shape):
    with pytest.raises(ValueError, match="Expected a model of grey or color images"):
        describe(vae(shape), images(shape=shape), 600)


def photos(folder):
    """Photos of two sizes."""
    folder.mkdir()
    for number in range(6):
        shape = (9, 7, 3) if number % 2 else (8, 8, 3)
        keras.utils.save_img(folder / f"{number}.png", np.full(shape, 40.0 * number), scale=False)
    return folder


def test_photos_of_several_sizes_are_stretched_on_demand(tmp_path, monkeypatch, capsys):
    from keras_vae.export.explorer import page
    from keras_vae.export.explorer.__main__ import explorer

    built = []
    monkeypatch.setattr(
        page, "write_page", lambda folder, *given: (folder.mkdir(), built.append(given))
    )
    vae((4, 6, 3)).save(tmp_path / "model.keras")
    given = {"out": tmp_path / "page", "data": str(photos(tmp_path / "photos"))}
    with pytest.raises(ValueError, match="of one size, or .*or --stretch of programs"):
        explorer(tmp_path / "model.keras", **given)
    explorer(tmp_path / "model.keras", **given, stretch=True)
    given["out"] = tmp_path / "cropped"
    explorer(tmp_path / "model.keras", **given, crop_to_aspect_ratio=True)
    for (_, data, _), size in zip(built, ((4, 6), CropTo((4, 6))), strict=True):
        wanted = load(given["data"], image_size=size)
        assert data.test.tobytes() == wanted.test.tobytes()
    told = capsys.readouterr().out
    assert "Images are stretched to 4x6.\nWrote" in told
    assert "Images are cropped and stretched to 4x6.\nWrote" in told


def rgb(color):
    return np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def luminance(levels):
    """The relative luminance of WCAG 2.2."""
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_points_stand_out_from_a_dark_panel():
    """By more than the contrast of 3 to 1 that WCAG 2.2 asks of graphics."""
    script, style = ((PAGE / name).read_text() for name in ("map.js", "style.css"))
    colors = re.findall("#[0-9a-f]{6}", re.search(r"dark: (\[.*\])", script)[1])
    opacity = float(re.search(r"OPACITY = .*dark: ([0-9.]+)", script)[1])
    panel = rgb(re.search(r"dark.*--panel: (#[0-9a-f]{6})", style)[1])
    assert len(colors) == 10
    for color in colors:
        seen = opacity * rgb(color) + (1 - opacity) * panel
        assert (luminance(seen) + 0.05) / (luminance(panel) + 0.05) > 4.5, color
