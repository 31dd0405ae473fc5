"""Figures in notebooks, and the timeline of scores."""

import datetime
import io
import pickle

import numpy as np
import pytest
from PIL import Image

from keras_vae import plots
from keras_vae.anomalies import Threshold
from keras_vae.plots.timelines import stretches
from tests.plots.test_plots import ImageModel

SCORES = np.array([1.0, 5.0, 6.0, np.nan, 7.0, 1.0, 8.0])


def test_a_figure_shows_itself_in_a_notebook_and_can_be_kept():
    figure = plots.samples(ImageModel(), 2, 3)
    with Image.open(io.BytesIO(figure._repr_png_())) as image:
        assert image.format == "PNG"
        np.testing.assert_allclose(image.size, figure.get_size_inches() * figure.dpi, atol=1)
    again = pickle.loads(pickle.dumps(figure))
    assert again._repr_png_() == figure._repr_png_()


def bands(axes):
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]


def test_a_timeline_has_scores_the_threshold_and_flagged_stretches():
    (axes,) = plots.timeline(SCORES, threshold=Threshold(4.0)).axes
    line, threshold = axes.lines
    np.testing.assert_array_equal(line.get_ydata(), SCORES)
    assert list(threshold.get_ydata()) == [4.0, 4.0]
    assert bands(axes) == [(1, 2), (4, 4), (6, 6)]
    assert [text.get_text() for text in axes.get_legend().get_texts()].count("flagged") == 1


def test_a_timeline_marks_what_is_flagged_at_its_times():
    times = np.datetime64("2026-01-01") + np.arange(7)
    flagged = np.arange(7) < 2
    (axes,) = plots.timeline(SCORES, flagged=flagged, times=times).axes
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xdata(), times)
    assert len(axes.patches) == 1 and np.diff(bands(axes)) == 1.0
    assert not plots.timeline(SCORES).axes[0].patches


def test_stretches_are_runs_of_true():
    for seed in range(20):
        flagged = np.random.default_rng(seed).random(9) < 0.5
        again = np.zeros(9, bool)
        for start, stop in stretches(flagged):
            assert flagged[start:stop].all() and not again[max(start - 1, 0)]
            again[start:stop] = True
        np.testing.assert_array_equal(again, flagged)


def test_a_timeline_takes_dates_of_python():
    start = datetime.datetime(2026, 11, 29)
    times = [start + datetime.timedelta(hours=hour) for hour in range(len(SCORES))]
    (axes,) = plots.timeline(SCORES, times=times).axes
    assert axes.lines[0].get_xdata()[1] == times[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scores": SCORES[None]}, r"scores of shape \(steps,\).*point_scores"),
        ({"scores": SCORES[:0]}, r"scores of shape \(steps,\)"),
        ({"scores": SCORES, "flagged": [True]}, r"flagged of shape \(7,\).*\(1,\)"),
        ({"scores": SCORES, "times": [0, 1]}, r"times of shape \(7,\).*\(2,\)"),
    ],
)
def test_a_timeline_of_other_shapes_is_refused(given, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        plots.timeline(**given)
