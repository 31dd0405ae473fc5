"""SSIM at several scales against TensorFlow, which is float32, and its formula in float64."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from keras_vae import metrics
from keras_vae.metrics import pictures

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])  # Wang et al. 2003, section 3.2.
SMALLEST = {1: 11, 2: 21, 3: 41, 4: 81, 5: 161}


def waves(height, width, channels=2, count=3):
    """Smooth images in [0, 1] that differ by channel."""
    y, x, c = np.mgrid[:height, :width, :channels]
    return np.stack(
        [0.5 + 0.5 * np.sin(x / (3 + c) + i) * np.cos(y / (4 + i)) for i in range(count)]
    )


def noisy(x, scale=0.1):
    return np.clip(x + np.random.default_rng(0).normal(0, scale, x.shape), 0, 1)


@pytest.mark.parametrize("scales", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("extra", [0, 1, 6])
def test_it_is_that_of_tensorflow_for_even_and_odd_sides(scales, extra):
    tf = pytest.importorskip("tensorflow")
    x = waves(SMALLEST[scales], SMALLEST[scales] + extra)
    y = noisy(x)
    weights = WEIGHTS[:scales] if scales == 5 else WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    exact = tf.image.ssim_multiscale(
        tf.constant(x), tf.constant(y), max_val=1.0, power_factors=tuple(weights)
    )
    found = metrics.ms_ssim(x, y, scales=scales)
    assert found == pytest.approx(float(np.mean(exact)), rel=2e-5)
    assert 0.1 < found < 0.99


def by_formula(x, y, weights):
    """MS-SSIM of one channel by equation 7 of the paper, with filters of SciPy."""
    window = scipy.signal.windows.gaussian(11, 1.5)
    window = np.outer(window, window) / window.sum() ** 2

    def mean(a):
        return scipy.signal.convolve2d(a, window, mode="valid")

    result = 1.0
    for scale, weight in enumerate(weights):
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        part = (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
        if scale == len(weights) - 1:
            part = part * (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
        result *= part.mean() ** weight
        # The mean of a pixel and the next one, with the edge mirrored.
        x, y = (scipy.ndimage.uniform_filter(a, 2, origin=-1)[::2, ::2] for a in (x, y))
    return result


@pytest.mark.parametrize(("scales", "shape"), [(2, (21, 24)), (3, (47, 41)), (5, (161, 166))])
def test_it_is_its_formula_to_all_digits(scales, shape):
    x = waves(*shape)
    y = noisy(x)
    weights = WEIGHTS[:scales] if scales == 5 else WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    each = [by_formula(x[i, ..., c], y[i, ..., c], weights) for i in range(3) for c in range(2)]
    assert metrics.ms_ssim(x, y, scales=scales) == pytest.approx(np.mean(each), rel=1e-9)


def test_the_default_is_five_scales_with_the_weights_of_the_paper():
    tf = pytest.importorskip("tensorflow")
    x = waves(176, 176, 1, 1)
    exact = tf.image.ssim_multiscale(tf.constant(x), tf.constant(noisy(x)), max_val=1.0)
    assert metrics.ms_ssim(x, noisy(x)) == pytest.approx(float(exact[0]), rel=2e-5)


def test_one_scale_is_ssim():
    x = waves(14, 12)
    assert metrics.ms_ssim(x, noisy(x), scales=1) == pytest.approx(metrics.ssim(x, noisy(x)))


def test_equal_images_have_one_and_others_are_symmetric():
    x, y = waves(41, 43), noisy(waves(41, 43))
    assert metrics.ms_ssim(x, x, scales=3) == pytest.approx(1.0)
    assert metrics.ms_ssim(x, y, scales=3) == pytest.approx(metrics.ms_ssim(y, x, scales=3))


def test_opposite_structure_counts_zero_and_not_a_root_of_a_negative_number():
    x = waves(21, 21)
    assert metrics.ssim(x, 1 - x) < 0
    assert metrics.ms_ssim(x, 1 - x, scales=2) == 0.0


def test_the_unit_of_pixels_does_not_matter_if_the_range_is_given():
    x, y = waves(21, 21), noisy(waves(21, 21))
    found = metrics.ms_ssim(255 * x, 255 * y, data_range=255, scales=2)
    assert found == pytest.approx(metrics.ms_ssim(x, y, scales=2), rel=1e-9)


@pytest.mark.parametrize(("name", "value"), [("PICTURES_AT_ONCE", 2), ("NUMBERS_AT_ONCE", 1)])
def test_the_mean_is_that_of_single_images_however_many_at_a_time(name, value, monkeypatch):
    x, y = waves(21, 21, count=5), noisy(waves(21, 21, count=5))
    each = [metrics.ms_ssim(x[i : i + 1], y[i : i + 1], scales=2) for i in range(5)]
    assert np.ptp(each) > 0.001
    monkeypatch.setattr(pictures, name, value)
    assert metrics.ms_ssim(x, y, scales=2) == pytest.approx(np.mean(each), rel=1e-9)


@pytest.mark.parametrize("scales", [1, 2, 3, 4, 5])
def test_images_smaller_than_the_window_at_the_last_scale_are_refused(scales):
    side = SMALLEST[scales]
    for shape in ((side - 1, side), (side, side - 1)):
        with pytest.raises(ValueError, match=f"at least {side}x{side} pixels for {scales} scale"):
            metrics.ms_ssim(waves(*shape), waves(*shape), scales=scales)


def test_a_reconstruction_of_a_broken_model_is_no_number():
    x = waves(21, 21)
    assert np.isnan(metrics.ms_ssim(x, x * np.nan, scales=2))
