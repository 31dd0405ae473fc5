"""What export.verify makes of answers: dB and nats against the true images, bars, the table."""

import dataclasses
import json
import math
import re

import keras
import numpy as np
import pytest
import scipy.stats

import keras_vae
from keras_vae.export import verify
from keras_vae.export.saved_model.png_endpoint import encode_png
from keras_vae.export.verification import report
from keras_vae.export.verification.comparison import Difference
from keras_vae.export.verification.judge import HALF_LEVEL, Judge, gray_levels
from tests.support import serving

pytestmark = pytest.mark.tensorflow

COUNT = 6


def answers_of(model, x) -> dict:
    return {
        name: {key: np.asarray(value) for key, value in model.endpoints()[name].function(x).items()}
        for name in ("reconstruct", "encode", "score")
    }


def judged(likelihood="bernoulli"):
    """A judge of a VAE of vectors, its true examples and its answers."""
    keras.utils.set_random_seed(0)
    networks = keras_vae.nets.dense((5,), latent_dim=2, hidden=(4,), heads=2)
    model = keras_vae.VAE(*networks, likelihood=likelihood, seed=0)
    x = np.random.default_rng(0).uniform(size=(COUNT, 5)).astype("float32")
    expected = answers_of(model, x)
    expected["decode"] = expected["reconstruct"]
    return Judge(model, x, expected), x, expected


def test_decibels_are_the_change_of_the_psnr_against_the_true_images():
    judge, x, expected = judged()
    pictures = expected["reconstruct"]["reconstruction"]
    worse = x + 2 * (pictures - x)
    change = judge.decibels({"reconstruct": {"reconstruction": worse}})
    assert change == pytest.approx(-20 * math.log10(2), abs=1e-4)
    assert judge.decibels({"reconstruct": {"reconstruction": pictures}}) == 0
    assert judge.decibels({"encode": expected["encode"]}) is None


def test_pictures_without_error_have_no_change_of_the_psnr():
    judge, x, _ = judged()
    assert judge.decibels({"reconstruct": {"reconstruction": x}}) == 0.0


def test_the_reference_is_the_mean_score_and_the_psnr_against_the_true_images():
    judge, x, expected = judged()
    error = np.mean((expected["reconstruct"]["reconstruction"].astype("float64") - x) ** 2)
    found = judge.reference()
    assert found["true_psnr"] == pytest.approx(-10 * math.log10(error))
    assert found["score"] == pytest.approx(expected["score"]["score"].mean(), rel=1e-6)
    assert set(Judge(judge.model, None, expected).reference()) == {"score"}


def test_nats_are_the_change_of_the_score_where_there_is_one():
    judge, _, expected = judged()
    received = {"score": {**expected["score"], "score": expected["score"]["score"] + 0.25}}
    assert judge.nats(received) == pytest.approx(0.25, abs=1e-5)


def test_nats_of_a_decoder_are_cross_entropy_by_scipy():
    judge, x, expected = judged()
    pictures = expected["reconstruct"]["reconstruction"]
    received = np.clip(pictures + 0.1, 0.0, 1.0)
    received[0, 0] = 0.0

    def cross_entropy(p):
        p = np.clip(p.astype("float64"), HALF_LEVEL, 1 - HALF_LEVEL)
        zero, one = (scipy.stats.bernoulli.logpmf(k, p) for k in (0, 1))
        return -np.sum(x * one + (1 - x) * zero, axis=1).mean()

    wanted = cross_entropy(received) - cross_entropy(pictures)
    assert judge.nats({"decode": {"reconstruction": received}}) == pytest.approx(wanted, rel=1e-3)


def test_nats_of_a_decoder_are_half_the_squared_error_for_a_unit_normal():
    judge, x, expected = judged("normal")
    pictures = expected["reconstruct"]["reconstruction"]
    received = pictures + np.float32(0.3)
    wanted = 0.5 * np.mean(np.sum((x - received) ** 2 - (x - pictures) ** 2, axis=1))
    assert judge.nats({"decode": {"reconstruction": received}}) == pytest.approx(wanted, rel=1e-3)


def test_nats_of_an_encoder_and_a_decoder_have_the_kl_too():
    judge, _, expected = judged()
    mean, log_var = (expected["encode"][name] for name in ("z_mean", "z_log_var"))
    received = {
        "decode": expected["decode"],
        "encode": {"z_mean": mean + np.float32(0.5), "z_log_var": log_var},
    }
    wanted = 0.5 * np.mean(np.sum((mean + 0.5) ** 2 - mean**2, axis=1))
    assert judge.nats(received) == pytest.approx(wanted, rel=1e-3)


def test_a_likelihood_without_a_closed_form_from_the_mean_has_no_nats():
    judge, _, expected = judged("continuous_bernoulli")
    assert judge.nats({"decode": expected["decode"]}) is None


def test_without_true_images_nothing_is_said_about_them():
    judge, _, expected = judged()
    blind = Judge(judge.model, None, expected)
    assert blind.nats(expected) is None
    assert blind.decibels(expected) is None


NEAR = Difference(largest=1e-6, mean=1e-7, relative=1e-6, psnr=130.0)


@pytest.mark.parametrize(
    ("quantization", "change", "words"),
    [
        (None, {"relative": 1.1e-5}, "a relative error of 1.1e-05"),
        (None, {"relative": math.nan}, "a relative error of nan"),
        ("float16", {"psnr": 79.9, "relative": 0.01}, "a PSNR of 79.9 dB"),
        ("dynamic", {"psnr": 49.9, "relative": 0.01}, "a PSNR of 49.9 dB"),
        ("int8", {"psnr": 39.9, "relative": 0.01}, "a PSNR of 39.9 dB"),
        (None, {"equal": 0.9989}, "99.89% of equal codes"),
        ("float16", {"equal": 0.9899}, "98.99% of equal codes"),
        ("int8", {"equal": 0.9499}, "at least 95.0% of equal codes"),
    ],
)
def test_each_quantization_has_its_bar(quantization, change, words):
    judge, _, _ = judged()
    good = {"decode": {"reconstruction": NEAR}}
    bad = {"decode": {"reconstruction": dataclasses.replace(NEAR, **change)}}
    assert judge.list_failures(good, quantization, 0.0, 0.0) == []
    assert words in "".join(judge.list_failures(bad, quantization, 0.0, 0.0))


def test_int8_has_bars_against_the_true_images():
    judge, _, _ = judged()
    found = {"decode": {"reconstruction": NEAR}}
    assert judge.list_failures(found, "int8", -0.09, 0.29) == []
    assert judge.list_failures(found, "int8", 1.0, -1.0) == []
    assert "0.11 dB worse" in judge.list_failures(found, "int8", -0.11, 0.0)[0]
    assert "0.31 nats worse" in judge.list_failures(found, "int8", 0.0, 0.31)[0]
    assert judge.list_failures(found, "dynamic", -0.11, 0.31) == []


@pytest.mark.parametrize(
    ("received", "message"),
    [
        ({}, "Expected signatures of the model"),
        ({"paint": {}}, "Received: .*'paint'"),
        ({"decode": {}}, "Expected decode to answer"),
        ({"decode": {"reconstruction": np.zeros((COUNT, 4))}}, "Expected decode to answer"),
    ],
)
def test_answers_of_another_model_are_an_error(received, message):
    judge, _, _ = judged()
    with pytest.raises(ValueError, match=message):
        judge.differences(received)


def test_a_picture_may_be_off_by_one_grey_level_and_not_by_two():
    black, dark, darker = (np.full((1, 2, 2, 1), level / 255, "float32") for level in (0, 1, 2))
    judge = Judge(serving.model("ConvVAE"), None, pictures(black))
    for images, missed in ((black, False), (dark, False), (darker, True)):
        assert (
            bool(judge.list_failures(judge.differences(pictures(images)), None, None, None))
            is missed
        )


def pictures(images) -> dict:
    return gray_levels({"reconstruct_png": {"reconstruction_bytes": encode_png(images)}})


# The table.


def row(runtime="LiteRT", artifact="a.tflite", **options) -> report.Row:
    options = {"size": 1000, "latency": latency(1.0), **options}
    return report.Row(runtime, artifact, **options)


def latency(p50: float) -> dict:
    return {"decode": {"1": {"p50_ms": p50, "p95_ms": 2 * p50, "runs": 9}}}


def test_the_pick_is_the_least_size_times_latency_within_the_bars():
    keras = row("Keras", "run", latency=latency(0.001))
    big, fast, small = (
        row(artifact="big", size=4000),
        row(artifact="fast", size=2000, latency=latency(0.4)),
        row(artifact="small", size=1000, latency=latency(0.9)),
    )
    best = row(artifact="best", size=10, missed=["too far away"])
    assert verify.pick_best([keras, big, small, fast, best]) is fast
    assert verify.pick_best([keras, best]) is None


def test_an_artifact_that_one_runtime_refuses_is_not_picked():
    keras = row("Keras", "run")
    one, other = row("SavedModel, C++", "model"), row("OpenVINO", "model", missed=["far"])
    assert verify.pick_best([keras, one, other]) is None
    assert verify.pick_best([keras, one]) is one


def test_what_does_less_is_not_compared_with_what_does_more():
    keras = row("Keras", "run")
    near = {"reconstruction": NEAR}
    decoder = row(artifact="decoder", differences={"decode": near})
    whole = row(artifact="whole", differences={"decode": near, "reconstruct": near})
    with pytest.raises(ValueError, match="same signatures.*decoder: decode; whole: decode, recon"):
        verify.pick_best([keras, decoder, whole])
    served = row("SavedModel, C++", "served", differences=whole.differences)
    with pytest.raises(ValueError, match="same signatures"):
        verify.pick_best([keras, decoder, served])
    whole.missed.append("too far away")
    assert verify.pick_best([keras, decoder, whole]) is decoder


def test_a_batch_of_four_counts_as_four_examples():
    four = {"decode": {"4": {"p50_ms": 2.0, "p95_ms": 3.0, "runs": 9}}}
    slow, fast = row(artifact="slow"), row(artifact="fast", size=1001, latency=four)
    assert fast.seconds_each() == 0.0005 and slow.seconds_each() == 0.001
    assert verify.pick_best([row("Keras", "run"), slow, fast]) is fast
    assert row(latency={}).seconds_each() == math.inf


REPORT = {
    "model": "VAE",
    "against": "run",
    "keras": {"score": 12.345, "true_psnr": 20.0},
    "examples": 1000,
    "source": "test images of digits",
    "machine": {"cores": 2, "processor": "a processor"},
    "date": "2026-11-21",
}


def tables_of(text):
    """The tables of a report: dictionaries from headings to cells, one for each row."""
    parts = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    split = [[[c.strip() for c in line.split("|")[1:-1]] for line in p.splitlines()] for p in parts]
    return [[dict(zip(head, row, strict=True)) for row in rows] for head, _, *rows in split]


def wide(number):
    """A row with the longest usual names and numbers."""
    one = Difference(largest=1.2345, mean=0.1, relative=1.2e-5, psnr=147.91)
    times = {"p50_ms": 12.345, "p95_ms": 123.456, "runs": 9}
    return row(
        ("SavedModel, Python", "saved_model_cli")[number % 2],
        "run/decoder_float16.tflite",
        quantization="float16",
        differences={"reconstruct": {"reconstruction": one}},
        decibels=-12.345,
        nats=-123.456,
        latency={"serving_default": {"1": times, "64": times}},
        size=123_456_789,
        peak_memory=12_345_678_901,
    )


def test_the_tables_fit_a_terminal_of_80_columns():
    text = report.markdown(REPORT, [wide(number) for number in range(12)])
    assert max(len(line) for line in text.splitlines() if line.startswith("|")) <= 80


def test_the_tables_have_all_that_was_measured():
    what, errors, costs = tables_of(report.markdown(REPORT, [wide(0), row(), wide(1)]))
    assert [one["#"] for one in what] == [one["#"] for one in errors] == ["1", "2", "3"]
    assert what[0] == {
        **{"#": "1", "runtime": "SavedModel, Python", "artifact": "decoder_float16.tflite"},
        **{"type": "float16", "verdict": "good"},
    }
    assert errors[2] == {
        **{"#": "3", "largest error": "1.2e-05", "mean error": "9.7e-07", "PSNR, dB": "147.9"},
        **{"true PSNR, dB": "-12.345", "-ELBO, nats": "-123.456"},
    }
    assert costs[0] == {
        **{"#": "1", "KB": "123,457", "timed": "serving_default", "peak MB": "12,346"},
        **{"batch 1, ms": "12.3 / 123", "batch 64, ms": "12.3 / 123"},
    }
    assert costs[1]["timed"] == "decode" and costs[1]["batch 64, ms"] == ""


def test_every_line_of_a_table_has_every_column():
    text = report.markdown(REPORT, [row("Keras", "run/1"), row(artifact="run/a.tflite")])
    for part in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = part.splitlines()
        assert len(lines) == 4 and len({(len(line), line.count("|")) for line in lines}) == 1
    assert "score 12.35 nats, true PSNR 20.00 dB in Keras, on 1,000 test images of digits" in text


def test_artifacts_are_named_in_short_unless_two_would_look_alike():
    rows = [
        row(artifact="runs/one/vae/1"),
        row("OpenVINO", "runs/one/vae/1"),
        row(artifact="x/a.tflite"),
    ]
    text = report.markdown(REPORT, rows)
    assert "| vae/1 " in text and "| a.tflite " in text and "runs/one" not in text
    text = report.markdown(REPORT, [*rows, row(artifact="y/a.tflite")])
    assert "| x/a.tflite " in text and "| y/a.tflite " in text


def test_what_is_missed_stands_under_the_table():
    text = report.markdown(REPORT, [row(missed=["decode/reconstruction: PSNR 12.0 dB"])])
    assert "- LiteRT, a.tflite: decode/reconstruction: PSNR 12.0 dB" in text


def test_json_has_no_infinity():
    bad = Difference(math.inf, math.inf, math.nan, -math.inf)
    content = report.to_json(REPORT, [row(differences={"decode": {"reconstruction": bad}})])
    text = json.dumps(content, allow_nan=False)
    assert json.loads(text)["rows"][0]["differences"]["decode"]["reconstruction"]["psnr"] is None
