"""The parts of `make test-long`: all of them run, and a failure of one fails the whole."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PARTS = (
    "TensorFlow, long files",
    "TensorFlow, slow tests",
    "Apache Beam",
    "Trackers",
    "JAX",
    "PyTorch",
)


@pytest.fixture
def environment(tmp_path):
    """Two environments; their Python notes its arguments and ends with the number in a file."""
    for folder in ("bin", "beam/bin", "trackers/bin"):
        program = tmp_path / folder / "python"
        program.parent.mkdir(parents=True)
        program.write_text(
            f"#!/bin/sh\necho $KERAS_BACKEND {folder} $@ >> {tmp_path}/calls\n"
            f"exit $(cat {tmp_path}/$KERAS_BACKEND 2>/dev/null || echo 0)\n"
        )
        program.chmod(0o755)
    return tmp_path


def run(folder, *arguments):
    return subprocess.run(
        ["scripts/test_long.sh", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "VENV": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
    )


def calls(folder):
    return [line.split()[:2] for line in (folder / "calls").read_text().splitlines()]


def test_every_part_runs_in_its_environment_and_has_its_time(environment):
    done = run(environment)
    assert done.returncode == 0
    backends = [
        *(["tensorflow", folder] for folder in ("bin", "bin", "beam/bin", "trackers/bin")),
        *([backend, "bin"] for backend in ("jax", "torch")),
    ]
    assert calls(environment) == backends
    table = done.stderr.split("Seconds of each part:")[1].splitlines()[1:]
    assert [line.split(" s  ")[1] for line in table] == list(PARTS)


def test_the_parts_after_a_failure_run_too(environment):
    (environment / "jax").write_text("1")
    done = run(environment)
    assert done.returncode == 1 and len(calls(environment)) == len(PARTS)
    assert done.stderr.endswith("These parts failed: JAX;\n")


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("-k", "a name"), 0)])
def test_only_chosen_tests_may_leave_a_part_without_any(environment, arguments, code):
    (environment / "torch").write_text("5")
    assert run(environment, *arguments).returncode == code
