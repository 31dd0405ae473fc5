"""A short load test; `python -m tests.support.load` is the one of a minute."""

import numpy as np
import pytest

from tests.support import load

pytest.importorskip("tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api")
pytestmark = pytest.mark.tensorflow


def test_under_load_and_a_change_of_version_every_answer_is_right(tmp_path):
    report = load.load(tmp_path, seconds=6.0, clients=8)
    assert not report.problems, report.problems[:5]
    assert report.counts["right"] == len(report.times) > 20
    assert report.counts["right of the new version"] and report.counts["refused"]
    assert "0 wrong, 0 lost" in str(report)


def test_a_wrong_answer_would_be_seen():
    wanted = {"z": np.arange(8.0).reshape(4, 2)}
    rows = slice(1, 3)
    assert load._equal({"z": wanted["z"][rows]}, wanted, rows)
    assert not load._equal({"z": wanted["z"][rows] + 0.01}, wanted, rows)
    assert not load._equal({"z": wanted["z"][rows][::-1]}, wanted, rows)
    assert not load._equal({"z": wanted["z"][:1]}, wanted, rows)
    assert not load._equal({}, wanted, rows)
