"""The benchmark of an accelerator goes on where it ended, and counts the time of a device once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.accelerator import busy, plan
from benchmarks.accelerator.__main__ import measure_apart
from benchmarks.accelerator.results import Results, measure_all

ROOT = Path(__file__).parents[2]


def go(results, rows, rates=None, left=lambda: 100.0, said=None):
    """Measure rows at the speeds of `rates`, or fail, and return those that were measured."""
    seen = []

    def measure(row, limit):
        seen.append((row, limit))
        rate = (rates or {}).get(row.library, 10.0)
        return {"failed": "no memory"} if rate is None else {"images_per_second": rate}

    measure_all(results, rows, measure, left, 15.0, 60.0, ([] if said is None else said).append)
    return seen


def test_a_row_that_is_done_is_not_measured_again_and_one_that_failed_is(tmp_path):
    path, rows = tmp_path / "new" / "found.jsonl", plan.rows(only="transformer/float32")
    assert len(go(Results(path), rows, {plan.COMPILED: None})) == len(rows) == 5
    again = go(Results(path), rows)
    assert [row.library for row, _ in again] == [plan.COMPILED]
    assert go(Results(path), rows) == []
    assert len(path.read_text().splitlines()) == 6


def test_another_batch_is_another_row(tmp_path):
    path = tmp_path / "found.jsonl"
    go(Results(path), plan.rows(only="transformer"))
    rows = plan.rows(only="transformer", batch=1000)
    assert {row.count for row in rows} == {9000}
    assert len(go(Results(path), rows)) == len(rows)


def test_a_line_that_was_cut_off_is_measured_again(tmp_path):
    path, rows = tmp_path / "found.jsonl", plan.rows(only="transformer/float32")
    go(Results(path), rows)
    path.write_text(path.read_text()[:-30])
    assert [row for row, _ in go(Results(path), rows)] == rows[-1:]
    assert go(Results(path), rows) == []


def test_no_row_is_begun_without_time_and_none_gets_more_than_is_left(tmp_path):
    times, said = iter([70.0, 70.0, 20.0, 20.0, 14.0]), []
    rows = plan.rows()
    seen = go(Results(tmp_path / "x"), rows, left=lambda: next(times), said=said)
    assert [limit for _, limit in seen] == [60.0, 20.0]
    assert "no time" in said[-1]


def test_the_summary_compares_jax_with_each_pytorch(tmp_path):
    results, rows = Results(tmp_path / "x"), plan.rows(only="transformer/float32")
    go(results, rows, {plan.JAX: 30.0, plan.EAGER: 20.0, plan.COMPILED: 40.0, plan.GRAPHS: None})
    found = json.loads(json.dumps(results.summary(rows)))
    assert [row["library"] for row in found["rows"]] == [row.library for row in rows]
    assert found["jax_over_torch"] == [
        {"network": "transformer", "precision": "float32", "PyTorch": 1.5, "torch.compile": 0.75}
    ]
    assert found["to_come"] == [f"transformer/float32/{plan.GRAPHS}"]


def test_what_matters_most_is_measured_first():
    rows = plan.rows()
    assert [row.library for row in rows[:6]] == [plan.JAX, plan.EAGER, plan.COMPILED] * 2
    assert {row.library for row in rows[:18]} == {plan.JAX, plan.EAGER, plan.COMPILED}
    assert {row.network for row in rows[:18]} == set(plan.NETWORKS)
    assert len(set(rows)) == len(rows) == 30
    assert all(row.count % row.batch == 0 for row in rows)


def test_time_in_which_kernels_overlap_counts_once():
    assert busy.union([(5, 7), (0, 2), (1, 3), (6, 6.5)]) == 5
    assert busy.union([]) == 0


def event(name, pid, tid, begin, end):
    return {"ph": "X", "name": name, "pid": pid, "tid": tid, "ts": begin, "dur": end - begin}


def test_kernels_of_a_trace_are_those_on_the_streams_of_devices():
    def named(kind, text, **place):
        return {"ph": "M", "name": kind, "args": {"name": text}, **place}

    events = [
        named("process_name", "/device:GPU:0", pid=1),
        named("process_name", "/host:CPU", pid=2),
        named("thread_name", "Stream #13(Compute)", pid=1, tid=3),
        named("thread_name", "XLA Modules", pid=1, tid=4),
        named("thread_name", "Stream of words", pid=2, tid=3),
        event("fusion", 1, 3, 100.0, 150.0),
        event("fusion", 1, 3, 140.0, 200.0),
        event("jit_run", 1, 4, 0.0, 900.0),
        event("python", 2, 3, 0.0, 900.0),
    ]
    assert busy.kernel_seconds(events) == pytest.approx(100e-6)
    assert busy.kernel_seconds(events[1:]) is None


@pytest.mark.long
@pytest.mark.extra(name="backends")
def test_the_script_measures_all_libraries_on_a_processor_and_goes_on(tmp_path):
    words = [ROOT / "benchmarks" / "accelerator.sh", "--tiny", "--results", tmp_path / "found"]
    asked = [*map(str, words), "--only", "28x28 convolutions/bfloat16"]
    environment = {**os.environ, "PYTHON": sys.executable}
    found = []
    for _ in range(2):
        done = subprocess.run(asked, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert done.stderr.count("done before") == 4
    assert found[0] == found[1] and found[0]["to_come"] == []
    rows = {row["library"]: row for row in found[0]["rows"]}
    assert set(rows) == {plan.JAX, plan.EAGER, plan.COMPILED, plan.FIT}
    for row in rows.values():
        assert row["images_per_second"] > 0 and row["device_share"] is None
        assert 400 < row["loss"] < 700  # 784 log 2 = 543 nats before the first step.


@pytest.mark.slow
def test_a_row_that_cannot_run_says_why_and_one_that_takes_long_ends():
    row = plan.Row("no network", "float32", plan.EAGER, 4, 8, device="cpu")
    assert "no network" in measure_apart(row, 60.0)["failed"]
    assert measure_apart(row, 0.01) == {"failed": "not done after 0 s"}
