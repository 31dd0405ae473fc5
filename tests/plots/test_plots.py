"""Pictures and charts: what is drawn, counted in pixels and read back from the axes."""

import builtins
import io
import json

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from sklearn.decomposition import PCA

from keras_vae import plots
from keras_vae.distributions import Normal
from keras_vae.plots.charts import project
from keras_vae.plots.figures import image_grid, mosaic


class ImageModel:
    """A two-unit VAE of images of one grey level: the first unit."""

    latent_shape = (2,)

    def __init__(self, channels=1):
        self.channels = channels
        self.event_shape = (None, None, channels)
        self.decoded = []

    def posterior(self, x):
        level = np.asarray(x)[:, 0, 0, 0]
        mean = np.stack([level, 3.0 * level], axis=1).astype("float32")
        return Normal(mean, np.zeros_like(mean))

    def encode(self, x):
        return self.posterior(x).mean

    def decode(self, z):
        self.decoded.append(len(z))
        return np.broadcast_to(z[:, :1, None, None], (len(z), 4, 4, self.channels))

    def reconstruct(self, x):
        return self.decode(self.encode(x))

    def sample(self, count, seed, temperature):
        return self.decode(np.linspace(0.0, 1.0, count)[:, None])


def images(count=12, channels=1):
    level = np.linspace(0.0, 1.0, count, dtype="float32")
    return np.broadcast_to(level[:, None, None, None], (count, 4, 4, channels)).copy()


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"))


def drawn(figure):
    return figure.axes[0].images[0].get_array()


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_of_an_image_is_a_sharp_square_in_the_file(channels):
    checks = np.indices((4, 4)).sum(axis=0) % 2
    image = np.repeat(checks[None, None, :, :, None], channels, axis=-1).astype("float32")
    pixels = png(image_grid(image, "T", cell=64))
    block = np.kron(checks, np.ones((16, 16))) * 255
    windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], block.shape)
    assert np.any(np.all(windows == block, axis=(2, 3)))


def test_a_mosaic_puts_images_row_by_row_with_white_between():
    cells = np.arange(6, dtype="float32").reshape(2, 3, 1, 1, 1) / 10
    expected = [[0.0, 1.0, 0.1, 1.0, 0.2], [1.0] * 5, [0.3, 1.0, 0.4, 1.0, 0.5]]
    np.testing.assert_allclose(mosaic(cells, gap=1), expected)


def test_a_mosaic_clips_to_the_range_of_pixels_and_keeps_color():
    cell = np.array([-1.0, 0.5, 9.0]).reshape(1, 1, 1, 1, 3)
    np.testing.assert_allclose(mosaic(cell, gap=2), [[[0.0, 0.5, 1.0]]])


def test_channels_that_are_no_color_are_averaged():
    cell = np.array([0.2, 0.4]).reshape(1, 1, 1, 1, 2)
    np.testing.assert_allclose(mosaic(cell, gap=2), [[0.3]])


@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ((5,), "latent_scatter"),
        ((5, 1), "series_samples and series_reconstructions of keras_vae.plots"),
        ((4, 5, 6, 1), r"slices, such as x\[:, 4\]"),
    ],
)
def test_data_that_are_no_images_are_refused_with_another_figure(shape, other):
    with pytest.raises(ValueError, match=f"These figures are for image models. .*{other}"):
        image_grid(np.zeros((2, 3, *shape)), "T")


def test_the_labels_of_rows_lie_within_the_figure():
    labels = ["image", "heat map", "corrupted", "beta 0.1", "reconstruction", "z12  KL 0.53"]
    for label in labels:
        figure = image_grid(np.zeros((1, 2, 4, 4, 1)), "", [label])
        (text,) = (text for text in figure.axes[0].texts if text.get_text() == label)
        renderer = FigureCanvasAgg(figure).get_renderer()
        assert text.get_window_extent(renderer).x0 >= 0, label


def test_reconstructions_are_under_their_inputs():
    picture = drawn(plots.reconstructions(ImageModel(), images(), columns=5))
    assert picture.shape == (2 * 64 + 4, 5 * 64 + 4 * 4)
    np.testing.assert_allclose(picture[:64], picture[68:], atol=1e-6)
    np.testing.assert_allclose(picture[10, 10::68], images()[:5, 0, 0, 0])


def test_a_denoiser_shows_the_corrupted_input_and_what_it_made_of_it():
    model = ImageModel()
    model.corruption = lambda x, training: x * 0.0 + 0.25
    figure = plots.reconstructions(model, images(), columns=3)
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert labels == ["input", "corrupted", "reconstruction"]
    np.testing.assert_allclose(drawn(figure)[2 * 68 + 10, 10], 0.25)


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_come_from_one_call(channels):
    model = ImageModel(channels)
    picture = drawn(plots.samples(model, rows=2, columns=3))
    assert model.decoded == [6]
    assert picture.shape[:2] == (2 * 64 + 4, 3 * 64 + 8)
    assert picture.ndim == (2 if channels == 1 else 3)


def test_an_interpolation_decodes_once():
    model = ImageModel()
    plots.interpolation(model, images()[:3], images()[3:6], steps=7)
    assert model.decoded == [21]


def test_a_traversal_starts_with_the_unit_that_carries_most():
    figure = plots.traversal(ImageModel(), images(), values=(-1, 1))
    labels = [text.get_text() for text in figure.axes[0].texts]
    kl = 0.5 * np.mean(np.square(images()[:, 0, 0, 0]))
    assert labels[:2] == [f"z1  KL {9 * kl:.2f}", f"z0  KL {kl:.2f}"]
    assert labels[2:] == ["-1", "1"]


def test_a_manifold_decodes_once_and_needs_two_latents():
    model = ImageModel()
    plots.manifold(model, size=6)
    assert model.decoded == [36]
    model.latent_shape = (3,)
    with pytest.raises(ValueError, match=r"Expected a model with two latent units.*\(3,\)"):
        plots.manifold(model)


def curves_of(figure):
    return {
        (axes.get_title(loc="left"), line.get_label()): list(line.get_ydata())
        for axes in figure.axes
        for line in axes.get_lines()
    }


def test_curves_show_training_and_validation_of_each_number(tmp_path):
    lines = [
        {"epoch": 1, "seconds": 9.0, "loss": 5.0, "kl": 1.0, "val_kl": 2.0},
        {"epoch": 2, "seconds": 9.0, "loss": 4.0, "kl": None, "val_kl": 1.5},
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    curves = curves_of(plots.loss_curves(path))
    assert curves[("loss (nats)", "training")] == [5.0, 4.0]
    assert curves[("kl (nats)", "validation")] == [2.0, 1.5]
    np.testing.assert_equal(curves[("kl (nats)", "training")], [1.0, np.nan])
    assert len(curves) == 3


def test_names_of_classes_are_shown_as_they_are(tmp_path):
    labels = np.arange(9) % 3
    names = ["_other", "", "cheap_$5_to_$10"]
    figure = plots.latent_scatter(ImageModel(), images(9), labels, names)
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == [" _other", "(no name)", r"cheap_\$5_to_\$10"]  # Escaped for Matplotlib.
    figure.savefig(tmp_path / "a.png")


def places_of(figure, label):
    return [[*line.get_xdata()] for line in figure.axes[0].lines if line.get_label() == label]


def test_validations_stand_at_their_epochs():
    figure = plots.loss_curves({"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.5, 1.5]})
    assert places_of(figure, "training") == [[1, 2, 3, 4]]
    assert places_of(figure, "validation") == [[2, 4]]
    history = {"loss": [1.0] * 10, "val_loss": [1.0, 0.5]}  # At every 4th or 5th epoch.
    with pytest.raises(ValueError, match=r"val_loss at each of 10 epochs.*Received: 2 numbers"):
        plots.loss_curves(history)
    figure = plots.loss_curves(history, validation_freq=4)
    assert places_of(figure, "validation") == [[4, 8]]
    with pytest.raises(ValueError, match="validation_freq=3"):
        plots.loss_curves(history, validation_freq=3)


def test_a_loss_that_is_minus_the_bound_is_drawn_once():
    history = {"loss": [5.0, 4.0], "elbo": [-5.0, -4.0], "val_active_units": [1, 2]}
    history |= {"learning_rate": [0.1, 0.1], "perplexity": [2.0, 3.0]}  # These are no nats.
    assert {name for name, _ in curves_of(plots.loss_curves(history))} == {
        "elbo (nats)",
        "active units",
        "learning rate",
        "perplexity",
    }


def test_the_fall_of_the_first_epochs_does_not_flatten_the_rest():
    figure = plots.loss_curves({"loss": [1e6, *np.linspace(20.0, 10.0, 29)]})
    low, high = figure.axes[0].get_ylim()
    assert 8.0 < low < 10.0 and 20.0 < high < 22.0


def test_a_history_without_epochs_or_with_a_broken_line_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one epoch"):
        plots.loss_curves({})
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "lo')
    with pytest.raises(ValueError, match="on line 2"):
        plots.loss_curves(path)


def test_codes_are_projected_as_scikit_learn_does():
    generator = np.random.default_rng(0)
    codes = generator.normal(size=(200, 6)) * np.array([5, 4, 1, 1, 0.5, 0.1])
    points, names = project(codes)
    reference = PCA(2).fit(codes)
    np.testing.assert_allclose(np.abs(points), np.abs(reference.transform(codes)), rtol=1e-6)
    assert f"{reference.explained_variance_ratio_[0]:.0%}" in names[0]


def test_codes_of_two_units_are_drawn_as_they_are_and_one_color_a_class():
    labels = np.arange(12) % 3
    figure = plots.latent_scatter(ImageModel(), images(), labels, ["a", "b", "c"])
    points = np.concatenate([group.get_offsets() for group in figure.axes[0].collections])
    level = images()[:, 0, 0, 0]
    np.testing.assert_allclose(np.sort(points[:, 0]), level)
    np.testing.assert_allclose(points[:, 1], 3 * points[:, 0], rtol=1e-6)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]


@pytest.mark.parametrize("labels", [None, np.arange(40)], ids=["none", "many"])
def test_codes_without_classes_or_with_many_need_no_legend(labels):
    figure = plots.latent_scatter(ImageModel(), images(40), labels)
    assert not figure.legends
    assert png(figure).std() > 0


class SeriesModel:
    """A model that answers with half of the numbers, and samples lines of slope 1."""

    event_shape = (4, 2)

    def reconstruct(self, x):
        return 0.5 * np.asarray(x)

    def sample(self, count, seed, temperature):
        lines = np.arange(4.0) + seed + np.arange(count)[:, None]
        return np.repeat(lines[..., None], 2, axis=2)


def drawn_lines(figure):
    """The numbers of all lines of each visible panel."""
    panels = [axes for axes in figure.axes if axes.get_visible()]
    return np.array([[line.get_ydata() for line in axes.lines] for axes in panels])


def test_series_are_drawn_over_their_reconstructions_and_samples_alone():
    x = np.random.default_rng(0).normal(size=(7, 4, 2))
    figure = plots.series_reconstructions(SeriesModel(), x)
    assert len(figure.axes) == 10  # Two rows of five, the last three empty.
    first = x[..., 0]
    np.testing.assert_allclose(drawn_lines(figure), np.stack([first, 0.5 * first], 1), rtol=1e-6)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        *("input", "reconstruction")
    ]
    figure = plots.series_samples(SeriesModel(), count=3, seed=5)
    expected = np.arange(4.0) + 5 + np.arange(3)[:, None, None]
    np.testing.assert_array_equal(drawn_lines(figure), expected)
    assert figure.axes[0].get_legend() is None


def test_what_are_no_series_are_not_drawn_as_lines():
    with pytest.raises(ValueError, match=r"Expected series .*Received: shape \(3, 4\)"):
        plots.series_reconstructions(SeriesModel(), np.zeros((3, 4)))


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install keras-vae\[plots\]"):
        plots.samples(ImageModel())
