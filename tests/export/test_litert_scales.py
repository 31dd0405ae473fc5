"""One scale a tensor where that is exact enough, one a unit where it is not."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_vae
from keras_vae.export.litert import writer
from keras_vae.export.litert.allowed_ops import schema, unpack
from keras_vae.export.verification.comparison import Difference, differences
from keras_vae.preprocessing import Preprocessing

TENSOR, UNIT, FLOAT = b"one scale a tensor", b"one scale a unit", b"what is cheap in float"
MODEL = SimpleNamespace(
    _flatten_layers=lambda: [],
    family=SimpleNamespace(support=(0.0, 1.0), by_column=False),
    preprocess=Preprocessing(),
)


def chosen(monkeypatch, quantize, found) -> bytes:
    """What is written if `found` are the differences of each of the two."""

    def converted(_, job, rows):
        assert job["per_channel"] or not job["keep_float"]
        return FLOAT if job["keep_float"] else UNIT if job["per_channel"] else TENSOR

    monkeypatch.setattr(writer, "convert_checked", converted)
    monkeypatch.setattr(
        writer, "measure_differences", lambda model, endpoints, content, *_: found[content]
    )
    return writer.best_content(MODEL, "", {"score": None}, {}, writer.Options(quantize))[0]


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
    found = {TENSOR: scores(1.0), UNIT: scores(0.9), FLOAT: scores(0.5)}
    assert chosen(monkeypatch, "int8", found) == FLOAT


def test_a_file_within_its_bars_is_not_given_up_for_one_beyond_them(monkeypatch):
    beyond = {"score": {"score": Difference(0.1, 0.1, 0.1, 20.0, 0.0)}}
    found = {TENSOR: beyond, UNIT: scores(0.9), FLOAT: beyond}
    assert chosen(monkeypatch, "int8", found) == UNIT


def test_a_file_without_scores_has_none_to_lose(monkeypatch):
    found = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 45.0, 0.5)}}
    assert chosen(monkeypatch, "int8", {TENSOR: found}) == TENSOR


def test_pictures_that_are_too_far_away_get_a_scale_for_each_unit_or_are_refused(monkeypatch):
    far = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 39.0)}}
    near = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 41.0)}}
    assert chosen(monkeypatch, "int8", {TENSOR: far, UNIT: near}) == UNIT
    assert chosen(monkeypatch, "int8", {TENSOR: far, UNIT: far, FLOAT: near}) == FLOAT
    with pytest.raises(ValueError, match="39.0 dB"):
        chosen(monkeypatch, "int8", {TENSOR: far, UNIT: far, FLOAT: far})


def test_there_is_one_way_to_halves(monkeypatch):
    far = {"decode": {"reconstruction": Difference(0.1, 0.1, 0.1, 39.0)}}
    with pytest.raises(ValueError, match="39.0 dB"):
        chosen(monkeypatch, "float16", {TENSOR: far})


def test_the_bias_of_an_output_is_positive_where_the_file_answers_more():
    wanted = {"score": {"score": np.array([10.0, 20.0])}}
    given = {"score": {"score": np.array([10.75, 19.75])}}
    assert differences(MODEL, wanted, given)["score"]["score"].bias == 0.25
    assert differences(MODEL, given, wanted)["score"]["score"].bias == -0.25


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_padding_of_attention_takes_no_levels_from_the_other_steps(tmp_path):
    """A mask puts -1e9 in place of logits; if int8 kept that range, codes would be 20 dB off."""
    keras.utils.set_random_seed(0)
    sizes = {"width": 16, "blocks": 1, "attention_heads": 2}
    model = keras_vae.TransformerVAE((8, 4), 3, masked=True, seed=0, **sizes)
    x = np.random.default_rng(0).normal(size=(64, 8, 4)).astype("float32")
    mask = (np.arange(8) < np.arange(64)[:, None] % 6 + 3).astype("float32")
    options = {"quantize": "int8", "calibration": (x, mask), "endpoints": ["encode"]}
    assert model.export(tmp_path / "m.tflite", "litert", **options).exists()


@pytest.mark.slow
@pytest.mark.tensorflow
def test_sharp_attention_in_int8_keeps_its_logits_in_float(tmp_path):
    """Logits from -50 to 50 have steps of 0.4 in int8: what is attended to is off by a half."""
    keras.utils.set_random_seed(0)
    sizes = {"width": 16, "blocks": 1, "attention_heads": 2}
    model = keras_vae.TransformerAutoencoder((8, 4), 3, seed=0, **sizes)
    for weight in model.weights:
        if "query/kernel" in weight.path:
            weight.assign(20 * weight)
    x = np.random.default_rng(0).normal(size=(64, 8, 4)).astype("float32")
    options = {"quantize": "int8", "calibration": x, "endpoints": ["decode"]}
    path = model.export(tmp_path / "m.tflite", "litert", **options)
    int8 = schema().TensorType.INT8
    names = {t.name for t in unpack(path.read_bytes()).subgraphs[0].tensors if t.type == int8}
    assert names and not any(b"Softmax" in name for name in names)
