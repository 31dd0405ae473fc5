"""One scale a tensor where that is exact enough, one a unit where it is not."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae.exporting import litert
from keras_vae.exporting.comparison import Difference, differences

TENSOR, UNIT = b"one scale a tensor", b"one scale a unit"
MODEL = SimpleNamespace(_flatten_layers=lambda: [], family=SimpleNamespace(support=(0.0, 1.0)))


def chosen(monkeypatch, quantize, found) -> bytes:
    """What is written if `found` are the differences of each of the two."""
    monkeypatch.setattr(
        litert, "converted", lambda _, job, rows: UNIT if job["per_channel"] else TENSOR
    )
    monkeypatch.setattr(litert, "measure", lambda model, endpoints, content, *_: found[content])
    return litert.best_content(MODEL, "", {"score": None}, {}, litert.Options(quantize))[0]


def scores(bias: float) -> dict:
    return {"score": {"score": Difference(abs(bias), abs(bias), 1e-3, 60.0, bias)}}


@pytest.mark.parametrize(
    ("quantize", "bias", "content"),
    [
        ("int8", 0.29, TENSOR),
        ("int8", -2.0, TENSOR),
        ("int8", 0.31, UNIT),
        ("int8", math.nan, UNIT),
        ("dynamic", 0.31, TENSOR),
    ],
)
def test_int8_that_scores_worse_gets_a_scale_for_each_unit(monkeypatch, quantize, bias, content):
    assert chosen(monkeypatch, quantize, {TENSOR: scores(bias), UNIT: scores(0.0)}) == content


def test_scores_that_stay_worse_are_left_to_the_verification(monkeypatch):
    assert chosen(monkeypatch, "int8", {TENSOR: scores(1.0), UNIT: scores(0.9)}) == UNIT


def test_a_file_without_scores_has_none_to_lose(monkeypatch):
    found = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 45.0, 0.5)}}
    assert chosen(monkeypatch, "int8", {TENSOR: found}) == TENSOR


def test_pictures_that_are_too_far_away_get_a_scale_for_each_unit_or_are_refused(monkeypatch):
    far = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 39.0)}}
    near = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 41.0)}}
    assert chosen(monkeypatch, "int8", {TENSOR: far, UNIT: near}) == UNIT
    with pytest.raises(ValueError, match="39.0 dB"):
        chosen(monkeypatch, "int8", {TENSOR: far, UNIT: far})


def test_the_bias_of_an_output_is_positive_where_the_file_answers_more():
    wanted = {"score": {"score": np.array([10.0, 20.0])}}
    given = {"score": {"score": np.array([10.75, 19.75])}}
    assert differences(MODEL, wanted, given)["score"]["score"].bias == 0.25
    assert differences(MODEL, given, wanted)["score"]["score"].bias == -0.25
