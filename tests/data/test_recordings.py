"""Windows against slices by hand, and points against loops over the windows that cover them."""

import numpy as np
import pytest

import keras_vae as kv

RECORDING = np.random.default_rng(0).random((23, 3))


@pytest.mark.parametrize(("length", "stride"), [(5, 2), (5, None), (4, 7), (23, 1), (1, 1)])
def test_windows_are_slices_and_views(length, stride):
    found = kv.windows(RECORDING, length, stride)
    starts = range(0, 23 - length + 1, stride or length)
    np.testing.assert_array_equal(found, [RECORDING[i : i + length] for i in starts])
    assert np.shares_memory(found, RECORDING) and not found.flags.writeable
    np.testing.assert_array_equal(kv.windows(RECORDING[:, 0], length, stride), found[:, :, :1])


@pytest.mark.parametrize("reduce", ["mean", "max"])
@pytest.mark.parametrize(("length", "stride"), [(5, 2), (5, None), (4, 7), (23, 1)])
@pytest.mark.parametrize("per_step", [False, True])
def test_the_score_of_a_point_is_over_the_windows_that_cover_it(length, stride, reduce, per_step):
    starts = range(0, 23 - length + 1, stride or length)
    shape = (len(starts), length) if per_step else (len(starts),)
    scores = np.random.default_rng(1).normal(size=shape)
    found = kv.point_scores(scores, 23, length, stride, reduce)
    for point, value in enumerate(found):
        covering = [
            scores[row, point - start] if per_step else scores[row]
            for row, start in enumerate(starts)
            if start <= point < start + length
        ]
        wanted = getattr(np, reduce)(covering) if covering else np.nan
        np.testing.assert_allclose(value, wanted, rtol=1e-12)


def test_a_score_that_is_no_number_marks_its_points():
    for reduce in ("mean", "max"):
        found = kv.point_scores([1.0, np.nan], 6, 4, 2, reduce)
        assert np.isnan(found).tolist() == [False, False, True, True, True, True]


@pytest.mark.parametrize("masked", [True, "features"])
def test_missing_values_become_the_mask(masked):
    x = np.random.default_rng(2).random((4, 5, 2))
    x[np.random.default_rng(3).random(x.shape) < 0.4] = np.nan
    values, mask = kv.with_mask(x, masked)
    assert values.dtype == mask.dtype == "float32"
    missing = np.isnan(x)
    np.testing.assert_array_equal(mask == 0, missing.any(2) if masked is True else missing)
    assert not values[missing].any()
    np.testing.assert_array_equal(values[~missing], x[~missing].astype("float32"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kv.windows(RECORDING, 24), "at least length=24 steps. Received: 23"),
        (lambda: kv.windows(RECORDING, 0), "length of at least 1"),
        (lambda: kv.windows(RECORDING, 4, 0), "stride of at least 1"),
        (lambda: kv.windows(RECORDING[None], 4), r"\(steps, features\). Received: shape \(1, 23"),
        (lambda: kv.with_mask(RECORDING), r"\(batch, time, features\).*Received: shape \(23, 3\)"),
        (lambda: kv.with_mask(np.full((1, 2, 3), np.inf)), "6 values infinite"),
        (lambda: kv.with_mask(np.full((1, 2, 3), 1e39)), "float32 can hold.*1e.39.*Scale them"),
        (
            lambda: kv.windows(np.ma.masked_less(RECORDING, 1), 4),
            r"or NaN in recording.*masked array with 69 .*\"float32\"\).filled\(numpy.nan\)",
        ),
        (lambda: kv.with_mask(RECORDING[None], False), "masked to be True or 'features'"),
        (lambda: kv.point_scores(np.ones(9), 23, 5, 2), r"\(10,\) or \(10, 5\).*shape \(9,\)"),
        (lambda: kv.point_scores(np.ones(0), 4, 5), "Received: shape .0,"),
        (lambda: kv.point_scores(np.ones(10), 23, 5, 2, "sum"), "reduce to be 'mean' or 'max'"),
    ],
)
def test_what_cannot_be_cut_or_joined_is_refused(call, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        call()


def test_texts_in_a_recording_are_refused():
    with pytest.raises(TypeError, match="real numbers in recording"):
        kv.windows(np.array([["2026-01-01", "1.0"]]), 1)
