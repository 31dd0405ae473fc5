"""Differences and tolerances as numbers: what is measured, and where a file is refused."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae.export.verification import tolerances
from keras_vae.export.verification.comparison import Difference, choose_rows, differences
from keras_vae.preprocessing import Preprocessing

PIXELS = SimpleNamespace(
    family=SimpleNamespace(support=(0.0, 1.0), by_column=False), preprocess=Preprocessing()
)
LINE = SimpleNamespace(
    family=SimpleNamespace(support=(-math.inf, math.inf), by_column=False),
    preprocess=Preprocessing(),
)
EXACT = Difference(largest=0.0, mean=0.0, relative=0.0, psnr=200.0)


def psnr(value):
    return dataclasses.replace(EXACT, psnr=value, relative=1.0)


def compare(expected, received, endpoint="decode", name="reconstruction", model=PIXELS):
    one, other = (np.asarray(a, "float32") for a in (expected, received))
    return differences(model, {endpoint: {name: one}}, {endpoint: {name: other}})[endpoint][name]


# What is measured.


def test_a_difference_is_the_error_of_the_file_in_every_measure():
    found = compare([[0.2, 0.4], [0.5, 0.0]], [[0.2, 0.5], [0.3, 0.0]])
    assert (found.largest, found.mean, found.bias) == pytest.approx((0.2, 0.3 / 4, -0.1 / 4))
    assert found.relative == pytest.approx(0.2 / 0.5)
    assert found.psnr == pytest.approx(-10 * math.log10((0.1**2 + 0.2**2) / 4), abs=1e-4)
    assert found.equal is None


def test_equal_outputs_have_200_decibels_and_infinite_ones_none():
    assert compare([[0.5]], [[0.5]]).psnr == 200.0
    found = compare([[0.5]], [[np.inf]])
    assert (found.psnr, found.largest) == (-math.inf, math.inf)
    assert math.isnan(compare([[0.5]], [[np.nan]]).largest)


def test_the_peak_of_data_without_range_is_that_of_the_model_s_answers():
    found = compare([[-3.0, 5.0]], [[-3.0, 4.0]], model=LINE)
    assert found.psnr == pytest.approx(10 * math.log10(8.0**2 / 0.5), abs=1e-4)
    assert found.relative == pytest.approx(1 / 5)
    # Answers that are all alike have no range of their own.
    alike = compare([[5.0, 5.0]], [[5.0, 4.0]], model=LINE)
    assert alike.psnr == pytest.approx(10 * math.log10(1 / 0.5), abs=1e-4)
    assert compare([[0.0]], [[0.5]]).relative == pytest.approx(0.5)


def test_codes_and_scores_are_compared_with_at_least_one():
    small = compare([[0.1, 0.2]], [[0.1, 0.3]], "encode", "z_mean")
    assert small.relative == pytest.approx(0.1)
    assert small.psnr == pytest.approx(10 * math.log10(0.1**2 / (0.01 / 2)), abs=1e-4)
    assert compare([[10.0, 30.0]], [[10.0, 27.0]], "encode", "z_mean").relative == pytest.approx(
        0.1
    )


def answer(score, decision, threshold=2.0):
    count = len(score)
    return {
        "score": {
            "score": np.array(score, "float32"),
            "is_anomaly": np.array(decision, "int32"),
            "threshold": np.full(count, threshold, "float32"),
        }
    }


@pytest.mark.parametrize(
    ("score", "decision", "equal"),
    [
        ([1.9, 2.1], [0, 1], 1.0),
        ([2.1, 1.9], [1, 0], 1.0),  # As the file's own scores say, whatever those of the model.
        ([1.9, 2.1], [1, 1], 0.5),
        ([1.9, 2.1], [1, 0], 0.0),
        ([2.0, 2.0001], [1, 0], 1.0),  # Too close to say.
        ([2.0, 2.001], [1, 0], 0.5),
        ([np.nan, 1.0], [1, 0], 1.0),
    ],
)
def test_a_decision_follows_from_the_score_of_the_file(score, decision, equal):
    model = answer([1.9, 2.1], [0, 1])
    found = differences(PIXELS, model, answer(score, decision))["score"]["is_anomaly"]
    assert (found.equal, found.relative) == (equal, 1.0 - equal)


def test_other_shapes_and_names_are_refused():
    expected = {"decode": {"reconstruction": np.zeros((2, 3))}}
    for received in ({"reconstruction": np.zeros((2, 4))}, {}, {"z": np.zeros((2, 3))}):
        with pytest.raises(ValueError, match=r"Expected decode to answer .*\(2, 3\)"):
            differences(PIXELS, expected, {"decode": received})


@pytest.mark.parametrize(
    ("count", "batch", "chosen"),
    [(10, 1, 10), (10, 4, 12), (1000, 1, 64), (1000, 24, 72), (1, 1, 1)],
)
def test_about_64_rows_are_compared_evenly_spaced_in_whole_batches(count, batch, chosen):
    rows = {"decode": {"z": np.arange(count), "condition": 2 * np.arange(count)}}
    found = choose_rows(rows, batch)["decode"]
    assert len(found["z"]) == chosen and chosen % batch == 0
    assert found["z"][0] == 0 and found["z"][-1] == count - 1
    steps = np.diff(found["z"])
    assert count == 1 or steps.max() - steps.min() <= 1
    np.testing.assert_array_equal(found["condition"], 2 * found["z"])


# Where a file is refused.


@pytest.mark.parametrize(
    ("name", "quantize", "smallest"),
    [
        *(("decode/reconstruction", *pair) for pair in {"float16": 80, "dynamic": 50}.items()),
        *(("sample/reconstruction", *pair) for pair in {"float16": 80, "int8": 40}.items()),
        *(("reconstruct/reconstruction", *pair) for pair in {"float16": 70, "int8": 30}.items()),
        *(("encode/z_mean", *pair) for pair in {"dynamic": 40, "int8": 30}.items()),
    ],
)
def test_each_quantization_has_a_smallest_psnr(name, quantize, smallest):
    assert tolerances.is_close(name, psnr(smallest), quantize)
    assert not tolerances.is_close(name, psnr(smallest - 0.01), quantize)
    assert tolerances.margin(name, psnr(smallest + 3.0), quantize) == pytest.approx(3.0)


def test_rounding_is_no_difference_where_all_values_are_almost_equal():
    # Scores of about 380 nats within a tenth of a nat: float32 has steps of 3e-5 there.
    scores = np.linspace(380.0, 380.1, 50)
    rounded = compare(scores, scores + 1e-4, "score", "score", model=LINE)
    assert rounded.psnr < 65 and 2e-7 < rounded.relative < 4e-7
    off = compare(scores, scores + 1e-3, "score", "score", model=LINE)
    for quantize in ("float16", "dynamic"):
        assert tolerances.is_close("score/score", rounded, quantize)
        assert not tolerances.is_close("score/score", off, quantize, 80.0)
    assert not tolerances.is_close("score/score", off, "float16")
    assert not tolerances.is_close("score/score", rounded, "float16", 80.0)  # As was asked for.
    nothing = compare(scores, np.full(50, np.nan), "score", "score", model=LINE)
    assert not tolerances.is_close("score/score", nothing, "float16")


def test_float32_has_a_largest_relative_error_of_a_hundred_thousandth():
    good, bad = (dataclasses.replace(EXACT, psnr=0.0, relative=r) for r in (1e-5, 1.001e-5))
    assert tolerances.is_close("decode/reconstruction", good, None)
    assert not tolerances.is_close("decode/reconstruction", bad, None)
    assert tolerances.margin("encode/z", EXACT, None) == 1e-5


def test_a_tolerance_of_ones_own_is_a_psnr_for_float32_too():
    for name, smallest in (("decode/reconstruction", 60.0), ("score/score", 50.0)):
        assert tolerances.is_close(name, psnr(smallest), None, 60.0)
        assert not tolerances.is_close(name, psnr(smallest - 0.01), None, 60.0)


@pytest.mark.parametrize(
    ("quantize", "fraction"), [(None, 0.999), ("float16", 0.99), ("dynamic", 0.95), ("int8", 0.95)]
)
def test_integer_codes_have_a_smallest_fraction_of_equal_ones(quantize, fraction):
    for equal, close in ((fraction, True), (fraction - 1e-4, False)):
        one = dataclasses.replace(psnr(0.0), equal=equal)
        assert tolerances.is_close("encode/z", one, quantize) is close


@pytest.mark.parametrize("quantize", [None, "float16", "dynamic", "int8"])
def test_nan_is_never_close(quantize):
    bad = Difference(math.nan, math.nan, math.nan, math.nan, math.nan)
    for least in (None, 1.0):
        assert not tolerances.is_close("decode/reconstruction", bad, quantize, least)
    with pytest.raises(ValueError, match="values that are not finite"):
        tolerances.refuse_differences({"decode": {"reconstruction": bad}}, quantize, None)


def test_every_output_outside_of_its_tolerance_is_named_and_no_other():
    found = {"decode": {"reconstruction": psnr(39.0)}, "encode": {"z": psnr(31.0), "b": psnr(29.0)}}
    with pytest.raises(ValueError, match="Expected a file that answers as the model does") as error:
        tolerances.refuse_differences(found, "int8", None)
    assert "decode/reconstruction" in str(error.value) and "encode/b" in str(error.value)
    assert "encode/z" not in str(error.value)
    tolerances.refuse_differences({"encode": found["encode"]}, "int8", 39.0)
    tolerances.refuse_differences({}, None, None)


@pytest.mark.parametrize(
    ("bias", "quantize", "worse"),
    [(0.3, "int8", False), (0.31, "int8", True), (math.nan, "int8", True), (9.0, "dynamic", False)],
)
def test_int8_files_may_score_at_most_three_tenths_of_a_nat_worse(bias, quantize, worse):
    found = {"score": {"score": dataclasses.replace(EXACT, bias=bias)}}
    assert tolerances.has_worse_scores(found, quantize) is worse
    assert not tolerances.has_worse_scores({"score": {}}, quantize)
    assert not tolerances.has_worse_scores({}, quantize)
