"""The program `anomalies`: it finds faults of a recording with holes, and its files agree."""

import contextlib
import csv
import io
import re
import subprocess
import sys

import numpy as np
import pytest

import keras_vae as kv
from keras_vae import cli
from keras_vae.training.anomalies import anomalies
from tests.support import litert_files, sensors

pytestmark = pytest.mark.tensorflow

NAMES = ["temperature", "load", "pressure", "flow", "speed"]
MEAN, SCALE = np.array([20, 50, 1013, 3e-3, 100]), np.array([5, 10, 200, 1e-3, 20])
WINDOW, STRIDE = 16, 4
TRAINED, HELD_OUT = 1210, 1694  # Where the shares below end.
SHARES = ["--train-share", 0.55, "--held-out-share", 0.22]
COLUMNS = ["--time-column", "time", "--skip-columns", "pressure"]  # Its trend is no fault.
SIZES = ["--window", WINDOW, "--stride", STRIDE, *COLUMNS, *SHARES]
OFFSET, SPIKE = slice(1800, 1830), slice(2100, 2110)


def run(*words):
    with pytest.raises(SystemExit) as end:
        cli.main(anomalies, [str(word) for word in words])
    return end.value.code


def recording():
    """Normal rows, an offset of the temperature, and a spike of the flow, with whether faulty."""
    values = sensors.record().holed[10_000:12_200] * SCALE + MEAN
    values[OFFSET, 0] += 1.5 * SCALE[0]
    values[SPIKE, 3] += 8 * SCALE[3]
    faulty = np.zeros(len(values), bool)
    faulty[OFFSET] = faulty[SPIKE] = True
    return values, faulty


def write_csv(path, values):
    """Write a table as a German spreadsheet does: semicolons, decimal commas, empty cells."""
    start = np.datetime64("2026-03-01T00:00")
    stamps = [str(start + np.timedelta64(5 * n, "m")) for n in range(len(values))]
    rows = [
        ";".join([stamp, *("" if np.isnan(one) else f"{one:.6g}".replace(".", ",") for one in row)])
        for stamp, row in zip(stamps, values, strict=True)
    ]
    path.write_text("\n".join([";".join(["time", *NAMES]), *rows]))
    return stamps


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder that the program writes, what it prints, and the time stamps."""
    folder = tmp_path_factory.mktemp("anomalies")
    stamps = write_csv(folder / "plant.csv", recording()[0])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = run(folder / "plant.csv", "--out", folder / "out", "--epochs", 25, *SIZES)
    assert status == 0, printed.getvalue()
    return folder / "out", printed.getvalue(), stamps


def read_scores(folder):
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_planted_faults_are_found_by_scores_and_decisions(made):
    rows, faulty = read_scores(made[0]), recording()[1]
    new = slice(HELD_OUT, None)
    scores = np.array([float(row["score"]) for row in rows[new]])
    flagged = np.array([row["is_anomaly"] == "1" for row in rows[new]])
    found = kv.metrics.vus_pr(faulty[new], scores, WINDOW)
    chance = kv.metrics.vus_pr(faulty[new], np.random.default_rng(0).random(len(scores)), WINDOW)
    assert found > 0.45 > 3 * chance
    assert flagged[faulty[new]].mean() > 0.8 and flagged[~faulty[new]].mean() < 0.25
    assert kv.metrics.range_recall(faulty[new], flagged, existence=1.0) == 1.0


@pytest.mark.slow
def test_the_worst_sensor_of_a_fault_is_the_faulty_one(made):
    rows = read_scores(made[0])
    for place, name in ((OFFSET, "temperature"), (SPIKE, "flow")):
        assert np.mean([row["worst_feature"] == name for row in rows[place]]) > 0.8
    assert min(float(row["worst_error"]) for row in rows[SPIKE]) > 2.0


@pytest.mark.slow
def test_each_row_has_its_time_its_part_and_a_score(made):
    folder, printed, stamps = made
    rows = read_scores(folder)
    assert [row["time"] for row in rows] == stamps
    parts = [row["part"] for row in rows]
    assert parts.index("held_out") == TRAINED and parts.index("new") == HELD_OUT
    assert all(row["score"] for row in rows[(len(rows) - WINDOW) % STRIDE :])
    assert "temperature" in printed and "| new " in printed and "Threshold" in printed
    names = {path.name for path in folder.iterdir()}
    assert names == {"scores.csv", "plot.png", "detector.keras", "detector.tflite"}
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")


RELOAD = """
import csv, sys
import numpy as np
import keras_vae as kv

detector = kv.load(sys.argv[1] + "/detector.keras")
windows = np.load(sys.argv[2])
pair = (windows, np.ones_like(windows))
scores = detector.predict(pair, verbose=0)
np.savez(sys.argv[3], scores=scores, flags=detector.is_anomaly(pair))
"""


@pytest.mark.slow
def test_the_detector_of_a_new_process_and_that_of_a_device_agree_with_the_scores(made, tmp_path):
    values = np.delete(recording()[0], NAMES.index("pressure"), axis=1).astype("float32")
    windows = np.ascontiguousarray(kv.windows(values[-200:], WINDOW, STRIDE))
    assert np.isnan(windows).any()
    np.save(tmp_path / "x.npy", windows)
    words = [sys.executable, "-c", RELOAD, made[0], tmp_path / "x.npy", tmp_path / "found.npz"]
    subprocess.run([str(word) for word in words], check=True)
    found = np.load(tmp_path / "found.npz")
    points = kv.point_scores(found["scores"], 200, WINDOW, STRIDE)[WINDOW:]
    written = [float(row["score"]) for row in read_scores(made[0])[-200:]][WINDOW:]
    np.testing.assert_allclose(points, written, rtol=1e-3)
    pair = {"x": windows, "mask": np.ones_like(windows)}
    answer = litert_files.run(made[0] / "detector.tflite", "score", **pair)
    np.testing.assert_allclose(answer["score"], found["scores"], rtol=1e-3, atol=1e-3)
    near = np.abs(found["scores"] - answer["threshold"]) < 1e-2
    assert (answer["is_anomaly"].astype(bool) == found["flags"])[~near].all()
    assert found["flags"].any() and not found["flags"].all()


BAD = {
    "stride": (["--window", 8, "--stride", 9], "--stride of at most --window 8.*Received: 9"),
    "window": (["--window", 1], "--window of at least 2"),
    "epochs": (["--epochs", 0], "--epochs of at least 1"),
    "seed": (["--seed", -1], "--seed of at least 0"),
    "rate": (["--false-positive-rate", 1.0], "--false-positive-rate between 0 and 1"),
    "share": (["--train-share", "nan"], "--train-share between 0 and 1. Received: nan"),
    "shares": (["--train-share", 0.9], "a sum of at most 1. Received: 0.9 and 0.2"),
    "rows": (["--window", 70], "at least --window 70 rows to train on. Received: 60 of 100"),
    "held out": (
        ["--window", 5, "--stride", 5],
        "at least 19 held-out windows that share no row, for --false-positive-rate 0.05. "
        "Received: 4",
    ),
    "column": (["--time-column", "date"], "'date'; the file has time, temperature"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_work_is_refused_before_any_training(name, tmp_path, capsys):
    words, message = BAD[name]
    write_csv(tmp_path / "a.csv", recording()[0][:100])
    given = words if name == "column" else ["--time-column", "time", *words]
    assert run(tmp_path / "a.csv", "--out", tmp_path / "out", *given) == 2
    assert re.search(f"^Error: Expected .*{message}", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_stays_as_it_is(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert run(tmp_path / "a.csv", "--out", tmp_path / "out") == 2
    assert "Expected a new folder for --out" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
