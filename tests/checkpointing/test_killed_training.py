"""The training program, asked to end as a spot machine asks, then killed as the kernel kills."""

import signal
import time

import pytest

from keras_vae import cli
from tests.support import killed

pytestmark = pytest.mark.tensorflow


def terminate(recipe, out, log):
    """Ask a new run to end after its first epoch; it must say by its exit code that it did."""
    process = killed.start(killed.command(recipe, out), log)
    while not (out / "metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == cli.TERMINATED == 75, log.read_text()
    assert "Terminated. The training goes on from" in log.read_text()
    assert f"To train on: keras-vae train {recipe} --out {out} --resume" in log.read_text()


def test_a_run_that_was_terminated_and_killed_ends_with_the_bits_of_one_that_was_not(tmp_path):
    recipe = killed.write_recipe(tmp_path, epochs=6)
    killed.run(killed.command(recipe, tmp_path / "whole"))
    terminate(recipe, tmp_path / "killed", tmp_path / "log.txt")
    killed.train_killed(tmp_path, recipe, kills=1, seed=0)
    killed.assert_same_runs(tmp_path / "whole", tmp_path / "killed")
