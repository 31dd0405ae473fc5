"""Parts and scores of a recording, with models that were not trained."""

import csv

import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import UsageError
from keras_vae.training import anomalies, anomaly_scores
from keras_vae.training.data.sources.csv_recording import Recording

pytestmark = pytest.mark.tensorflow

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal([1013.0, 0.2], [10.0, 0.01], (203, 2))
ROWS[RANDOM.random(ROWS.shape) < 0.05] = np.nan
DEAD = slice(170, 190)
ROWS[DEAD] = np.nan


def parts(rows=ROWS, shares=(0.5, 0.25), window=8, stride=4):
    return anomaly_scores.Parts.cut(rows, shares, window, stride)


def recording():
    return Recording(ROWS, ["pressure", "flow"], [f"t{n}" for n in range(len(ROWS))], "time")


def detector(made, kind="transformer"):
    found = kv.AnomalyDetector(anomalies.make_model(kind, made, 2, 0))
    found.threshold = float(np.median(found.predict(anomaly_scores.with_ones(made.train))))
    return found


def test_no_step_is_in_windows_of_two_parts():
    rows = np.arange(200.0)[:, None]
    made = parts(rows, (0.5, 0.25), 8, 3)
    assert made.borders == (100, 150)
    assert made.train.max() < 100 <= made.held_out.min() and made.held_out.max() < 150
    assert made.block_size == 3
    names = made.names
    assert [names[n] for n in (99, 100, 149, 150)] == ["train", "held_out", "held_out", "new"]


def test_windows_of_gaps_alone_are_left_out_of_training():
    rows = np.arange(200.0)[:, None]
    rows[20:40] = np.nan
    made = parts(rows, (0.5, 0.25), 8, 4)
    assert len(made.train) == 24 - 4
    assert anomaly_scores.has_number(made.train).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((14, 1)), "at least --window 8 rows to train on. Received: 7 of 14 rows"),
        (np.zeros((20, 1)), "at least --window 8 rows to hold out. Received: 5 of 20 rows"),
        (np.full((200, 1), np.nan), "numbers in the rows to train on. Received: 100 rows of gaps"),
    ],
)
def test_parts_without_a_window_are_refused(rows, message):
    with pytest.raises(UsageError, match=f"^Expected {message}"):
        parts(rows)


@pytest.mark.slow
def test_scores_are_means_over_the_windows_with_a_number(tmp_path):
    made = parts()
    found = detector(made)
    scores = anomaly_scores.score(found, made)
    cut = kv.windows(made.rows[3:], 8, 4)  # 203 steps: the first three are in no window.
    sums, counts = np.zeros(203), np.zeros(203)
    for n, window in enumerate(cut):
        if not np.isnan(window).all():
            one = found.predict(anomaly_scores.with_ones(window[None].copy()), verbose=0)
            sums[3 + 4 * n : 11 + 4 * n] += one
            counts[3 + 4 * n : 11 + 4 * n] += 1
    assert (counts[:3] == 0).all() and (counts[175:183] == 0).all() and (counts > 0).sum() > 180
    expected = np.divide(sums, counts, out=np.full(203, np.nan), where=counts > 0)
    np.testing.assert_allclose(scores.score, expected, rtol=1e-4)
    np.testing.assert_array_equal(scores.flagged, expected > found.threshold.value)
    assert np.isnan(scores.errors[np.isnan(ROWS)]).all()
    anomaly_scores.write_scores(tmp_path / "scores.csv", made, recording(), scores)
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["time"] for row in rows] == recording().stamps
    empty = {"score": "", "is_anomaly": "", "worst_feature": "", "worst_error": ""}
    assert rows[178] == {"time": "t178", "part": "new", **empty}
    assert rows[100]["is_anomaly"] == str(int(scores.flagged[100]))


def test_errors_are_in_standard_deviations_of_the_training_part():
    made = parts()
    found = detector(made)
    scores = anomaly_scores.score(found, made)
    last = anomaly_scores.with_ones(made.rows[None, -8:])
    distance = np.abs(made.rows[-4:] - np.asarray(found.model.reconstruct(last))[0, -4:])
    expected = distance / np.nanstd(ROWS[:101], axis=0)  # The last four steps: one window.
    np.testing.assert_allclose(scores.errors[-4:], expected, rtol=1e-3)
    step = len(ROWS) - 1
    assert scores.worst(step) == np.nanargmax(expected[-1]) and scores.worst(178) is None


def test_the_summary_lists_flagged_ranges_by_their_highest_score():
    made = parts()
    score = np.zeros(203)
    score[10:12], score[160:165] = 2.0, 5.0
    errors = np.zeros((203, 2))
    errors[160:165, 1] = 3.0
    found = anomaly_scores.Scores(score, score > 1, errors)
    lines = anomaly_scores.summary(made, recording(), found).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        *("train", "101", "101", "2", "2.0%")
    ]
    first, second = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[-2:])
    assert first == ["t160", "t164", "5", "5", "flow"]
    assert second[:3] == ["t10", "t11", "2"]
    none = anomaly_scores.Scores(score, np.zeros(203, bool), errors)
    assert anomaly_scores.summary(made, recording(), none).endswith("No row is flagged.")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "wanted"), [("lstm", kv.LSTMVAE), ("tcn", kv.TCNVAE)])
def test_the_other_networks_learn_from_the_same_windows(kind, wanted):
    made = parts()
    model = anomalies.make_model(kind, made, 2, 0)
    assert isinstance(model, wanted)
    model.compile("adam")
    pairs = anomaly_scores.with_ones(made.train)
    before = model.evaluate(pairs, verbose=0, return_dict=True)["loss"]
    model.fit(pairs, epochs=8, verbose=0)
    assert model.evaluate(pairs, verbose=0, return_dict=True)["loss"] < before
